package jobs

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestOutput(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain\n\ttext é", "plain\n\ttext é"},
		{"\x1b[31mred\r\n", "\uFFFD[31mred\uFFFD\n"},
		{"a\xffb\x00", "a\uFFFDb\uFFFD"},
		{"\u0085\u007f", "\uFFFD\uFFFD"},
	}
	for _, tt := range tests {
		if got := output(tt.in); got != tt.want {
			t.Errorf("output(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
}

func TestTailAndCut(t *testing.T) {
	long := strings.Repeat("x", 2000) + "é東"
	if got := tail(long, 3); got != "xé東" {
		t.Errorf("tail = %q", got)
	}
	if got := cut("é東x", 2); got != "é東" {
		t.Errorf("cut = %q", got)
	}
	if tail("ab", 5) != "ab" || cut("ab", 5) != "ab" || tail("", 1) != "" || cut("a", 0) != "" {
		t.Error("short strings are not left alone")
	}
}

func TestReduce(t *testing.T) {
	d := Details{"Exited with status: 0", "a\tb\n\u200b\ue000\U000E0001\u0378é", "err\n"}
	if got := d.reduce(noControls); got.Stdout != "a b     é" || got.Stderr != "err " || got.Reason != d.Reason {
		t.Errorf("reduce(noControls) = %q", got)
	}
	if got := d.reduce(reasonAlone); got.Stdout != "" || got.Stderr != "" || got.Reason == "" {
		t.Errorf("reduce(reasonAlone) = %q", got)
	}
	if d.reduce(whole) != d {
		t.Error("reduce(whole) changes something")
	}
}

func TestUpdateBody(t *testing.T) {
	u := update{status: Failed, details: Details{Reason: `a "b"`, Stderr: "x\n"}, number: 7, token: "t-1"}
	want := `{"status":"FAILED","statusDetails":{"reason":"a \"b\"","stderr":"x\n"},"executionNumber":7,"includeJobExecutionState":true,"clientToken":"t-1"}`
	if got := string(u.body()); got != want {
		t.Errorf("body = %s; want %s", got, want)
	}
	if got := string((update{status: InProgress, number: 1, token: "t"}).body()); strings.Contains(got, "statusDetails") {
		t.Errorf("an update without details would clear those there: %s", got)
	}
}

// FuzzDetails: whatever a process writes, what is sent keeps to the service's
// limits, and after the first fallback to its documented pattern.
func FuzzDetails(f *testing.F) {
	f.Add("out\x00\xff", "err\n")
	f.Fuzz(func(t *testing.T, out, errOut string) {
		d := Details{line(out), tail(output(out), maxValue), tail(output(errOut), maxValue)}
		for _, p := range d.pairs() {
			if n := utf8.RuneCountInString(p[1]); n < 1 || n > maxValue || !utf8.ValidString(p[1]) {
				t.Errorf("%s has %d characters: %q", p[0], n, p[1])
			}
		}
		for _, p := range d.reduce(noControls).pairs() {
			for _, r := range p[1] {
				if unicode.In(r, unicode.C) {
					t.Errorf("%s still holds %U", p[0], r)
				}
			}
		}
		if !json.Valid((update{status: Failed, details: d, token: "t"}).body()) {
			t.Errorf("not JSON for %q, %q", out, errOut)
		}
	})
}
