package main

import (
	"strings"
	"testing"
	"unicode"
)

func TestSafe(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain ünïcode", "plain ünïcode"},
		{"two\nlines\there", "two\nlines\there"},
		{"\x1b[31mred", `\u001b[31mred`},
		{"over\rwritten\b", `over\u000dwritten\u0008`},
		{"\u202eright to left", `\u202eright to left`},
		{"\xff", "\ufffd"},
	}
	for _, tt := range tests {
		if got := safe(tt.in); got != tt.want {
			t.Errorf("safe(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
	if got := safeLine("a\nb\tc"); got != `a\nb\tc` {
		t.Errorf("safeLine = %q", got)
	}
}

func TestBlock(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"reason", "Exited with status: 0", "  reason: Exited with status: 0\n"},
		{"stdout", "one\ntwo\n", "  stdout:\n    one\n    two\n"},
		{"a\nb", "x", "  a\\nb: x\n"},
	}
	for _, tt := range tests {
		if got := block(tt.name, tt.text); got != tt.want {
			t.Errorf("block(%q, %q) = %q; want %q", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/tmp/a-b_c.d": "/tmp/a-b_c.d", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "": "''"} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s; want %s", in, got, want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07\x00\u202e")
	f.Fuzz(func(t *testing.T, in string) {
		bad := func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
		if got := safe(in); strings.ContainsFunc(got, bad) {
			t.Errorf("safe(%q) = %q", in, got)
		}
	})
}
