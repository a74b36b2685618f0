// Package jsontext writes JSON, and reads it strictly with errors that name the
// place. Reading stands on valyala/fastjson; writing is our own, since that
// library's output is not JSON for every string and encoding/json costs a
// quarter of a megabyte.
package jsontext

import (
	"strconv"
	"unicode/utf8"
)

// Writer appends one JSON value, piece by piece. Commas come by themselves;
// that the pieces make sense together is the caller's part. The zero Writer is
// ready.
type Writer struct{ b []byte }

// Bytes is what has been written so far.
func (w *Writer) Bytes() []byte { return w.b }

// BeginObject opens an object.
func (w *Writer) BeginObject() { w.open('{') }

// EndObject closes the object opened last.
func (w *Writer) EndObject() { w.b = append(w.b, '}') }

// BeginArray opens an array.
func (w *Writer) BeginArray() { w.open('[') }

// EndArray closes the array opened last.
func (w *Writer) EndArray() { w.b = append(w.b, ']') }

// Key writes a member's name; its value comes next.
func (w *Writer) Key(name string) {
	w.comma()
	w.b = append(AppendString(w.b, name), ':')
}

// String writes a string value.
func (w *Writer) String(s string) {
	w.comma()
	w.b = AppendString(w.b, s)
}

// Int writes a number.
func (w *Writer) Int(n int64) {
	w.comma()
	w.b = strconv.AppendInt(w.b, n, 10)
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) {
	w.comma()
	w.b = strconv.AppendBool(w.b, v)
}

// Raw writes a value that is JSON already.
func (w *Writer) Raw(json []byte) {
	w.comma()
	w.b = append(w.b, json...)
}

func (w *Writer) open(bracket byte) {
	w.comma()
	w.b = append(w.b, bracket)
}

// comma looks at the last byte: a value stands before the next one unless a
// bracket or a colon does.
func (w *Writer) comma() {
	if len(w.b) == 0 {
		return
	}
	switch w.b[len(w.b)-1] {
	case '{', '[', ':':
	default:
		w.b = append(w.b, ',')
	}
}

// AppendString appends s as a JSON string (RFC 8259 section 7). Bytes that are
// not UTF-8 become U+FFFD; U+2028 and U+2029 are escaped, as encoding/json does.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			dst = appendASCII(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[r&15])
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return append(dst, '"')
}

const hex = "0123456789abcdef"

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c < ' ' {
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}
