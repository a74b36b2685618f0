package nearest

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	names := []string{"endpoint", "port", "cert", "key", "root-ca", "thing-name"}
	tests := []struct{ in, want string }{
		{"endpoint", "endpoint"},
		{"endpiont", "endpoint"},
		{"endpont", "endpoint"},
		{"eendpoint", "endpoint"},
		{"Port", "port"},
		{"prot", "port"},
		{"kye", "key"},
		{"ky", "key"},
		{"root_ca", "root-ca"},
		{"thingname", "thing-name"},
		{"xyz", ""},
		{"", ""},
		{"colour", ""},
		{strings.Repeat("endpoint", 100), ""},
	}
	for _, tt := range tests {
		if got, ok := Find(tt.in, names); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Find(%q) = %q, %v; want %q", tt.in, got, ok, tt.want)
		}
	}
	if got, _ := Find("aa", []string{"ab", "ba"}); got != "ab" {
		t.Errorf("of two equally near names %q is found; want the first", got)
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("endpiont", "endpoint")
	f.Add("", "a\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > maxName || len(b) > maxName {
			t.Skip()
		}
		d := distance(a, b)
		if d != distance(b, a) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) || (d == 0) != (a == b) {
			t.Errorf("distance(%q, %q) = %d", a, b, d)
		}
	})
}
