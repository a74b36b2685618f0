package exec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTail(t *testing.T) {
	long := strings.Repeat("x", maxTail)
	tests := []struct {
		name   string
		writes []string
		want   string
		lines  int64
	}{
		{"nothing", nil, "", 0},
		{"empty writes", []string{"", ""}, "", 0},
		{"a line", []string{"a\n"}, "a\n", 1},
		{"a last line without its newline", []string{"a\nb"}, "a\nb", 2},
		{"only newlines", []string{"\n\n"}, "\n\n", 2},
		{"exactly full", []string{long}, long, 1},
		{"one more", []string{long, "y"}, long[1:] + "y", 1},
		{"one long write", []string{"ab" + long + "c\n"}, long[2:] + "c\n", 1},
		{"many writes around the end", []string{long[:4000], "123456789", strings.Repeat("z", 4090)}, "456789" + strings.Repeat("z", 4090), 1},
		{"cut in a character of two bytes", []string{"é" + long[1:]}, long[1:], 1},
		{"cut in a character of four bytes", []string{"😀" + long[1:]}, long[1:], 1},
		{"cut before a character", []string{"x😀" + long[4:]}, "😀" + long[4:], 1},
		{"not UTF-8 at all", []string{strings.Repeat("\x80", maxTail+9)}, strings.Repeat("\x80", maxTail), 1},
	}
	for _, tt := range tests {
		var b tail
		for _, w := range tt.writes {
			b.Write([]byte(w))
		}
		if got := b.String(); got != tt.want || b.Lines() != tt.lines {
			t.Errorf("%s: %d bytes %.20q, %d lines; want %d bytes %.20q, %d lines",
				tt.name, len(got), got, b.Lines(), len(tt.want), tt.want, tt.lines)
		}
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("aé\n"), uint16(3000), uint16(7))
	f.Add([]byte("😀\xff"), uint16(1), uint16(9000))
	f.Fuzz(func(t *testing.T, unit []byte, times, cut uint16) {
		in := bytes.Repeat(unit, int(times)%600)
		var b tail
		for rest := in; len(rest) > 0; {
			n := min(len(rest), int(cut)+1)
			b.Write(rest[:n])
			rest = rest[n:]
		}
		got := b.String()
		if !strings.HasSuffix(string(in), got) || len(got) < min(len(in), maxTail-3) || len(got) > maxTail {
			t.Fatalf("%d bytes of %q are no proper end of the input", len(got), unit)
		}
		if utf8.Valid(in) && !utf8.ValidString(got) {
			t.Errorf("the end of valid UTF-8 is not valid: %q", got[:8])
		}
		want := int64(bytes.Count(in, []byte{'\n'}))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if b.Lines() != want || b.total != int64(len(in)) {
			t.Errorf("%d lines, %d bytes; want %d, %d", b.Lines(), b.total, want, len(in))
		}
	})
}

func TestLineSplitter(t *testing.T) {
	long := strings.Repeat("x", maxLogLine)
	tests := []struct {
		name   string
		writes []string
		want   []string
	}{
		{"lines", []string{"a\nb", "c\n\nd"}, []string{"a", "bc", "", "d"}},
		{"too long", []string{long, "y", "z\nnext\n"}, []string{long + "[...]", "next"}},
		{"just not too long", []string{long + "\n"}, []string{long}},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		var got []string
		l := lineSplitter{stream: "stdout", sink: func(_, line string, _ int) { got = append(got, line) }}
		for _, w := range tt.writes {
			l.Write([]byte(w))
		}
		l.Close()
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %.60q; want %.60q", tt.name, got, tt.want)
		}
	}
}

// Whatever comes, the log gets so many lines a second, and the number of the
// others.
func TestLineSplitterIsBounded(t *testing.T) {
	const n = 100000
	lines, dropped := 0, 0
	l := lineSplitter{sink: func(_, line string, d int) {
		dropped += d
		if line != "" {
			lines++
		}
	}}
	for range n {
		l.Write([]byte("x\n"))
	}
	l.Close()
	if lines+dropped != n || dropped == 0 || lines < maxLinesASecond {
		t.Errorf("%d lines and %d left out; want %d in all", lines, dropped, n)
	}
}
