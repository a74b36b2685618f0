package netfault

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection from a device and the one that carries it on.
type link struct {
	proxy     *Proxy
	device    net.Conn
	target    string
	ctx       context.Context
	cancel    context.CancelFunc
	blackHole atomic.Bool
	cutOnce   sync.Once

	mu     sync.Mutex
	broker net.Conn // nil until dialled
}

func newLink(p *Proxy, device net.Conn, target string) *link {
	ctx, cancel := context.WithCancel(context.Background())
	return &link{proxy: p, device: device, target: target, ctx: ctx, cancel: cancel}
}

// run carries bytes both ways until either side has had enough.
func (l *link) run() {
	defer l.proxy.workers.Done()
	defer l.proxy.forget(l)
	defer l.cut()
	broker, err := new(net.Dialer).DialContext(l.ctx, "tcp", l.target)
	if err != nil {
		return
	}
	l.mu.Lock()
	l.broker = broker
	l.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { l.carry(ToBroker, broker, l.device) })
	ways.Go(func() { l.carry(ToDevice, l.device, broker) })
	ways.Wait()
	broker.Close()
}

// carry copies one way. At a source's end the destination's write side is
// closed, so that the other way can finish what it has.
func (l *link) carry(d Direction, to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		_, rate, _ := l.proxy.conditions()
		n, err := from.Read(buf[:chunk(rate, len(buf))])
		if n > 0 && !l.forward(d, to, buf[:n]) {
			l.cut()
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			l.ended(to)
			return
		case err != nil:
			l.failed()
			return
		}
	}
}

// forward passes bytes on under the conditions of the moment. False means that
// the link is over.
func (l *link) forward(d Direction, to net.Conn, data []byte) bool {
	open, rate, latency := l.proxy.conditions()
	select {
	case <-open:
	case <-l.ctx.Done():
		return false
	}
	if l.blackHole.Load() {
		return true
	}
	if rate > 0 {
		latency += time.Duration(len(data)) * time.Second / time.Duration(rate)
	}
	if !l.pause(latency) {
		return false
	}
	pass, cut := l.proxy.spend(d, len(data))
	_, err := to.Write(data[:pass])
	return err == nil && !cut
}

// ended tells the other side, unless the network has forgotten the connection.
func (l *link) ended(to net.Conn) {
	if l.blackHole.Load() {
		<-l.ctx.Done()
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // fails only on a socket that is gone already
	}
}

// failed passes a reset on, unless the network has forgotten the connection.
func (l *link) failed() {
	if l.blackHole.Load() {
		<-l.ctx.Done()
		return
	}
	l.cut()
}

// cut ends both sides with RST.
func (l *link) cut() {
	l.cutOnce.Do(func() {
		l.cancel()
		reset(l.device)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broker != nil {
		reset(l.broker)
	}
}

func (l *link) pause(d time.Duration) bool {
	if d <= 0 {
		return l.ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

// chunk is how much to read at once so that a rate looks steady: a tenth of a
// second's worth.
func chunk(rate, most int) int {
	if rate <= 0 {
		return most
	}
	return max(1, min(most, rate/10))
}
