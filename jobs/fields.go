package jobs

import (
	"strings"

	"jobbox/internal/jsontext"
)

// These read one field each. A null counts as absent.

// text is any string that a process can be given: one without NUL.
func text(v jsontext.Value) (string, error) {
	s, err := v.Text()
	if err == nil && strings.IndexByte(s, 0) >= 0 {
		return "", v.Errorf("holds a NUL character, which no argument can")
	}
	return s, err
}

func required(v jsontext.Value) (string, error) {
	s, err := text(v)
	if err == nil && s == "" {
		return "", v.Errorf("want a string, got an empty one")
	}
	return s, err
}

func optional(v jsontext.Value) (string, error) {
	if !v.Exists() {
		return "", nil
	}
	return text(v)
}

// parameter is an optional string that a managed template fills in. Left out
// there, it arrives empty or as the placeholder itself: both count as absent.
func parameter(v jsontext.Value) (string, error) {
	s, err := optional(v)
	if strings.HasPrefix(s, "${aws:iot:parameter:") && strings.HasSuffix(s, "}") {
		return "", err
	}
	return s, err
}

// boolean is a boolean, or the strings "true" and "false", which the C++ client
// reads and its sample documents use.
func boolean(v jsontext.Value) (bool, error) {
	if !v.Exists() {
		return false, nil
	}
	if v.Kind() != "a string" {
		return v.Bool()
	}
	switch s, _ := v.Text(); s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, v.Errorf(`want a boolean, "true" or "false", got %q`, cut(s, 64))
	}
}

func count(v jsontext.Value, absent int64) (int64, error) {
	if !v.Exists() {
		return absent, nil
	}
	n, err := v.Int()
	if err == nil && n < 0 {
		return 0, v.Errorf("want a number of lines from 0 up, got %d", n)
	}
	return n, err
}

func texts(v jsontext.Value) ([]string, error) {
	items, err := v.Array()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], err = text(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func optionalTexts(v jsontext.Value) ([]string, error) {
	if !v.Exists() {
		return nil, nil
	}
	return texts(v)
}
