package mqtt

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// writeTimeout bounds one write. paho sets a deadline for PUBLISH only: an
// acknowledgement or a PINGREQ to a peer that takes nothing would hang for ever.
const writeTimeout = 30 * time.Second

// A guard is what paho gets for a connection: it holds the broker to the
// protocol (frames), bounds every write, notes when bytes came and went for the
// keep-alive, and keeps the first reason why the connection ended.
type guard struct {
	net.Conn
	keepAlive uint16 // seconds, to be told in CONNECT
	begun     time.Time
	frames    frames     // only the reader's
	writing   sync.Mutex // one packet is one Write
	connected bool       // CONNECT is out; under writing
	sent, got atomic.Int64
	subacks   atomic.Int32

	once  sync.Once
	done  chan struct{} // closed when the connection has ended
	cause error         // set before done is closed; nil where our side closed
}

func newGuard(c net.Conn, keepAlive time.Duration) *guard {
	g := &guard{Conn: c, keepAlive: uint16(keepAlive / time.Second), begun: time.Now(), done: make(chan struct{})}
	g.frames.subacks = func() int { return int(g.subacks.Load()) }
	return g
}

// Read hands on what the broker sends as long as it is sound.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if n > 0 {
		g.got.Store(int64(time.Since(g.begun)))
		if err := g.frames.feed(p[:n]); err != nil {
			g.end(err)
			return 0, err
		}
	}
	if err != nil {
		g.end(err)
	}
	return n, err
}

// Write sends one packet, or ends the connection.
func (g *guard) Write(p []byte) (int, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	if !g.connected {
		g.connected = true
		p = withKeepAlive(p, g.keepAlive)
	}
	g.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := g.Conn.Write(p)
	// A deadline left behind would break the TLS layer's own writes later on.
	g.Conn.SetWriteDeadline(time.Time{})
	if err != nil {
		g.end(err)
		return n, err
	}
	g.sent.Store(int64(time.Since(g.begun)))
	return n, nil
}

// withKeepAlive puts the keep-alive into a CONNECT packet (MQTT 3.1.1, section
// 3.1.2.10). paho is told 0, since its own keep-alive wakes up every 5 s and
// writes without a deadline.
func withKeepAlive(p []byte, seconds uint16) []byte {
	at := 1
	for at < len(p) && p[at]&0x80 != 0 {
		at++ // remaining length
	}
	at += 1 + 2 + len("MQTT") + 1 + 1 // its last byte, name, level, flags
	if len(p) < at+2 || p[0]>>4 != typeConnect {
		panic("BUG: the first packet is no CONNECT")
	}
	q := append([]byte(nil), p...)
	binary.BigEndian.PutUint16(q[at:], seconds)
	return q
}

// Close ends the connection at our wish. TLS says goodbye, but not for long.
func (g *guard) Close() error {
	g.end(nil)
	return nil
}

// SetDeadline does nothing: paho would take away the deadlines set here.
func (g *guard) SetDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, for the same reason.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// end closes the connection for a reason, of which the first counts.
func (g *guard) end(cause error) {
	g.once.Do(func() {
		g.cause = cause
		close(g.done)
		go closeSoon(g.Conn)
	})
}

// closeSoon says goodbye if there is room for it at once: left to itself,
// TLS would wait 5 s.
func closeSoon(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		cut := time.AfterFunc(time.Second/2, func() { t.NetConn().Close() })
		defer cut.Stop()
	}
	c.Close()
}

// idle is how long nothing has been sent or nothing has come, whichever is longer.
func (g *guard) idle() time.Duration {
	last := min(g.sent.Load(), g.got.Load())
	return time.Since(g.begun) - time.Duration(last)
}
