// Package netfault is the bad network between a device and its broker: a TCP
// proxy that cuts, stalls, slows, refuses and forgets connections on demand,
// and an HTTP CONNECT proxy. It reads nothing of what it carries.
package netfault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy carries TCP connections from a loopback port to a target. Its faults
// are switched while it runs. All methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener

	mu       sync.Mutex
	target   string
	links    map[*link]struct{}
	accepted int
	refuse   bool
	rate     int // bytes a second each way, 0: no limit
	latency  time.Duration
	open     chan struct{} // closed while bytes may flow; open while stalled
	budget   [2]int64      // bytes until a cut, by Direction; negative: none
	changed  chan struct{} // closed and replaced whenever links change
	closed   bool
	workers  sync.WaitGroup
}

// Direction is a way through the proxy.
type Direction uint8

// The two ways.
const (
	ToBroker Direction = iota
	ToDevice
)

// New starts a proxy to target ("host:port") on a free loopback port.
func New(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the fault proxy: %w", err)
	}
	p := &Proxy{
		listener: listener,
		target:   target,
		links:    map[*link]struct{}{},
		open:     make(chan struct{}),
		budget:   [2]int64{-1, -1},
		changed:  make(chan struct{}),
	}
	close(p.open)
	p.workers.Add(1)
	go p.serve()
	return p, nil
}

// Addr is where the device connects to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Port is Addr's port.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// SetTarget changes where connections made from now on go.
func (p *Proxy) SetTarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Close ends every connection and the proxy.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.workers.Wait()
	return err
}

// Accepted is the number of connections that were ever accepted, refused ones
// included.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Open is the number of connections from devices that are open now.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Wait returns when the connections satisfy a condition over the number that
// were accepted so far and the number that are open, or ctx ends.
func (p *Proxy) Wait(ctx context.Context, condition func(accepted, open int) bool) error {
	for {
		p.mu.Lock()
		accepted, open, changed := p.accepted, len(p.links), p.changed
		p.mu.Unlock()
		if condition(accepted, open) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fault proxy: %d connections accepted, %d open: %w", accepted, open, ctx.Err())
		}
	}
}

func (p *Proxy) serve() {
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
		p.admit(conn)
	}
}

// admit refuses conn or starts to carry it.
func (p *Proxy) admit(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted++
	p.noteLocked()
	if p.refuse || p.closed {
		reset(conn)
		return
	}
	l := newLink(p, conn, p.target)
	p.links[l] = struct{}{}
	p.workers.Add(1)
	go l.run()
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	p.noteLocked()
}

func (p *Proxy) noteLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// reset ends a connection with RST rather than FIN, as a lost peer's kernel does.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a socket that is gone already
	}
	conn.Close()
}
