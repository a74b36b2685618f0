package netfault

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// ConnectProxy is an HTTP proxy that knows CONNECT and nothing else, for tests
// of devices behind one.
type ConnectProxy struct {
	listener net.Listener
	auth     string // the Proxy-Authorization that is asked for, "" for none

	mu       sync.Mutex
	targets  []string
	denied   int
	redirect string // where tunnels go instead
	status   int    // answered instead of a tunnel, 0: none
	silent   bool
	conns    map[net.Conn]struct{}
	closed   bool
	workers  sync.WaitGroup
}

// NewConnect starts a proxy on a free loopback port. With a user name it asks
// for basic authentication.
func NewConnect(user, password string) (*ConnectProxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the CONNECT proxy: %w", err)
	}
	p := &ConnectProxy{listener: listener, conns: map[net.Conn]struct{}{}}
	if user != "" {
		p.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	p.workers.Add(1)
	go p.serve()
	return p, nil
}

// Addr is where the device connects to.
func (p *ConnectProxy) Addr() *net.TCPAddr { return p.listener.Addr().(*net.TCPAddr) }

// Targets are the host:port of all tunnels that were asked for and allowed.
func (p *ConnectProxy) Targets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.targets...)
}

// Denied is how many requests lacked the right credentials.
func (p *ConnectProxy) Denied() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.denied
}

// Redirect sends all tunnels to one address, so that a device may ask for a
// host name that only the proxy knows.
func (p *ConnectProxy) Redirect(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redirect = address
}

// Answer makes the proxy answer with an HTTP status instead of a tunnel; 0
// ends that.
func (p *ConnectProxy) Answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Silent makes the proxy read requests and never answer.
func (p *ConnectProxy) Silent(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
}

// Close ends all tunnels and the proxy.
func (p *ConnectProxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.workers.Wait()
	return err
}

func (p *ConnectProxy) serve() {
	defer p.workers.Done()
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: nothing tells when that ends
			continue
		}
		p.workers.Add(1)
		go p.handle(conn)
	}
}

func (p *ConnectProxy) handle(conn net.Conn) {
	defer p.workers.Done()
	if !p.keep(conn) {
		return
	}
	defer p.drop(conn)
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	status, target, silent := p.decide(r)
	if silent {
		io.Copy(io.Discard, conn) // until the device gives up
		return
	}
	if status != http.StatusOK {
		fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
		return
	}
	p.tunnel(conn, in, target)
}

// decide says what a request gets.
func (p *ConnectProxy) decide(r *http.Request) (status int, target string, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.silent:
		return 0, "", true
	case r.Method != http.MethodConnect:
		return http.StatusMethodNotAllowed, "", false
	case p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth:
		p.denied++
		return http.StatusProxyAuthRequired, "", false
	case p.status != 0:
		return p.status, "", false
	}
	p.targets = append(p.targets, r.Host)
	if p.redirect != "" {
		return http.StatusOK, p.redirect, false
	}
	return http.StatusOK, r.Host, false
}

func (p *ConnectProxy) tunnel(conn net.Conn, in *bufio.Reader, target string) {
	upstream, err := net.Dial("tcp", target)
	if err != nil {
		fmt.Fprint(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if !p.keep(upstream) {
		return
	}
	defer p.drop(upstream)
	fmt.Fprint(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(upstream, in)
		upstream.Close()
	}()
	io.Copy(conn, upstream)
	conn.Close()
	<-done
}

// keep remembers a connection to close at the end; false means that it is
// the end.
func (p *ConnectProxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *ConnectProxy) drop(conn net.Conn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}
