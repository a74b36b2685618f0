package mqtt

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// An exchange answers whatever is written to it.
type exchange struct {
	io.Reader
	asked bytes.Buffer
}

func (e *exchange) Write(p []byte) (int, error) { return e.asked.Write(p) }

func TestConnectThrough(t *testing.T) {
	plain := Proxy{Host: "proxy", Port: 3128}
	user := Proxy{Host: "proxy", Port: 3128, User: "me", Password: "it's secret: ü"}
	tests := []struct {
		name   string
		proxy  Proxy
		answer string
		want   string // in the error; empty for none
	}{
		{"200", plain, "HTTP/1.1 200 Connection established\r\n\r\n", ""},
		{"HTTP/1.0, no reason, bare newlines", plain, "HTTP/1.0 200\nVia: x\n\n", ""},
		{"header lines", user, "HTTP/1.1 200 OK\r\nDate: today\r\n\r\n", ""},
		{"407 without a user", plain, "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "wants a user name and password"},
		{"407 with one", user, "HTTP/1.1 407 Auth\r\nproxy-authenticate: basic\r\n\r\n", `does not accept the user name "me"`},
		{"407 with NTLM", user, "HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n", `by "NTLM, Negotiate"; only Basic`},
		{"403", plain, "HTTP/1.1 403 Forbidden\r\n\r\n", `CONNECT broker:8883 refused: 403 "Forbidden": it does not allow CONNECT`},
		{"502", plain, "HTTP/1.1 502 Bad Gateway\r\n\r\n", "could not reach the broker"},
		{"302", plain, "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", `refused: 302 "Found"`},
		{"control characters", plain, "HTTP/1.1 500 a\x1b[2J\r\n\r\n", `500 "a\x1b[2J"`},
		{"silence", plain, "", "without an answer"},
		{"half an answer", plain, "HTTP/1.1 200 OK\r\n", "without an answer"},
		{"not HTTP", plain, "SSH-2.0-OpenSSH\r\n\r\n", "not HTTP/1"},
		{"a number too long", plain, "HTTP/1.1 2000000000000000000000 OK\r\n\r\n", "not HTTP/1"},
		{"no number", plain, "HTTP/1.1 +20 OK\r\n\r\n", "not HTTP/1"},
		{"endless", plain, "HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", maxProxyHeader), "larger than 16384 bytes"},
	}
	for _, tt := range tests {
		rest := "what follows is TLS"
		e := &exchange{Reader: strings.NewReader(tt.answer + rest)}
		if tt.name == "silence" || tt.name == "half an answer" {
			e.Reader = strings.NewReader(tt.answer)
		}
		err := connectThrough(e, tt.proxy, "broker:8883", "1.2")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", tt.name, err)
		}
		if left, _ := io.ReadAll(e); err == nil && string(left) != rest {
			t.Errorf("%s: %q is left for TLS; want %q", tt.name, left, rest)
		}
	}
}

func TestConnectRequest(t *testing.T) {
	tests := []struct {
		proxy   Proxy
		version string
		want    string
	}{
		{Proxy{}, "1.2", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nUser-Agent: jobbox/1.2\r\n\r\n"},
		{Proxy{User: "Aladdin", Password: "open sesame"}, "1\r\nX: y", // the pair is RFC 7617's
			"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nUser-Agent: jobbox/1Xy\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
		{Proxy{}, "", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nUser-Agent: jobbox/0\r\n\r\n"},
	}
	for _, tt := range tests {
		e := &exchange{Reader: strings.NewReader("HTTP/1.1 200 OK\r\n\r\n")}
		if err := connectThrough(e, tt.proxy, "[::1]:443", tt.version); err != nil {
			t.Errorf("%v: %v", tt.proxy, err)
		}
		if got := e.asked.String(); got != tt.want {
			t.Errorf("asked %q; want %q", got, tt.want)
		}
	}
}

// No answer makes the reader read past its header, keep more than its bound or panic.
func FuzzReadProxyResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n\x16\x03"))
	f.Add([]byte("HTTP/1.1 407 no\r\nProxy-Authenticate: Basic\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		got, err := readProxyResponse(r)
		read := in[:len(in)-r.Len()]
		if len(read) > maxProxyHeader+1 {
			t.Errorf("read %d bytes", len(read))
		}
		if err != nil {
			return
		}
		if got.code < 0 || got.code > 999 {
			t.Errorf("%q: code %d", in, got.code)
		}
		if i := bytes.Index(read, []byte("\n\n")); i >= 0 && i+2 != len(read) {
			t.Errorf("%q: read on after the header's end", in)
		}
		if i := bytes.Index(read, []byte("\r\n\r\n")); i >= 0 && i+4 != len(read) {
			t.Errorf("%q: read on after the header's end", in)
		}
	})
}
