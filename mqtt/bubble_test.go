//go:build go1.25

package mqtt

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A desk is a broker at the other end of net.Pipes, in a bubble's time.
type desk struct {
	t     *testing.T
	pki   *pki
	log   logbook
	mu    sync.Mutex
	dials []time.Time   // under mu; see attempts
	ended chan struct{} // one for each connection that the broker has done with
	// serve is the broker's side of connection n (from 0), after TLS.
	serve func(n int, p *peer)
	// raw, where set, is its side before TLS.
	raw func(n int, c net.Conn)
	// Where set: what dialling fails with, and the device's clock.
	dialError error
	clock     time.Time
}

// bubble runs a test with a client at a desk. The bubble ends only when every
// goroutine, paho's too, has.
func bubble(t *testing.T, change func(*Options, *desk), test func(*testing.T, *Client, *desk)) {
	p := sharedPKI()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, pki: p, ended: make(chan struct{}, 1000)}
		o := p.options()
		o.Log = d.log.logger()
		d.serve = func(_ int, p *peer) { p.accept(0); p.serve() }
		if change != nil {
			change(&o, d)
		}
		c := newClient(t, o)
		c.dial = d.dial
		if !d.clock.IsZero() {
			c.now = func() time.Time { return d.clock }
		}
		test(t, c, d)
		if t.Failed() {
			t.Logf("log:\n%s", d.log.String())
		}
	})
}

func (d *desk) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n := d.attempted()
	if d.dialError != nil {
		return nil, d.dialError
	}
	ours, theirs := net.Pipe()
	go func() {
		defer func() { d.ended <- struct{}{} }()
		defer theirs.Close()
		if d.raw != nil {
			d.raw(n, theirs)
			return
		}
		d.overTLS(n, theirs)
	}()
	return ours, nil
}

// attempted notes an attempt and returns its number, from 0.
func (d *desk) attempted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dials = append(d.dials, time.Now())
	return len(d.dials) - 1
}

// attempts is when each began.
func (d *desk) attempts() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.dials)
}

func (d *desk) overTLS(n int, c net.Conn) {
	s := tls.Server(c, d.pki.serverConfig())
	if s.Handshake() == nil {
		d.serve(n, &peer{Conn: s})
	}
}

// stopsWithin is how long Run takes to return after its context is done.
func stopsWithin(t *testing.T, stop func(), limit time.Duration) {
	t.Helper()
	began := time.Now()
	stop()
	if d := time.Since(began); d > limit {
		t.Errorf("stopping took %v; want at most %v", d, limit)
	}
}

// later is next in a bubble, where hours take no time.
func later(t *testing.T, c *Client, kind EventKind) Event {
	t.Helper()
	return nextWithin(t, c, kind, 12*time.Hour)
}

func hang(c io.Reader) { io.Copy(io.Discard, c) }
