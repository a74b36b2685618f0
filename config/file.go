package config

import (
	"bytes"
	"errors"
	"strings"
	"sync"

	"jobbox/internal/jsontext"
	"jobbox/internal/nearest"
)

// maxFile bounds the configuration file; the C++ client's bound is 5000 bytes.
const maxFile = 64 << 10

// errNotJSON is about the file as a whole, not about one of its keys.
var errNotJSON = errors.New("cannot be read as a JSON object")

// contents is what one source says: values by option name, and which features
// of the C++ client it switches on or off.
type contents struct {
	values   map[string]value
	features map[string]bool
	warnings []string
}

func newContents() contents {
	return contents{values: map[string]value{}, features: map[string]bool{}}
}

// Parse reads the text of a configuration file as far as that goes without its
// values: JSON, keys that somebody knows, sections where sections belong. All
// that is wrong comes in one error.
func Parse(data []byte) (contents, error) {
	c := newContents()
	root, err := jsontext.Parse(data, maxFile)
	if err != nil {
		if bytes.Contains(data, []byte("replace_with_")) {
			err = errorf("%w; the template's \"replace_with_...\" have to be replaced first", err)
		}
		return c, errorf("%w: %w", errNotJSON, err)
	}
	if _, err := root.Object(); err != nil {
		return c, errorf("%w: %w", errNotJSON, err)
	}
	return c, errors.Join(c.section("", root)...)
}

// section takes the members of an object; path is empty for the whole file.
func (c *contents) section(path string, object jsontext.Value) []error {
	members, err := object.Object()
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, m := range members {
		errs = append(errs, c.member(path, m)...)
	}
	return errs
}

func (c *contents) member(section string, m jsontext.Member) []error {
	path := m.Key
	if section != "" {
		path = section + "." + m.Key
	}
	switch {
	case !isKnown(path) || strings.Contains(m.Key, "."):
		return []error{errorf("%q: is not a key that is known%s", path, suggestKey(section, m.Key))}
	case !m.Value.Exists(): // null is as good as nothing
	case isForeign(path):
		c.features[path] = isEnabled(path, m.Value)
	case isSection(path):
		return c.section(path, m.Value)
	default:
		c.take(path, m.Value)
	}
	return nil
}

// take keeps a value. An empty string is no value: the C++ client goes by the
// default then, and its files are full of them.
func (c *contents) take(path string, v jsontext.Value) {
	if s, err := v.Text(); err == nil && s == "" {
		c.warnings = append(c.warnings, path+": is empty in the file: as good as left out")
		return
	}
	c.values[path] = value{label: path, json: &v}
}

// isSection says whether some known key lies below path.
func isSection(path string) bool {
	for _, key := range allKeys() {
		if strings.HasPrefix(key, path+".") {
			return true
		}
	}
	return false
}

func isKnown(path string) bool {
	for _, key := range allKeys() {
		if key == path || strings.HasPrefix(key, path+".") {
			return true
		}
	}
	return false
}

// allKeys lists the dotted paths of all that the file may hold, without what
// lies within the C++ client's own sections.
var allKeys = sync.OnceValue(func() []string {
	var out []string
	for _, o := range options {
		if o.key != "" {
			out = append(out, o.key)
		}
	}
	for _, f := range features {
		out = append(out, f.name)
	}
	return append(out, foreignKeys...)
})

// suggestKey says which key was meant: one of the same section that is spelt
// nearly so, or one of that name elsewhere.
func suggestKey(section, key string) string {
	var siblings []string
	for _, path := range allKeys() {
		if rest, ok := strings.CutPrefix("."+path, strings.TrimSuffix("."+section, ".")+"."); ok {
			name, _, _ := strings.Cut(rest, ".")
			siblings = append(siblings, name)
		}
	}
	if near, ok := nearest.Find(key, siblings); ok {
		return errorf("; did you mean %q?", strings.TrimPrefix(section+"."+near, ".")).Error()
	}
	for _, o := range options {
		if o.key != "" && (o.flag == key || strings.HasSuffix("."+o.key, "."+key)) {
			return errorf("; did you mean %q?", o.key).Error()
		}
	}
	return "; take it out, or see \"jobbox agent --help\" for those that are"
}
