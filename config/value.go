package config

import (
	"fmt"
	"strconv"
	"strings"

	"jobbox/internal/jsontext"
)

// value is one setting as an operator gave it, in the file or as text on the
// command line and in the environment.
type value struct {
	label string // what the operator calls it: logging.level, --log-level, JOBBOX_LOG_LEVEL
	text  string
	json  *jsontext.Value // nil for text
}

// errorf is an error about this setting, its name first.
func (v value) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", v.label, fmt.Errorf(format, args...))
}

// str is the setting as a string.
func (v value) str() (string, error) {
	s := v.text
	if v.json != nil {
		var err error
		if s, err = v.json.Text(); err != nil {
			return "", err
		}
	}
	if strings.HasPrefix(s, "<replace_with") {
		return "", v.errorf("is still the template's %q; put the real one in its place", s)
	}
	if strings.ContainsRune(s, 0) {
		return "", v.errorf("holds a NUL character in %q; take it out", s)
	}
	return s, nil
}

// integer is the setting as a number of lo to hi, in unit.
func (v value) integer(lo, hi int64, unit string) (int64, error) {
	n, err := v.number()
	if err != nil {
		return 0, err
	}
	if n < lo || n > hi {
		return 0, v.errorf("%d is not between %d and %d%s", n, lo, hi, unit)
	}
	return n, nil
}

func (v value) number() (int64, error) {
	if v.json != nil {
		return v.json.Int()
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		return 0, v.errorf("want a whole number, got %q", v.text)
	}
	return n, nil
}

// boolean is the setting as true or false.
func (v value) boolean() (bool, error) {
	if v.json != nil {
		return v.json.Bool()
	}
	switch {
	case strings.EqualFold(v.text, "true"):
		return true, nil
	case strings.EqualFold(v.text, "false"):
		return false, nil
	}
	return false, v.errorf("want true or false, got %q", v.text)
}

// list is the setting as an array of strings, none of them empty.
func (v value) list() ([]string, error) {
	if v.json == nil {
		panic("BUG: " + v.label + " is a list and has a flag")
	}
	items, err := v.json.Array()
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, err := value{label: item.Path(), json: &item}.str()
		if err != nil {
			return nil, err
		}
		if s == "" {
			return nil, item.Errorf("is empty; take it out")
		}
		out = append(out, s)
	}
	return out, nil
}
