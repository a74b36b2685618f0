package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestProxyFile(t *testing.T) {
	tests := []struct {
		name, file string
		want       *Proxy
	}{
		{"the C++ client's sample", `{"http-proxy-enabled": true, "http-proxy-host": "10.0.0.140", "http-proxy-port": "9999",
			"http-proxy-auth-method": "UserNameAndPassword", "http-proxy-username": "MyUserName", "http-proxy-password": "password12345"}`,
			&Proxy{"10.0.0.140", 9999, "MyUserName", "password12345"}},
		{"no authentication", `{"http-proxy-enabled": true, "http-proxy-host": "proxy.lan", "http-proxy-port": 3128,
			"http-proxy-auth-method": "None", "http-proxy-username": "u", "http-proxy-password": "p"}`, &Proxy{Host: "proxy.lan", Port: 3128}},
		{"no method", `{"http-proxy-enabled": true, "http-proxy-host": "h", "http-proxy-port": "1"}`, &Proxy{Host: "h", Port: 1}},
		{"off", `{"http-proxy-enabled": false, "http-proxy-host": "", "http-proxy-port": "x"}`, nil},
		{"not said to be on", `{"http-proxy-host": "h", "http-proxy-port": "1"}`, nil},
	}
	for _, tt := range tests {
		d := newDevice(t)
		d.write("home/.aws-iot-device-client/http-proxy.conf", []byte(tt.file), 0o600)
		c, err := d.load(d.flags()...)
		if err != nil || len(c.Warnings) != 0 || (c.Proxy == nil) != (tt.want == nil) || (tt.want != nil && *c.Proxy != *tt.want) {
			t.Errorf("%s: %#v, %v, %q; want %#v", tt.name, c.Proxy, err, c.Warnings, tt.want)
		}
		file := d.write("other.conf", []byte(`{}`), 0o600)
		if c, err := d.load(d.flags("--http-proxy-config", file)...); err != nil || c.Proxy != nil {
			t.Errorf("%s: the named file does not win: %v, %v", tt.name, c.Proxy, err)
		}
	}
}

func TestFaultyProxyFiles(t *testing.T) {
	const rest = `"http-proxy-enabled": true, "http-proxy-host": "h", "http-proxy-port": "1"`
	tests := []struct {
		file string
		want []string
	}{
		{`{"http-proxy-enabled": true}`, []string{"http-proxy-host: is required; give the proxy's host name or address",
			"http-proxy-port: is required; give the port that the proxy listens on"}},
		{`{"http-proxy-enabled": "true"}`, []string{"http-proxy-enabled: want a boolean, got a string"}},
		{`{"http-proxy-enabled": true, "http-proxy-host": "http://h:3128", "http-proxy-port": "x"}`, []string{
			`http-proxy-host: want a host name alone, got the URL "http://h:3128"; leave out "http://": "h:3128"`,
			`http-proxy-port: want a port, 1 to 65535, such as "3128"`}},
		{`{"http-proxy-enabled": true, "http-proxy-host": "h", "http-proxy-port": 65536}`, []string{`http-proxy-port: want a port, 1 to 65535, such as "3128"`}},
		{`{` + rest + `, "http-proxy-auth-method": "Basic"}`, []string{`http-proxy-auth-method: want "UserNameAndPassword" or "None", got "Basic"`}},
		{`{` + rest + `, "http-proxy-auth-method": "UserNameAndPassword"}`, []string{
			`http-proxy-username: is required with http-proxy-auth-method "UserNameAndPassword"; give it as a string`,
			`http-proxy-password: is required with http-proxy-auth-method "UserNameAndPassword"; give it as a string`}},
		{`{` + rest + `, "http-proxy-auth-method": "UserNameAndPassword", "http-proxy-username": "a:b", "http-proxy-password": "s3cr3t"}`,
			[]string{`http-proxy-username: holds a colon or a control character, which basic authentication cannot carry`}},
		{`{` + rest + `, "http-proxy-pasword": "s3cr3t"}`, []string{`"http-proxy-pasword" is not a key that is known; did you mean "http-proxy-password"?`}},
		{`{"colour": 1}`, []string{`"colour" is not a key that is known; take it out`}},
		{`{"http-proxy-enabled": true,}`, nil}, // not JSON: the text is the parser's
	}
	for _, tt := range tests {
		d := newDevice(t)
		file := d.write("p.conf", []byte(tt.file), 0o600)
		_, err := d.load(d.flags("--http-proxy-config", file)...)
		var want []string
		for _, w := range tt.want {
			want = append(want, file+": "+w)
		}
		got := problems(err)
		if err == nil || (tt.want != nil && !slices.Equal(got, want)) {
			t.Errorf("%s\n got %q\nwant %q", tt.file, got, want)
		}
		if strings.Contains(fmt.Sprint(err), "s3cr3t") {
			t.Errorf("%s: the password is in %v", tt.file, err)
		}
	}
}

func TestProxyWarnings(t *testing.T) {
	const file = `{"http-proxy-enabled": true, "http-proxy-host": "h", "http-proxy-port": "1", "http-proxy-username": "u", "http-proxy-password": "p"`
	d := newDevice(t)
	path := d.write("p.conf", []byte(file+`}`), 0o600)
	c, err := d.load(d.flags("--http-proxy-config", path)...)
	want := path + `: http-proxy-auth-method: is missing, so the user name is not sent; give "UserNameAndPassword" to send it`
	if err != nil || !slices.Equal(c.Warnings, []string{want}) || c.Proxy.User != "" {
		t.Errorf("without a method: %q, %v, %#v", c.Warnings, err, c.Proxy)
	}
	path = d.write("p.conf", []byte(file+`, "http-proxy-auth-method": "UserNameAndPassword"}`), 0o644)
	c, err = d.load(d.flags("--http-proxy-config", path)...)
	want = `"` + path + `" holds a password and has mode 0644; better: chmod 600`
	if err != nil || !slices.Equal(c.Warnings, []string{want}) {
		t.Errorf("readable by others: %q, %v; want %q", c.Warnings, err, want)
	}
}

func TestMissingProxyFile(t *testing.T) {
	d := newDevice(t)
	_, err := d.load(d.flags("--http-proxy-config", d.path("p.conf"))...)
	if got, want := problems(err), []string{d.path("p.conf") + `: "` + d.path("p.conf") + `" does not exist; put the file there or name another`}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	c := Config{Proxy: &Proxy{"h", 1, "u", "s3cr3t"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb+verb, c.Proxy, *c.Proxy) + fmt.Sprintf(verb, c); strings.Contains(got, "s3cr3t") || strings.Contains(got, "733363723374") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
