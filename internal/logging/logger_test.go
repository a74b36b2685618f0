package logging

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", `job a: step 1 "x"`, `job a: step 1 "x"`},
		{"accents", "Zürich 東京", "Zürich 東京"},
		{"newline forges a line", "ok\njob b: SUCCEEDED", `ok\njob b: SUCCEEDED`},
		{"terminal escape", "\x1b[2J", `\x1b[2J`},
		{"not UTF-8", "a\xffb", `a\xffb`},
		{"replacement character itself", "a\uFFFDb", "a\uFFFDb"},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"right-to-left override", "a\u202eb", `a\u202eb`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("%s: Clean(%q) = %q; want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func TestCleanCutsBetweenCharacters(t *testing.T) {
	got := Clean(strings.Repeat("é", MaxLine))
	if !utf8.ValidString(got) || len(got) > MaxLine+len("[...]") || !strings.HasSuffix(got, "[...]") {
		t.Errorf("Clean of a long line is %d bytes, ends in %q", len(got), got[len(got)-8:])
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb\xff\x1b")
	f.Fuzz(func(t *testing.T, in string) {
		got := Clean(in)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("Clean(%q) = %q holds %q", in, got, r)
			}
		}
		if len(got) > MaxLine+len("[...]") {
			t.Errorf("Clean(%q) is %d bytes", in, len(got))
		}
	})
}

func TestLevels(t *testing.T) {
	var lines []string
	l := New(Warn, func(level Level, line string) { lines = append(lines, level.String()+" "+line) })
	l.Debugf("a")
	l.Infof("b")
	l.Warnf("c %d", 1)
	l.Errorf("d")
	l.Reset(Debug, l.sink)
	l.Debugf("e")
	if got := strings.Join(lines, "|"); got != "WARN c 1|ERROR d|DEBUG e" {
		t.Errorf("logged %q", got)
	}
	var none *Logger
	none.Errorf("nowhere")
	if none.On(Error) {
		t.Error("a nil logger is on")
	}
}

func TestParseLevel(t *testing.T) {
	for _, name := range []string{"debug", "INFO", "Warn", "ERROR"} {
		if l, err := ParseLevel(name); err != nil || !strings.EqualFold(l.String(), name) {
			t.Errorf("ParseLevel(%q) = %v, %v", name, l, err)
		}
	}
	if _, err := ParseLevel("TRACE"); err == nil {
		t.Error("ParseLevel(TRACE) is accepted")
	}
}
