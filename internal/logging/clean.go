package logging

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is the longest line in bytes; the rest of an event is cut off.
// RFC 3164 receivers take 1024, every syslogd met today 2048 and more.
const MaxLine = 2000

// Clean makes text from outside fit for one line of a log: control and format
// characters, line ends and bytes that are not UTF-8 are escaped as in Go, and
// a text longer than MaxLine is cut between characters and marked.
func Clean(s string) string {
	if len(s) <= MaxLine && isClean(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		part := s[:n]
		if !printable(r, n) {
			part = escape(r, n, s[0])
		}
		if b.Len()+len(part) > MaxLine {
			b.WriteString("[...]")
			break
		}
		b.WriteString(part)
		s = s[n:]
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !printable(r, n) {
			return false
		}
		i += n
	}
	return true
}

// printable is false for U+2028 and its like too: some viewers break lines there.
func printable(r rune, size int) bool {
	return unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
}

func escape(r rune, size int, first byte) string {
	if r == utf8.RuneError && size == 1 {
		const hex = "0123456789abcdef"
		return `\x` + string(hex[first>>4]) + string(hex[first&15])
	}
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}
