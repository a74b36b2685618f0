package netfault

import "time"

// Cut ends all connections with RST on both sides and says how many there were.
func (p *Proxy) Cut() int {
	links := p.snapshot()
	for _, l := range links {
		l.cut()
	}
	return len(links)
}

// CutAfter ends the connection that carries the n'th byte from now in one
// direction, right after that byte: in the middle of a packet, if that is
// where it falls.
func (p *Proxy) CutAfter(d Direction, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget[d] = n
}

// Refuse makes new connections end with RST at once. (The port stays taken, so
// the device sees "connection reset" rather than "connection refused".)
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Stall holds all bytes back, of connections old and new, until it is switched
// off; nothing is lost. New connections are still accepted.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		if on {
			p.open = make(chan struct{})
		}
	default:
		if !on {
			close(p.open)
		}
	}
}

// HalfOpen makes the network forget the connections of now, as a NAT box does
// that was restarted: what either side sends vanishes, and neither is told.
// Says how many there were. Later connections are not touched.
func (p *Proxy) HalfOpen() int {
	links := p.snapshot()
	for _, l := range links {
		l.blackHole.Store(true)
	}
	return len(links)
}

// SetRate limits each connection to bytes a second each way; 0 lifts it.
func (p *Proxy) SetRate(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bytesPerSecond
}

// SetLatency delays every chunk of bytes each way.
func (p *Proxy) SetLatency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

func (p *Proxy) snapshot() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	var links []*link
	for l := range p.links {
		links = append(links, l)
	}
	return links
}

// conditions is what a chunk of bytes meets.
func (p *Proxy) conditions() (open chan struct{}, rate int, latency time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open, p.rate, p.latency
}

// spend takes n bytes from a direction's budget. It says how many may pass,
// and whether the connection is to be cut after them.
func (p *Proxy) spend(d Direction, n int) (pass int, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget[d] < 0 {
		return n, false
	}
	if int64(n) < p.budget[d] {
		p.budget[d] -= int64(n)
		return n, false
	}
	pass, p.budget[d] = int(p.budget[d]), -1
	return pass, true
}
