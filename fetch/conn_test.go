package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCertificates(t *testing.T) {
	tests := []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"unknown authority", func(o *Options) { o.Roots = nil }, "certificate signed by unknown authority"},
		{"wrong clock", func(o *Options) { o.Now = func() time.Time { return time.Unix(-60, 0) } }, "(verified as of 1969-12-31T23:59:00Z)"},
		{"another host", func(o *Options) { o.URL = strings.Replace(o.URL, "127.0.0.1", "localhost", 1) }, "certificate is valid for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, serveFile(content, `"v1"`))
			o := c.options()
			tt.change(&o)
			retried := false
			o.Retry = func(error, time.Duration) { retried = true }
			_, err := Get(t.Context(), o)
			wantError(t, err, tt.want)
			if retried || len(c.requests()) > 0 || left(t, o.File) != "" {
				t.Errorf("retried %v, %d requests, left %q", retried, len(c.requests()), left(t, o.File))
			}
		})
	}
}

// A proxy tunnels and forwards to one address whatever it is asked for, so that
// names can be used which no resolver knows.
type proxy struct {
	*httptest.Server
	to      string
	auth    string // wanted in Proxy-Authorization
	asked   atomic.Value
	refuses int // status, where it does
}

func newProxy(t *testing.T, secure bool, to string) *proxy {
	p := &proxy{to: strings.TrimPrefix(strings.TrimPrefix(to, "https://"), "http://")}
	start := httptest.NewServer
	if secure {
		start = httptest.NewTLSServer
	}
	p.Server = start(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.asked.Store(r.Method + " " + r.RequestURI)
	switch {
	case p.refuses != 0:
		w.WriteHeader(p.refuses)
	case p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth:
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		p.tunnel(w)
	default:
		r.URL.Host, r.RequestURI = p.to, ""
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Length", answer.Header.Get("Content-Length"))
		_, _ = io.Copy(w, answer.Body)
	}
}

func (p *proxy) tunnel(w http.ResponseWriter) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = client.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	go func() { _, _ = io.Copy(server, client) }()
	_, _ = io.Copy(client, server)
}

// through makes o go through a proxy at that URL.
func through(t *testing.T, o *Options, proxyURL string) {
	u, err := url.Parse(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	o.Proxy = func(*url.URL) (*url.URL, error) { return u, nil }
}

func TestProxyTunnel(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCloud(t, serveFile(content, `"v1"`))
		p := newProxy(t, secure, c.URL)
		p.auth = "Basic dXNlcjpwYXNzd29yZA=="
		o := c.options()
		o.URL = "https://example.com/x" // httptest's certificate holds that name
		through(t, &o, strings.Replace(p.URL, "://", "://user:password@", 1))
		_, err := Get(t.Context(), o)
		wantDone(t, o, err)
		if got := p.asked.Load(); got != "CONNECT example.com:443" {
			t.Errorf("the proxy was asked %q", got)
		}
	}
}

func TestProxyForwards(t *testing.T) {
	plain := httptest.NewServer(serveFile(content, `"v1"`))
	defer plain.Close()
	c := newCloud(t, http.NotFound)
	p := newProxy(t, false, plain.URL)
	p.auth = "Basic dXNlcjpwYXNzd29yZA=="
	o := c.options()
	o.URL = "http://example.com:8000/x?y=z"
	through(t, &o, strings.Replace(p.URL, "://", "://user:password@", 1))
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if got := p.asked.Load(); got != "GET http://example.com:8000/x?y=z" {
		t.Errorf("the proxy was asked %q", got)
	}
}

func TestProxyRefuses(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	p := newProxy(t, false, c.URL)
	withUser := strings.Replace(p.URL, "://", "://user:password@", 1)
	tests := []struct {
		name, proxy, url, auth string
		refuses                int
		want                   string
	}{
		{"credentials", withUser, "https://example.com/x", "other", 0, "proxy: it wants other credentials (407)"},
		{"credentials, plain", withUser, "http://example.com/x", "other", 0, "the proxy wants other credentials"},
		{"no tunnel", withUser, "https://example.com/x", "", 403, `proxy: no tunnel to "example.com:443": status 403`},
		{"unknown scheme", "socks5://user:password@127.0.0.1:1", "https://example.com/x", "", 0, `want an http or https proxy, not "socks5"`},
		{"not there", "http://user:password@127.0.0.1:1", "https://example.com/x", "", 0, "proxy: dial tcp 127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.auth, p.refuses = tt.auth, tt.refuses
			o := c.options()
			o.URL, o.Attempts = tt.url, 2
			through(t, &o, tt.proxy)
			_, err := Get(t.Context(), o)
			wantError(t, err, tt.want)
		})
	}
}

// What stands in the environment is not repeated: it may hold a password.
func TestProxyThatIsNoURL(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	o.Proxy = func(*url.URL) (*url.URL, error) { return nil, errors.New("invalid proxy address user:password") }
	_, err := Get(t.Context(), o)
	wantError(t, err, "the proxy settings in the environment")
}

// A server that takes the connection and never speaks TLS is given up, and so
// is a caller's patience.
func TestServerThatNeverAnswers(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	c := newCloud(t, http.NotFound)
	for _, scheme := range []string{"http", "https"} {
		o := c.options()
		o.URL = scheme + "://" + mute.Addr().String() + "/x"
		o.Stall, o.Attempts = 50*time.Millisecond, 2
		if _, err := Get(t.Context(), o); err == nil || isFinal(err) {
			t.Errorf("%s: Get = %v; want a failure that another attempt may not meet", scheme, err)
		}
		o.Stall = time.Hour
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
		_, err = Get(ctx, o)
		cancel()
		wantError(t, err, "time is up")
	}
}
