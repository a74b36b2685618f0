package fetch

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.com/a?b#c":      "",
		"http://[::1]:8080/":             "",
		"https://user:password@h/":       "",
		"ftp://h/x":                      "must begin with",
		"file:///etc/passwd":             "must begin with",
		"https:///x":                     "cannot be understood",
		"http://0%800":                   "cannot be understood", // a byte that is no character, once decoded
		"https:opaque":                   "cannot be understood",
		"//h/x":                          "must begin with",
		"":                               "must begin with",
		"https://h/a b":                  "cannot be understood",
		"https://h/\n":                   "cannot be understood",
		"https://h:password/":            "cannot be understood",
		"https://h/%zz?Signature=SECRET": "cannot be understood",
		"https://caf\u00e9.example/":     "cannot be understood",
		"https://h/" + strings.Repeat("x", 20000): "cannot be understood",
	} {
		_, err := parseTarget(raw)
		if want == "" && err != nil {
			t.Errorf("parseTarget(%q) = %v", raw, err)
		} else if want != "" {
			wantError(t, err, want)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("https://user:password@example.com:8443/a%20b?X-Amz-Signature=SECRET#x")
	f.Add("http://[::1%25eth0]/")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseTarget(raw)
		if err != nil {
			return
		}
		shown := display(u)
		if strings.ContainsFunc(shown, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q is shown as %q", raw, shown)
		}
		bare := *u
		bare.User, bare.RawQuery, bare.Fragment = url.UserPassword("a", "b"), "c=d", "e"
		if u.RawQuery != "" && display(&bare) != shown {
			t.Errorf("%q is shown as %q: that depends on its secrets", raw, shown)
		}
	})
}

func TestContentRange(t *testing.T) {
	for in, want := range map[string][3]int64{
		"bytes 100-199/200": {100, 199, 200},
		"bytes 0-0/1":       {0, 0, 1},
	} {
		first, last, total, ok := parseContentRange(in)
		if got := [3]int64{first, last, total}; !ok || got != want {
			t.Errorf("parseContentRange(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "bytes", "bytes 1-2", "bytes 2-1/3", "bytes 0-3/3", "bytes 0-1/*", "bytes */3", "items 0-1/2",
		"bytes -1-2/3", "bytes +1-2/3", "bytes 0-9223372036854775807/9223372036854775808", "bytes 0-1/2/3"} {
		if _, _, _, ok := parseContentRange(in); ok {
			t.Errorf("parseContentRange(%q) is taken", in)
		}
	}
}

// A partial answer is taken only if it is exactly what is missing.
func TestRest(t *testing.T) {
	for _, tt := range []struct {
		header string
		length int64
		ok     bool
	}{
		{"bytes 2-4/5", 3, true},
		{"bytes 2-4/5", -1, true},
		{"bytes 1-4/5", 4, false},
		{"bytes 3-4/5", 2, false},
		{"bytes 2-3/5", 2, false},
		{"bytes 2-4/5", 2, false},
		{"", 3, false},
	} {
		p, err := openPart(filepath.Join(t.TempDir(), "file"), "origin")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.append([]byte("ab"), 0); err != nil {
			t.Fatal(err)
		}
		answer := &http.Response{StatusCode: http.StatusPartialContent, ContentLength: tt.length, Header: http.Header{"Content-Range": {tt.header}}}
		if _, err := judge(answer, p); (err == nil) != tt.ok || (err != nil) != (p.size == 0) {
			t.Errorf("%q of %d bytes after 2: %v, part of %d bytes; want it taken: %v", tt.header, tt.length, err, p.size, tt.ok)
		}
		p.close()
	}
}

func TestValidator(t *testing.T) {
	const early, late = "Sat, 01 Jan 2022 00:00:00 GMT", "Sat, 01 Jan 2022 00:02:00 GMT"
	for _, tt := range []struct{ tag, changed, served, want string }{
		{`"a"`, early, late, `"a"`},
		{`W/"a"`, "", late, ""},
		{`W/"a"`, early, late, early},
		{"", late, late, ""}, // it may change again within that second
		{"", "yesterday", late, ""},
		{"", early, "", ""},
		{`a`, "", "", ""},
		{`"`, "", "", ""},
	} {
		h := http.Header{"Etag": {tt.tag}, "Last-Modified": {tt.changed}, "Date": {tt.served}}
		if got := validatorOf(h); got != tt.want {
			t.Errorf("validatorOf(%v) = %q; want %q", h, got, tt.want)
		}
	}
}

func FuzzInfo(f *testing.F) {
	f.Add("jobbox-part 1\nabc\n\"v1\"\n100\n")
	f.Fuzz(func(t *testing.T, text string) {
		origin, validator, size, ok := parseInfo(text)
		if !ok {
			return
		}
		if size <= 0 || validator == "" || strings.ContainsAny(validator, "\r\n") {
			t.Errorf("%q is taken as %q, %d", text, validator, size)
		}
		again := strings.Join([]string{infoVersion, origin, validator, strconv.FormatInt(size, 10), ""}, "\n")
		if o, v, s, ok := parseInfo(again); !ok || o != origin || v != validator || s != size {
			t.Errorf("%q does not survive a round trip", text)
		}
	})
}

// Whatever a server answers, a file that is called done has the length that was
// promised.
func FuzzReply(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"a\"\r\n\r\nabc", false)
	f.Add("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/5\r\nContent-Length: 3\r\n\r\ncde", true)
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true)
	f.Add("HTTP/1.1 416 No\r\n\r\n", true)
	f.Add("HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\n<Code>AccessDenied</Code>", true)
	dir := f.TempDir()
	o := Options{}
	o.setDefaults()
	f.Fuzz(func(t *testing.T, raw string, resumed bool) {
		p, err := openPart(filepath.Join(dir, "file"), "origin")
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		defer p.discard()
		if resumed {
			if err := p.append([]byte("ab"), 0); err != nil {
				t.Fatal(err)
			}
			p.validator = `"a"`
		}
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: http.MethodGet})
		if err != nil {
			return
		}
		r, err := judge(answer, p)
		if err != nil || p.begin(r, 1<<20) != nil || p.receive(r.body, r.total, &o) != nil {
			return
		}
		got, err := os.ReadFile(p.path)
		if err != nil || int64(len(got)) != p.size || (r.total >= 0 && p.size != r.total) {
			t.Errorf("%q made %q of %d bytes, %v; promised were %d", raw, got, p.size, err, r.total)
		}
		if r.start > 0 && !bytes.HasPrefix(got, []byte("ab")) {
			t.Errorf("%q was put before the part: %q", raw, got)
		}
	})
}
