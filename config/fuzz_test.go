package config

import (
	"os"
	"strings"
	"testing"
)

// FuzzParse: whatever the file holds, a Config that comes without an error is
// within its ranges.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/device-client.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"jobs":{"allow":{"paths":["default","/x"],"users":[]},"limits":{"umask":"022","nice":-20}},"keep-alive":30}`))
	f.Add([]byte(`{"endpiont":1,"jobs":{"enabled":"x"},"a.b":{"":null}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := Parse(in)
		if err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		d := newDraft(func(string) string { return "" })
		d.home.passwd = "/nonexistent"
		for _, o := range options[1:] {
			d.apply(o, file)
		}
		for _, e := range d.errs {
			if _, _, ok := strings.Cut(e.Error(), ": "); !ok {
				t.Errorf("error without a key: %v", e)
			}
		}
		if len(d.errs) == 0 {
			checkRanges(t, d.Config)
		}
	})
}

func checkRanges(t *testing.T, c Config) {
	seconds, timeout := c.KeepAlive.Seconds(), c.Jobs.StepTimeout.Seconds()
	if c.Port < 1 || c.Port > 65535 || seconds < 30 || seconds > 1200 || timeout < 0 || timeout > 604800 ||
		c.Jobs.MaxAttempts < 1 || c.Jobs.MaxAttempts > 100 || len(c.Jobs.RebootCommand) == 0 || len(c.ThingName) > 128 {
		t.Errorf("out of range: %+v", c)
	}
	if m := c.Jobs.Limits.Umask; m != nil && (*m < 0 || *m > 0o777) {
		t.Errorf("umask %o", *m)
	}
	for _, p := range append(c.Jobs.Allow.Paths, c.Jobs.StateDir) {
		if p != DefaultPath && !strings.HasPrefix(p, "/") {
			t.Errorf("path %q is not absolute", p)
		}
	}
}

// FuzzParseProxy: a proxy is whole, and no error repeats the password.
func FuzzParseProxy(f *testing.F) {
	f.Add([]byte(`{"http-proxy-enabled":true,"http-proxy-host":"h","http-proxy-port":"1"}`))
	f.Add([]byte(`{"http-proxy-enabled":true,"http-proxy-host":"h","http-proxy-port":1,"http-proxy-auth-method":"UserNameAndPassword","http-proxy-username":"u","http-proxy-password":"p"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, _, err := ParseProxy(in)
		if err != nil && p != nil {
			t.Errorf("%#v and %v", p, err)
		}
		if p != nil && (checkHost(p.Host) != nil || p.Port < 1 || p.Port > 65535 || (p.User == "") != (p.Password == "")) {
			t.Errorf("proxy %q %d %q", p.Host, p.Port, p.User)
		}
	})
}

// FuzzFlags: every word of a command line is an option, a value or left over,
// and reading it ends.
func FuzzFlags(f *testing.F) {
	f.Add("--endpoint\nx\n--port=1\nrest\n--\n--port")
	f.Add("--enable-sdk-logging\n--tunneling-region\nx\n-\n--=\n--")
	f.Fuzz(func(t *testing.T, line string) {
		c, rest, _ := parseFlags(strings.Split(line, "\n"))
		for _, word := range rest {
			if !strings.Contains(line, word) {
				t.Errorf("%q is left over of %q", word, line)
			}
		}
		for name, v := range c.values {
			if v.text == "" || !strings.Contains(line, v.text) {
				t.Errorf("%s is %q after %q", name, v.text, line)
			}
		}
	})
}
