package jobs

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue is the longest value in statusDetails, in characters (AWS IoT Jobs
// quota).
const maxValue = 1024

// Details is what statusDetails says of an execution (SPEC 1.5). Empty values
// are left out.
type Details struct {
	Reason string
	Stdout string
	Stderr string
}

// A fallback is how much has been taken out of the details because the service
// refused them with InvalidRequest.
type fallback uint8

const (
	whole       fallback = iota
	noControls           // every character of \p{C} is a space
	reasonAlone          // without stdout and stderr
)

// reduce is d as the fallback wants it.
func (d Details) reduce(f fallback) Details {
	if f >= reasonAlone {
		d.Stdout, d.Stderr = "", ""
	}
	if f >= noControls {
		d.Reason, d.Stdout, d.Stderr = blank(d.Reason), blank(d.Stdout), blank(d.Stderr)
	}
	return d
}

// pairs are the details that are sent, in a fixed order.
func (d Details) pairs() [][2]string {
	var out [][2]string
	for _, p := range [][2]string{{"reason", d.Reason}, {"stdout", d.Stdout}, {"stderr", d.Stderr}} {
		if p[1] != "" {
			out = append(out, p)
		}
	}
	return out
}

// blank replaces every character of \p{C} by a space: controls, format
// characters, private use and what Unicode has not assigned.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C) || !assigned(r) {
			return ' '
		}
		return r
	}, s)
}

// assigned says whether r has any category: unicode.C lacks the unassigned, Cn.
func assigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z)
}

// output makes what a process wrote fit to be sent: bytes that are not UTF-8,
// and control characters other than newline and tab, become U+FFFD.
func output(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// line is output on one line, at most maxValue characters from its start.
func line(s string) string {
	return cut(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, output(s)), maxValue)
}

// tail is the last n characters of s.
func tail(s string, n int) string {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return s[i:]
}

// cut is the first n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
