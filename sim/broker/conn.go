package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// conn is one device's connection after its TLS handshake.
type conn struct {
	net.Conn // TLS
	raw      net.Conn
	b        *Broker
	thing    string
	done     chan struct{} // closed when the connection is
	finished chan struct{} // closed when its handler has ended
	once     sync.Once
	reason   atomic.Pointer[string] // why we closed it

	// Set while CONNECT is handled, before anybody else sees the connection.
	client  *mqtt.Client
	clean   bool
	present bool
	refused bool // by CONNACK
	session *session

	deferred []func() // answers that wait for the PUBACK; the handler's goroutine only
	cutNext  bool     // a fault: close instead of acknowledging
}

// accept takes connections until its listener is closed.
func (b *Broker) accept(listener net.Listener, config *tls.Config) {
	defer b.workers.Done()
	for {
		raw, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: nothing tells when that ends
			continue
		}
		b.workers.Add(1)
		go b.handle(raw, config)
	}
}

// handle takes a TCP connection through TLS and MQTT to its end.
func (b *Broker) handle(raw net.Conn, config *tls.Config) {
	defer b.workers.Done()
	c := &conn{raw: raw, b: b, done: make(chan struct{}), finished: make(chan struct{})}
	c.Conn = raw
	defer close(c.finished)
	defer c.Close()
	if !b.admit(c) {
		return
	}
	defer b.forget(c)
	if err := c.handshake(config); err != nil {
		b.events.add(Event{Kind: HandshakeFailed, Reason: err.Error()})
		b.options.Log("broker: TLS handshake with %v: %v", raw.RemoteAddr(), err)
		return
	}
	if b.faults.stalled(StallTLS) {
		<-c.done
		return
	}
	b.detach(c, b.server.EstablishConnection("tls", c))
}

// admit counts a connection in, unless a fault has other plans for it.
func (b *Broker) admit(c *conn) bool {
	b.mu.Lock()
	refuse := b.closed || b.down || b.faults.refusing()
	if !refuse {
		b.conns[c] = struct{}{}
	}
	b.mu.Unlock()
	if refuse {
		c.reset()
		return false
	}
	if b.faults.stalled(StallTCP) {
		<-c.done
		b.forget(c)
		return false
	}
	return true
}

func (b *Broker) forget(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

// openConns are the connections of a client id, or all for "".
func (b *Broker) openConns(clientID string) []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*conn
	for c := range b.conns {
		if clientID == "" || c.client != nil && c.client.ID == clientID {
			list = append(list, c)
		}
	}
	return list
}

func (c *conn) handshake(config *tls.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.b.limits.Handshake)
	defer cancel()
	secure := tls.Server(c.raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secure.ConnectionState()
	if len(config.NextProtos) > 0 && state.NegotiatedProtocol != ALPN {
		return errors.New("no ALPN protocol offered; AWS IoT takes MQTT on port 443 only with " + ALPN)
	}
	c.thing = state.PeerCertificates[0].Subject.CommonName
	// Until CONNECT has come, keep-alive does not bound the wait.
	if err := secure.SetDeadline(time.Now().Add(c.b.limits.Handshake)); err != nil {
		return err
	}
	c.Conn = secure
	return nil
}

// Read waits while MQTT is stalled.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.b.faults.pass(c.done)
	return n, err
}

// Write waits while MQTT is stalled.
func (c *conn) Write(p []byte) (int, error) {
	c.b.faults.pass(c.done)
	return c.Conn.Write(p)
}

// Close ends the connection as a service does that has made up its mind: what
// was written still arrives.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.raw.Close()
}

// reset ends the connection with RST.
func (c *conn) reset() {
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a socket that is gone already
	}
	c.Close()
}

// end closes the connection and remembers why.
func (c *conn) end(reason string) {
	c.reason.CompareAndSwap(nil, &reason)
	c.Close()
}

func (c *conn) identity() Identity {
	return Identity{Thing: c.thing, ClientID: c.client.ID}
}
