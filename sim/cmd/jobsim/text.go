package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// safe makes text that came from a device fit for a terminal: nothing in it
// can move the cursor or hide itself. Newlines and tabs stay.
func safe(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "\\u%04x", r)
	}
	return b.String()
}

// safeLine is safe for what has to stay on one line.
func safeLine(s string) string { return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(safe(s)) }

// block indents text below its name; one line goes beside it.
func block(name, text string) string {
	text = strings.TrimRight(safe(text), "\n")
	if !strings.Contains(text, "\n") {
		return fmt.Sprintf("  %s: %s\n", safeLine(name), text)
	}
	return fmt.Sprintf("  %s:\n    %s\n", safeLine(name), strings.ReplaceAll(text, "\n", "\n    "))
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quote makes a word that a shell reads as it is.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
