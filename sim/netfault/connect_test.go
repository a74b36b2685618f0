package netfault

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
)

// connect asks a proxy for a tunnel.
func connect(t *testing.T, p *ConnectProxy, target, header string) (net.Conn, int) {
	t.Helper()
	conn := dial(t, p.Addr().String())
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, target, header)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return conn, resp.StatusCode
}

func TestConnect(t *testing.T) {
	e := newEcho(t)
	const right = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" // user:pass
	tests := []struct {
		name, user, header string
		want               int
	}{
		{"open", "", "", 200},
		{"right password", "user", right, 200},
		{"no password", "user", "", 407},
		{"wrong password", "user", "Proxy-Authorization: Basic dXNlcjp4\r\n", 407},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newConnect(t, tt.user)
			conn, status := connect(t, p, e.Addr().String(), tt.header)
			if status != tt.want {
				t.Fatalf("CONNECT: %d; want %d", status, tt.want)
			}
			if status != 200 {
				if p.Denied() != 1 || len(p.Targets()) != 0 {
					t.Errorf("denied %d, targets %q; want 1 and none", p.Denied(), p.Targets())
				}
				return
			}
			say(t, conn, "through the tunnel")
			if !slices.Equal(p.Targets(), []string{e.Addr().String()}) {
				t.Errorf("targets %q", p.Targets())
			}
		})
	}
}

func TestConnectFaults(t *testing.T) {
	e := newEcho(t)
	p := newConnect(t, "")
	p.Redirect(e.Addr().String())
	conn, status := connect(t, p, "known-to-the-proxy.example:8883", "")
	if status != 200 {
		t.Fatalf("CONNECT: %d; want 200", status)
	}
	say(t, conn, "redirected")
	p.Answer(http.StatusForbidden)
	if _, status := connect(t, p, "x.example:1", ""); status != 403 {
		t.Errorf("CONNECT: %d; want 403", status)
	}
	p.Answer(0)
	p.Redirect("127.0.0.1:1")
	if _, status := connect(t, p, "x.example:1", ""); status != 502 {
		t.Errorf("CONNECT to a closed port: %d; want 502", status)
	}
	p.Silent(true)
	quiet := dial(t, p.Addr().String())
	fmt.Fprint(quiet, "CONNECT x.example:1 HTTP/1.1\r\nHost: x.example:1\r\n\r\n")
	silence(t, quiet)
}

func newConnect(t *testing.T, user string) *ConnectProxy {
	t.Helper()
	p, err := NewConnect(user, "pass")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
