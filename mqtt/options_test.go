package mqtt

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every mistake is in the one error, and none gets as far as a connection.
func TestNewReportsEveryMistake(t *testing.T) {
	p := newPKI(t)
	p.issue("other", nil)
	os.WriteFile(p.path("text"), []byte("no certificate"), 0o600)
	syscall.Mkfifo(p.path("pipe"), 0o600)
	tests := []struct {
		name   string
		change func(*Options)
		want   []string // in the error; none for no error
	}{
		{"good", func(o *Options) {}, nil},
		{"system's roots", func(o *Options) { o.RootCA = "" }, nil},
		{"an address", func(o *Options) { o.Endpoint = "::1" }, nil},
		{"a proxy", func(o *Options) { o.Proxy = &Proxy{Host: "10.0.0.1", Port: 3128, User: "a", Password: ":\r\n"} }, nil},
		{"everything", func(o *Options) {
			*o = Options{Endpoint: "mqtts://x/", Port: 65536, KeepAlive: time.Millisecond, RootCA: p.path("text"),
				Cert: p.path("none"), Key: p.path("none"), Proxy: &Proxy{Host: "a b", User: "a:b"}}
		}, []string{`endpoint: "mqtts://x/"`, "port: 65536", "client id", "keep-alive: 1ms", `proxy: "a b"`, "proxy: port 0", "colon",
			"cert: open", "key: open", "root-ca: "}},
		{"line end in the endpoint", func(o *Options) { o.Endpoint = "x\r\nEvil: y" }, []string{`endpoint: "x\r\nEvil: y"`}},
		{"line end in the proxy", func(o *Options) { o.Proxy = &Proxy{Host: "x\r\n", Port: 1} }, []string{`proxy: "x\r\n"`}},
		{"key of another certificate", func(o *Options) { o.Key = p.path("other.key") }, []string{"private key does not match"}},
		{"certificate for a key", func(o *Options) { o.Key = o.Cert }, []string{"key \""}},
		{"a pipe", func(o *Options) { o.RootCA = p.path("pipe") }, []string{"not a regular file"}},
		{"a device", func(o *Options) { o.RootCA = "/dev/zero" }, []string{"not a regular file"}},
		{"a directory", func(o *Options) { o.Cert = p.dir }, []string{"not a regular file"}},
	}
	for _, tt := range tests {
		o := p.options()
		tt.change(&o)
		_, err := New(o)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error %q does not name %q", tt.name, err, want)
			}
		}
	}
}

func TestProxyStringHidesThePassword(t *testing.T) {
	p := Proxy{Host: "::1", Port: 3128, User: "me", Password: "secret"}
	if got := p.String(); got != "[::1]:3128" {
		t.Errorf("String() = %q", got)
	}
}

func TestOptionsEqual(t *testing.T) {
	base := Options{Proxy: &Proxy{Host: "a"}, Subscriptions: []string{"x"}}
	changes := map[string]func(*Options){
		"endpoint": func(o *Options) { o.Endpoint = "x" }, "port": func(o *Options) { o.Port = 1 },
		"client id": func(o *Options) { o.ClientID = "x" }, "cert": func(o *Options) { o.Cert = "x" },
		"key": func(o *Options) { o.Key = "x" }, "root-ca": func(o *Options) { o.RootCA = "x" },
		"keep-alive": func(o *Options) { o.KeepAlive = 1 }, "no proxy": func(o *Options) { o.Proxy = nil },
		"proxy": func(o *Options) { o.Proxy = &Proxy{Host: "b"} }, "subscriptions": func(o *Options) { o.Subscriptions = nil },
		"build date": func(o *Options) { o.BuildDate = time.Unix(1, 0) }, "version": func(o *Options) { o.Version = "x" },
	}
	for name, change := range changes {
		o := base
		change(&o)
		if o.equal(&base) || base.equal(&o) {
			t.Errorf("another %s goes unnoticed", name)
		}
	}
	same := base
	same.Proxy = &Proxy{Host: "a"}
	same.Log = new(logbook).logger()
	if !same.equal(&base) {
		t.Error("equal options are different")
	}
}
