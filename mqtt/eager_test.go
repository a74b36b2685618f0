//go:build go1.25

package mqtt

import (
	"net"
	"sync"
)

// eager reads whatever comes before it is asked for, as a socket's buffer does.
// On a bare net.Pipe a broker that sends an alert in the middle of our flight
// and we who send the rest of it would wait for each other.
type eager struct {
	net.Conn
	mu   sync.Mutex
	more *sync.Cond
	buf  []byte
	err  error
}

func newEager(c net.Conn) *eager {
	e := &eager{Conn: c}
	e.more = sync.NewCond(&e.mu)
	go e.fill()
	return e
}

func (e *eager) fill() {
	p := make([]byte, 4096)
	for {
		n, err := e.Conn.Read(p)
		e.mu.Lock()
		e.buf, e.err = append(e.buf, p[:n]...), err
		e.more.Broadcast()
		e.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (e *eager) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.buf) == 0 && e.err == nil {
		e.more.Wait()
	}
	if len(e.buf) == 0 {
		return 0, e.err
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	return n, nil
}
