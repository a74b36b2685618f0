package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	var w Writer
	w.BeginObject()
	w.Key("a")
	w.String("x\"\\\n\x01é\xff\u2028")
	w.Key("b")
	w.BeginArray()
	w.Int(-7)
	w.Bool(true)
	w.BeginObject()
	w.EndObject()
	w.EndArray()
	w.Key("c")
	w.Raw([]byte(`{"d":1}`))
	w.EndObject()
	want := `{"a":"x\"\\\n\u0001é\ufffd\u2028","b":[-7,true,{}],"c":{"d":1}}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("wrote %s; want %s", got, want)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\x00\u2028\xff")
	f.Fuzz(func(t *testing.T, in string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, in), &got); err != nil {
			t.Fatalf("AppendString(%q) is not JSON: %v", in, err)
		}
		if want := strings.ToValidUTF8(in, ""); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("%q came back as %q", in, got)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"too long", `"` + strings.Repeat("x", 2000) + `"`, "2002 bytes, at most 1000 are allowed"},
		{"empty", ``, "not JSON"},
		{"not UTF-8", "\"\xff\"", "not valid UTF-8"},
		{"NaN", `{"a":NaN}`, "not JSON"},
		{"octal", `{"a":007}`, "not JSON"},
		{"bad escape", `{"a":"\q"}`, "not JSON"},
		{"trailing", `{} {}`, "not JSON"},
		{"deep", strings.Repeat("[", 251) + strings.Repeat("]", 251), "nested deeper than 250"},
		{"twice", `{"a":{"b":1,"b":2}}`, "a.b: the key occurs twice"},
		{"twice, once escaped", `[{"\u0061":1,"a":2}]`, "[0].a: the key occurs twice"},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.in), 1000)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Parse = %v; want %q", tt.name, err, tt.want)
		}
	}
}

// What is too deep to be read does not take the rest of a message with it.
func TestParseEnvelopePrunes(t *testing.T) {
	nest := func(n int, inner string) string { return strings.Repeat("[", n) + inner + strings.Repeat("]", n) }
	for _, tt := range []struct{ in, want string }{
		{nest(200, `"]"`), nest(200, `"]"`)},
		{nest(201, `"]"`), nest(200, `null`)},
		{nest(199, nest(30000, ``)+`,1,[2],[[3],4]`), nest(199, `[null],1,[2],[null,4]`)},
		{`{"a":` + nest(300, `"\\"`) + `,"b":"[\\\"]"}`, `{"a":` + nest(199, `null`) + `,"b":"[\\\"]"}`},
	} {
		v, err := ParseEnvelope([]byte(tt.in), 100000)
		if err != nil || string(v.JSON()) != tt.want {
			t.Errorf("ParseEnvelope(%.300q) = %.300q, %v; want %.300q", tt.in, v.JSON(), err, tt.want)
		}
	}
	for _, in := range []string{nest(300, `"`), strings.Repeat("[", 300), strings.Repeat("[", 300) + strings.Repeat("]", 100), `]` + nest(201, ``)} {
		if v, err := ParseEnvelope([]byte(in), 100000); err == nil {
			t.Errorf("ParseEnvelope(%.20q...) = %.300q; want an error", in, v.JSON())
		}
	}
}

func TestValuesNameTheirPath(t *testing.T) {
	v, err := Parse([]byte(`{"steps":[{"action":{"name":7,"t":"x","n":1.5,"big":9007199254740993,"z":null,"q":"true"}}]}`), 1000)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := v.Get("steps").Array()
	if err != nil {
		t.Fatal(err)
	}
	action := steps[0].Get("action")
	_, text := action.Get("name").Text()
	_, whole := action.Get("n").Int()
	_, boolean := action.Get("q").Bool()
	_, missing := action.Get("input").Object()
	_, null := action.Get("z").Array()
	for got, want := range map[error]string{
		text:    "steps[0].action.name: want a string, got a number",
		whole:   "steps[0].action.n: want a whole number of 64 bits",
		boolean: "steps[0].action.q: want a boolean, got a string",
		missing: "steps[0].action.input: want an object, got nothing",
		null:    "steps[0].action.z: want an array, got null",
	} {
		if got == nil || got.Error() != want {
			t.Errorf("got %v; want %s", got, want)
		}
	}
	if n, err := action.Get("big").Int(); err != nil || n != 9007199254740993 {
		t.Errorf("big = %d, %v", n, err)
	}
	if action.Get("z").Exists() || !action.Get("t").Exists() || action.Get("t").Get("deeper").Exists() {
		t.Error("Exists is wrong")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b",null,true,{"c":-1.5e3}]}`))
	f.Add([]byte(`{"\u0061":1,"a":2}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Parse(in, 4096)
		if err != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("Parse took %q, encoding/json does not", in)
		}
		again, err := Parse(v.JSON(), 65536)
		if err != nil || string(again.JSON()) != string(v.JSON()) {
			t.Errorf("%q does not survive a round trip: %q, %v", in, v.JSON(), err)
		}
	})
}
