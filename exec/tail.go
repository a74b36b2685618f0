package exec

import (
	"bytes"
	"unicode/utf8"
)

// maxTail is how much of each stream is kept: SPEC section 1.5 reports 1024
// characters, of at most four bytes each.
const maxTail = 4096

// tail keeps the end of a stream, and counts all of it. Its memory is one array
// whatever comes.
type tail struct {
	ring  [maxTail]byte
	total int64
	lines int64 // newlines
	last  byte
}

func (t *tail) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t.lines += int64(bytes.Count(p, []byte{'\n'}))
	t.last = p[len(p)-1]
	keep := p
	if len(keep) > maxTail {
		keep = keep[len(keep)-maxTail:]
	}
	at := int((t.total + int64(len(p)-len(keep))) % maxTail)
	n := copy(t.ring[at:], keep)
	copy(t.ring[:], keep[n:])
	t.total += int64(len(p))
	return len(p), nil
}

// Lines counts a last line that has no newline too.
func (t *tail) Lines() int64 {
	if t.total > 0 && t.last != '\n' {
		return t.lines + 1
	}
	return t.lines
}

// String is the end of the stream. Where it has been cut inside a UTF-8
// character, the rest of that character is left out.
func (t *tail) String() string {
	if t.total <= maxTail {
		return string(t.ring[:t.total])
	}
	at := int(t.total % maxTail)
	return string(trimFront(append(append(make([]byte, 0, maxTail), t.ring[at:]...), t.ring[:at]...)))
}

// trimFront drops continuation bytes that lost their first byte: at most three
// stand before the next character in UTF-8; more, and it is not UTF-8.
func trimFront(b []byte) []byte {
	for i := 0; i < utf8.UTFMax && i < len(b); i++ {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	return b
}
