package jsontext

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// maxDepth is how deep values may nest. fastjson itself stops at 300, with an
// error text that repeats the whole document.
const maxDepth = 250

// maxEnvelope is how deep an envelope is read: shallow enough for a part of it
// to be kept in a document of ours.
const maxEnvelope = 200

// Value is a place in a parsed document: what stands there, if anything, and
// the path that leads to it. Strings taken from it are copies.
type Value struct {
	v    *fastjson.Value
	path string
}

// Member is one member of an object.
type Member struct {
	Key   string
	Value Value
}

// Parse reads one JSON document of at most max bytes. It is stricter than
// fastjson: valid UTF-8, RFC 8259 to the letter, no duplicate keys, no depth
// beyond 250. The value stays good for as long as it is held.
func Parse(data []byte, max int) (Value, error) {
	if err := checkDepth(data); err != nil {
		return Value{}, err
	}
	root, err := parse(data, max)
	if err != nil {
		return Value{}, err
	}
	return root, root.Unique()
}

// ParseEnvelope is Parse for a message whose sender must be answered although
// what it carries is refused. Duplicate keys are not searched for: call Unique on
// that part. What nests deeper than 200 is read as null: nothing that anybody
// knows a meaning of is that deep.
func ParseEnvelope(data []byte, max int) (Value, error) {
	shallow, _ := prune(data, maxEnvelope)
	return parse(shallow, max)
}

func parse(data []byte, max int) (Value, error) {
	if len(data) > max {
		return Value{}, fmt.Errorf("%d bytes, at most %d are allowed", len(data), max)
	}
	if !utf8.Valid(data) {
		return Value{}, errors.New("not valid UTF-8")
	}
	if err := fastjson.ValidateBytes(data); err != nil {
		return Value{}, fmt.Errorf("not JSON: %s", short(err))
	}
	// A parser of its own: values die with the next document on the same one.
	v, err := new(fastjson.Parser).ParseBytes(data)
	if err != nil {
		return Value{}, fmt.Errorf("not JSON: %s", short(err))
	}
	return Value{v: v}, nil
}

// short keeps a library's error text, which quotes the input, within bounds.
func short(err error) string {
	const most = 120
	s := err.Error()
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "..."
}

// checkDepth refuses what nests too deep, before anything recurses.
func checkDepth(data []byte) error {
	if _, deep := prune(data, maxDepth); deep {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	return nil
}

// prune replaces each array and object that is nested deeper than most by null;
// data itself is left as it is. One that never ends leaves no JSON.
func prune(data []byte, most int) (pruned []byte, deep bool) {
	var out []byte
	depth, kept, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth == most+1 {
				out = append(out, data[kept:i]...)
				kept = len(data)
			}
		case c == '}' || c == ']':
			if depth--; depth == most {
				out = append(out, "null"...)
				kept = i + 1
			}
		}
	}
	if out == nil {
		return data, false
	}
	return append(out, data[kept:]...), true
}

// Unique refuses a key that occurs twice in one object, at any depth: readers
// differ in which one they take, and a document must mean one thing.
func (v Value) Unique() error {
	switch v.Kind() {
	case "an object":
		members, _ := v.Object()
		seen := make(map[string]bool, len(members))
		for _, m := range members {
			if seen[m.Key] {
				return m.Value.Errorf("the key occurs twice")
			}
			seen[m.Key] = true
			if err := m.Value.Unique(); err != nil {
				return err
			}
		}
	case "an array":
		items, _ := v.Array()
		for _, item := range items {
			if err := item.Unique(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Get is the member of an object by that name; it does not Exist where there is
// none, or where v is no object.
func (v Value) Get(key string) Value {
	child := Value{path: v.join(key)}
	if v.v == nil || v.v.Type() != fastjson.TypeObject {
		return child
	}
	child.v = v.v.GetObject().Get(key)
	return child
}

func (v Value) join(key string) string {
	if v.path == "" {
		return key
	}
	return v.path + "." + key
}

// Exists says whether anything but null stands here.
func (v Value) Exists() bool { return v.v != nil && v.v.Type() != fastjson.TypeNull }

// Path is how the document's author would write the place: steps[1].action.name.
func (v Value) Path() string { return v.path }

// Root is the same value as the start of paths of its own.
func (v Value) Root() Value { return Value{v: v.v} }

// Kind names what stands here: "a string", "nothing".
func (v Value) Kind() string {
	if v.v == nil {
		return "nothing"
	}
	switch v.v.Type() {
	case fastjson.TypeString:
		return "a string"
	case fastjson.TypeNumber:
		return "a number"
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return "a boolean"
	case fastjson.TypeArray:
		return "an array"
	case fastjson.TypeObject:
		return "an object"
	}
	return "null"
}

// Errorf is an error about this place, its path first.
func (v Value) Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if v.path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", v.path, err)
}

func (v Value) want(what string) error { return v.Errorf("want %s, got %s", what, v.Kind()) }

// Text is the string that stands here.
func (v Value) Text() (string, error) {
	if v.v == nil || v.v.Type() != fastjson.TypeString {
		return "", v.want("a string")
	}
	return string(v.v.GetStringBytes()), nil
}

// Int is the whole number that stands here.
func (v Value) Int() (int64, error) {
	if v.v == nil || v.v.Type() != fastjson.TypeNumber {
		return 0, v.want("a number")
	}
	n, err := v.v.Int64()
	if err != nil {
		return 0, v.Errorf("want a whole number of 64 bits")
	}
	return n, nil
}

// Bool is the boolean that stands here.
func (v Value) Bool() (bool, error) {
	if v.v == nil {
		return false, v.want("a boolean")
	}
	switch v.v.Type() {
	case fastjson.TypeTrue:
		return true, nil
	case fastjson.TypeFalse:
		return false, nil
	}
	return false, v.want("a boolean")
}

// Array is the array that stands here.
func (v Value) Array() ([]Value, error) {
	if v.v == nil || v.v.Type() != fastjson.TypeArray {
		return nil, v.want("an array")
	}
	items := v.v.GetArray()
	out := make([]Value, len(items))
	for i, item := range items {
		out[i] = Value{v: item, path: v.path + "[" + strconv.Itoa(i) + "]"}
	}
	return out, nil
}

// Object is the object that stands here, its members in their order.
func (v Value) Object() ([]Member, error) {
	if v.v == nil || v.v.Type() != fastjson.TypeObject {
		return nil, v.want("an object")
	}
	var out []Member
	v.v.GetObject().Visit(func(key []byte, item *fastjson.Value) {
		k := string(key)
		out = append(out, Member{k, Value{v: item, path: v.join(k)}})
	})
	return out, nil
}

// JSON is the value as text again, for handing on what we need not understand.
// Only for documents that this package has parsed: it is written by the Writer.
func (v Value) JSON() []byte {
	var w Writer
	v.write(&w)
	return w.Bytes()
}

func (v Value) write(w *Writer) {
	switch v.Kind() {
	case "a string":
		s, _ := v.Text()
		w.String(s)
	case "an array":
		w.BeginArray()
		items, _ := v.Array()
		for _, item := range items {
			item.write(w)
		}
		w.EndArray()
	case "an object":
		w.BeginObject()
		members, _ := v.Object()
		for _, m := range members {
			w.Key(m.Key)
			m.Value.write(w)
		}
		w.EndObject()
	case "nothing":
		w.Raw([]byte("null"))
	default: // numbers, booleans and null: their text is JSON
		w.Raw(v.v.MarshalTo(nil))
	}
}
