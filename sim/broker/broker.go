// Package broker is an MQTT 3.1.1 broker that behaves as AWS IoT Core does
// towards a device: mutual TLS, a policy per certificate with disconnection
// for whatever is outside it, AWS's limits, persistent sessions, and answers
// that go to the publishing client alone. Connections and messages can be
// spoilt on demand.
//
// mochi-mqtt parses packets and keeps connections alive; sessions, routing and
// redelivery are this package's own, because AWS's differ from a plain
// broker's. Not simulated: MQTT 5, last wills, retained messages, WebSocket.
// Package service knows what the messages mean.
package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// ALPN is what a device offers on port 443 (AWS IoT developer guide, "Protocols").
const ALPN = "x-amzn-mqtt-ca"

// Options of a broker.
type Options struct {
	TLS      *tls.Config // certificate, and the authority of device certificates
	Addr     string      // for plain MQTT over TLS (AWS: 8883); "" for a free loopback port
	ALPNAddr string      // for MQTT over TLS with ALPN (AWS: 443); "" for a free loopback port

	// Serve takes a publish that is a request to a service of AWS and answers
	// the publisher, now or later. False: the topic is an ordinary one.
	Serve func(topic string, payload []byte, answer func(topic string, payload []byte)) bool

	Policy   *Policy  // nil: Minimal()
	Limits   Limits   // zero fields: AWS's
	Sessions Sessions // kept from an earlier broker

	Log func(format string, args ...any) // nil discards
}

// Broker is a running broker.
type Broker struct {
	options   Options
	limits    Limits
	server    *mqtt.Server
	listeners [2]net.Listener // plain, ALPN
	faults    *Faults
	events    *events
	workers   sync.WaitGroup

	mu       sync.Mutex
	policy   *Policy
	sessions map[string]*session // by client id
	conns    map[*conn]struct{}
	connects map[string]time.Time // last CONNECT by client id
	down     bool                 // in the middle of a restart
	closed   bool
}

// New starts a broker.
func New(o Options) (*Broker, error) {
	if o.Policy == nil {
		o.Policy = Minimal()
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	b := &Broker{
		options:  o,
		limits:   o.Limits.orAWS(),
		policy:   o.Policy,
		sessions: map[string]*session{},
		conns:    map[*conn]struct{}{},
		connects: map[string]time.Time{},
		events:   newEvents(),
	}
	b.faults = newFaults(b)
	b.server = newServer(b)
	b.restore(o.Sessions)
	if err := b.listen(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func newServer(b *Broker) *mqtt.Server {
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumPacketSize = uint32(b.limits.Payload + 1024)
	capabilities.MaximumClientWritesPending = 1 // unused: sessions write for themselves
	capabilities.MaximumQos = 1
	server := mqtt.New(&mqtt.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&hook{b: b}, nil); err != nil {
		panic("BUG: " + err.Error())
	}
	return server
}

func (b *Broker) listen() error {
	for i, address := range []string{b.options.Addr, b.options.ALPNAddr} {
		if address == "" {
			address = "127.0.0.1:0"
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for devices: %w", err)
		}
		b.listeners[i] = listener
		config := b.options.TLS.Clone()
		if i == 1 {
			config.NextProtos = []string{ALPN}
		}
		b.workers.Add(1)
		go b.accept(listener, config)
	}
	return nil
}

// Addr is the address of plain MQTT over TLS.
func (b *Broker) Addr() *net.TCPAddr { return b.listeners[0].Addr().(*net.TCPAddr) }

// ALPNAddr is the address where a device must offer ALPN.
func (b *Broker) ALPNAddr() *net.TCPAddr { return b.listeners[1].Addr().(*net.TCPAddr) }

// SetPolicy replaces the policy for what clients do from now on.
func (b *Broker) SetPolicy(p *Policy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.policy = p
}

func (b *Broker) currentPolicy() *Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.policy
}

// Faults are the broker's faults.
func (b *Broker) Faults() *Faults { return b.faults }

// Restart does to clients what a broker's restart does: all connections end,
// and the sessions are kept or lost.
func (b *Broker) Restart(keepSessions bool) {
	b.setDown(true)
	b.faults.Drop("")
	b.awaitNoConns()
	if !keepSessions {
		b.LoseSessions()
	}
	b.setDown(false)
}

func (b *Broker) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// awaitNoConns waits until every connection's handler has ended, and with it
// whatever it still had in hand.
func (b *Broker) awaitNoConns() {
	for _, c := range b.openConns("") {
		<-c.finished
	}
}

// LoseSessions forgets the persistent sessions of clients that are not
// connected.
func (b *Broker) LoseSessions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.sessions {
		if !s.online() {
			delete(b.sessions, id)
		}
	}
}

// Close ends all connections and the broker. A second Close does nothing.
func (b *Broker) Close() error {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	b.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, listener := range b.listeners {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	b.faults.release()
	b.faults.Drop("")
	b.workers.Wait()
	return errors.Join(errs...)
}
