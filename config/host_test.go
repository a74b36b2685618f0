package config

import (
	"os"
	"strings"
	"testing"
)

func TestCheckHost(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a1b2-ats.iot.eu-west-1.amazonaws.com", ""},
		{"localhost", ""},
		{"127.0.0.1", ""},
		{"::1", ""},
		{"fe80::1%eth0", ""},
		{"https://h.com/x", `want a host name alone, got the URL "https://h.com/x"; leave out "https://": "h.com"`},
		{"h.com/mqtt", `want a host name alone, got a path too in "h.com/mqtt"; leave it out: "h.com"`},
		{"h.com:8883", `want a host name alone, got a port too in "h.com:8883"; give "h.com", and the port as "port": "8883"`},
		{"[::1]:443", `want a host name alone, got a port too in "[::1]:443"; give "::1", and the port as "port": "443"`},
		{"", `"" is neither a host name nor an IP address`},
		{"h.com ", `"h.com " is neither a host name nor an IP address`},
		{"h..com", `"h..com" is neither a host name nor an IP address`},
		{"-h.com", `"-h.com" is neither a host name nor an IP address`},
		{"h_1.com", `"h_1.com" is neither a host name nor an IP address`},
		{"h\n.com", `"h\n.com" is neither a host name nor an IP address`},
		{"gerät.de", `"gerät.de" is neither a host name nor an IP address`},
		{strings.Repeat("a", 64) + ".com", `"` + strings.Repeat("a", 64) + `.com" is neither a host name nor an IP address`},
	}
	for _, tt := range tests {
		got := ""
		if err := checkHost(tt.in); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("checkHost(%q) = %s; want %s", tt.in, got, tt.want)
		}
	}
	if checkHost(strings.Repeat("a.", 127)+"a") == nil {
		t.Error("a host name of 255 characters is accepted")
	}
}

func TestThingName(t *testing.T) {
	tests := []struct {
		in string
		ok bool
	}{
		{"a", true}, {"A:z_0-9", true}, {strings.Repeat("a", 128), true},
		{strings.Repeat("a", 129), false}, {"a b", false}, {"a/b", false}, {"a+", false}, {"#", false}, {"ä", false}, {"a.b", false},
	}
	for _, tt := range tests {
		d := newDraft(os.Getenv)
		err := setThingName(d, value{label: "thing-name", text: tt.in})
		if (err == nil) != tt.ok || (tt.ok && d.ThingName != tt.in) {
			t.Errorf("thing name %q: %v; want ok %v", tt.in, err, tt.ok)
		}
	}
}

func TestHome(t *testing.T) {
	passwd := t.TempDir() + "/passwd"
	text := "# comment\nroot:x:0:0:root:/root:/bin/sh\nbad:x:7:7:/nowhere\napp:x:7:7::/srv/app:/bin/sh\nrel:x:8:8::rel:/bin/sh\n"
	if err := os.WriteFile(passwd, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		home string
		uid  int
		in   string
		want string // empty for an error
	}{
		{"/h", 7, "~/x/", "/h/x"},
		{"/h", 7, "~", "/h"},
		{"", 7, "~/x", "/srv/app/x"},
		{"relative", 7, "~/x", "/srv/app/x"},
		{"", 0, "~", "/root"},
		{"", 8, "~/x", ""},
		{"", 9, "~/x", ""},
		{"", 9, "/x/../y", "/y"},
		{"/h", 7, "/x/~", "/x/~"},
		{"/h", 7, "~app/x", ""},
		{"/h", 7, "$HOME/x", ""},
	}
	for _, tt := range tests {
		h := homeFinder{func(string) string { return tt.home }, passwd, tt.uid}
		got, err := h.path(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("HOME=%q uid %d: path(%q) = %q, %v; want %q", tt.home, tt.uid, tt.in, got, err, tt.want)
		}
	}
	h := homeFinder{func(string) string { return "" }, passwd + ".none", 0}
	if _, err := h.path("~"); err == nil {
		t.Error("a home without HOME and passwd")
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.path("x"); err != nil || got != wd+"/x" {
		t.Errorf("a relative path is %q, %v; want it made absolute", got, err)
	}
}
