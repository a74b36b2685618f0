package mqtt

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"jobbox/internal/logging"
)

// A tunnel is an HTTP proxy that knows CONNECT.
type tunnel struct {
	net.Listener
	user, password string // wanted where not empty
	used           atomic.Int32
}

func newTunnel(t *testing.T, user, password string) *tunnel {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &tunnel{Listener: l, user: user, password: password}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *tunnel) serve(c net.Conn) {
	defer c.Close()
	head := readHead(c)
	var want string
	if p.user != "" {
		want = "Proxy-Authorization: Basic ZGV2aWNlOm9wZW46c2VzYW1l\r\n" // device:open:sesame
	}
	address, isConnect := strings.CutPrefix(strings.TrimSuffix(strings.SplitN(head, "\r\n", 2)[0], " HTTP/1.1"), "CONNECT ")
	switch {
	case !isConnect:
		io.WriteString(c, "HTTP/1.1 405 Only CONNECT\r\n\r\n")
		return
	case !strings.Contains(head, want):
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n")
		return
	}
	onward, err := net.Dial("tcp", address)
	if err != nil {
		io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer onward.Close()
	p.used.Add(1)
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
	go io.Copy(onward, c)
	io.Copy(c, onward)
}

// readHead reads up to the empty line.
func readHead(r io.Reader) string {
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		head.Write(b)
	}
	return head.String()
}

func (p *tunnel) proxy(user, password string) *Proxy {
	return &Proxy{Host: "127.0.0.1", Port: p.Addr().(*net.TCPAddr).Port, User: user, Password: password}
}

func TestThroughProxy(t *testing.T) {
	m := newMosquitto(t, sharedPKI())
	tests := []struct {
		name   string
		tunnel *tunnel
		proxy  func(*tunnel) *Proxy
		want   string // in the log; empty where it connects
	}{
		{"open", newTunnel(t, "", ""), func(p *tunnel) *Proxy { return p.proxy("", "") }, ""},
		{"by name", newTunnel(t, "", ""), func(p *tunnel) *Proxy { q := p.proxy("", ""); q.Host = "localhost"; return q }, ""},
		{"with a password", newTunnel(t, "device", "open:sesame"), func(p *tunnel) *Proxy { return p.proxy("device", "open:sesame") }, ""},
		{"without the password", newTunnel(t, "device", "open:sesame"), func(p *tunnel) *Proxy { return p.proxy("", "") }, "wants a user name and password"},
		{"with a wrong one", newTunnel(t, "device", "open:sesame"), func(p *tunnel) *Proxy { return p.proxy("device", "x") }, `does not accept the user name "device"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log logbook
			o := m.options()
			o.Log, o.Proxy = log.logger(), tt.proxy(tt.tunnel)
			c := newClient(t, o)
			stop := start(t, c)
			if tt.want != "" {
				waitFor(t, tt.want, func() bool { return log.count(logging.Warn, tt.want) == 1 })
				if strings.Contains(log.String(), "sesame") {
					t.Errorf("the log shows the password:\n%s", log.String())
				}
				return
			}
			next(t, c, Connected)
			stop()
			if tt.tunnel.used.Load() != 1 || log.count(logging.Info, "through proxy "+o.Proxy.String()) != 1 {
				t.Errorf("%d connections through the proxy; log:\n%s", tt.tunnel.used.Load(), log.String())
			}
		})
	}
}
