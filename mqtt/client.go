// Package mqtt keeps one TLS session with the broker: topics and bytes in and
// out, reconnection, and errors that say what to do. It leaves what the bytes
// mean to its caller.
package mqtt

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	// Connected: the broker has answered every subscription; Publish works.
	// Messages that a persistent session kept may have come before it.
	Connected EventKind = iota + 1
	// Lost: the session that Connected announced has ended; Err says why.
	Lost
	// Received: Message has come. It is acknowledged already.
	Received
	// Missed: messages may have passed us by, because more came than were
	// taken from Events or because a subscription was granted late. Ask for
	// whatever they would have said. MQTT 3.1.1 has no negative
	// acknowledgement, and a message left unacknowledged comes again with the
	// next connection only, which may be weeks away: so what is dropped is
	// acknowledged, and this event makes up for it.
	Missed
)

// String is the kind's name.
func (k EventKind) String() string {
	names := [...]string{Connected: "Connected", Lost: "Lost", Received: "Received", Missed: "Missed"}
	if k == 0 || int(k) >= len(names) {
		return "EventKind(?)"
	}
	return names[k]
}

// A Message is a topic and what was published to it. The payload is the
// receiver's own.
type Message struct {
	Topic   string
	Payload []byte
}

// An Event is one thing that happened to the session. Message is set in
// Received, Err in Lost.
type Event struct {
	Kind    EventKind
	Message Message
	Err     error
}

var (
	// ErrNotConnected is returned by Publish while there is no session.
	ErrNotConnected = errors.New("not connected")
	// ErrBusy is returned by Publish when the broker takes messages more
	// slowly than they are published and the queue is full.
	ErrBusy = errors.New("too many messages wait to be sent")
	// errReload ends a session whose options have been replaced.
	errReload = errors.New("the configuration has changed")
)

// A Client holds the connection to one broker. Create it with New; one
// goroutine calls Run, any may call the rest.
type Client struct {
	queue  *queue
	reload chan struct{} // has room for one: Run must connect anew
	subs   subscriptions // only Run's goroutine
	flaps  int           // sessions in a row that the broker ended early; only Run's goroutine
	early  bool          // the clock has been said to be wrong; only Run's goroutine

	mu      sync.Mutex
	setup   setup    // of the next session
	session *session // nil while there is none

	// Replaced by tests: what a bubble cannot have, and a clock without a battery.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	now  func() time.Time
}

// New checks the options and reads the certificates once, so that mistakes
// show before anything connects. Its error joins all of them.
func New(o Options) (*Client, error) {
	s, err := newSetup(o)
	if err != nil {
		return nil, err
	}
	// MQTT has a keep-alive of its own: TCP's would only wake the radio.
	d := &net.Dialer{KeepAlive: -1}
	return &Client{
		queue:  newQueue(o.Log),
		reload: make(chan struct{}, 1),
		setup:  s,
		dial:   d.DialContext,
		now:    time.Now,
	}, nil
}

// Events is where everything comes out, in order. It is never closed, and
// nothing is sent on it after Run has returned. A reader that is slow delays
// nobody: see Missed.
func (c *Client) Events() <-chan Event { return c.queue.out }

// Publish queues a message of QoS 1, not retained, and returns at once. The
// payload is copied. A nil error is no promise of delivery: a connection may end
// before the message is out. The errors are ErrNotConnected and ErrBusy.
func (c *Client) Publish(topic string, payload []byte) error {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return ErrNotConnected
	}
	return s.publish(Message{Topic: topic, Payload: append([]byte(nil), payload...)})
}

// Reload checks new options and certificates. On an error everything stays
// as it was. When anything differs from what is in use, the session is replaced
// (Lost, then Connected); otherwise it is left alone.
func (c *Client) Reload(o Options) error {
	s, err := newSetup(o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	same := s.equal(&c.setup)
	if same {
		c.setup.Log = o.Log
	} else {
		c.setup = s
	}
	c.mu.Unlock()
	if same {
		return nil
	}
	select {
	case c.reload <- struct{}{}:
	default: // one is on its way and will find the newest options
	}
	return nil
}

func (c *Client) setSession(s *session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
}

func (c *Client) currentSetup() setup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setup
}
