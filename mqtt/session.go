package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	// maxUnsent is how many messages Publish queues.
	maxUnsent = 32
	// maxUnacked keeps us within AWS IoT's limit of 100 unacknowledged messages.
	maxUnacked = 50
	// ackTimeout is how long a full window may wait for its first PUBACK.
	ackTimeout = 60 * time.Second
	// goodbye is how long DISCONNECT may take: a slow core with much to do needs a second.
	goodbye = 1500 * time.Millisecond
)

// A session is one connection: a paho client that is used once ("reusing a
// Client is not completely safe", its documentation says) and what is around it.
type session struct {
	setup   *setup
	queue   *queue
	client  paho.Client
	guard   *guard     // nil until the TLS connection is up
	lost    chan error // paho's reason, where paho ended the connection
	out     chan Message
	resumed bool // the broker had kept the session

	mu      sync.Mutex
	unacked []sent
}

type sent struct {
	topic string
	token paho.Token
}

func newSession(s *setup, q *queue) *session {
	return &session{setup: s, queue: q, lost: make(chan error, 1), out: make(chan Message, maxUnsent)}
}

// connect returns once CONNACK has come, or an error soon after ctx is done.
func (s *session) connect(ctx context.Context, d *dialer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errNoAnswer)
	defer cancel()
	var openErr error
	stop := func() bool { return true }
	s.client = paho.NewClient(s.options(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := d.open(ctx)
		if err != nil {
			openErr = err
			return nil, err
		}
		s.guard = newGuard(conn, s.setup.KeepAlive)
		stop = context.AfterFunc(ctx, func() { s.guard.end(context.Cause(ctx)) })
		return s.guard, nil
	}))
	token := s.client.Connect()
	<-token.Done() // all that it waits for ends with ctx
	if openErr != nil {
		return openErr
	}
	if !stop() {
		return fmt.Errorf("waiting for CONNACK: %w", context.Cause(ctx))
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("waiting for CONNACK: %w", s.reason(err))
	}
	s.resumed = token.(*paho.ConnectToken).SessionPresent()
	go keepAliveLoop(s.guard)
	return nil
}

// options are set one by one: a ClientOptions literal would have no PingTimeout.
func (s *session) options(open paho.OpenConnectionFunc) *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.AddBroker("tls://" + s.setup.address()) // for paho's own log lines; open decides
	o.SetClientID(s.setup.ClientID)
	o.SetProtocolVersion(4) // otherwise a refusal is followed by a second CONNECT, for MQTT 3.1
	o.SetCleanSession(false)
	o.SetAutoReconnect(false) // no jitter, and its sleeps cannot be interrupted
	o.SetConnectRetry(false)
	o.SetKeepAlive(0) // see withKeepAlive
	o.SetConnectTimeout(connectTimeout)
	o.SetWriteTimeout(writeTimeout)
	o.SetPingTimeout(pingTimeout)
	o.SetStore(noStore{})
	o.SetCustomOpenConnectionFn(open)
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost <- err })
	// In order, on paho's own goroutine: the handler must not block. Without a
	// default handler, unexpected messages would stay unacknowledged.
	o.SetOrderMatters(true)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		s.queue.received(Message{Topic: m.Topic(), Payload: m.Payload()})
	})
	return o
}

// reason is why the connection ended: what the guard saw, else what paho says.
func (s *session) reason(err error) error {
	select {
	case <-s.guard.done:
		if s.guard.cause != nil {
			return s.guard.cause
		}
	default:
	}
	return err
}

// ended waits for the reason of a connection that is over. Where paho closed
// it, over a packet that it could not read, paho says so a moment later.
func (s *session) ended() error {
	if s.guard.cause != nil {
		return s.guard.cause
	}
	select {
	case err := <-s.lost:
		return err
	case <-time.After(time.Second):
		return errors.New("closed by this side")
	}
}

// close ends whatever is left of the connection and of paho's goroutines.
func (s *session) close() {
	if s.guard == nil {
		return
	}
	s.guard.end(nil)
	s.client.Disconnect(0)
}

// disconnect says goodbye, so that the broker does not take it for a loss.
func (s *session) disconnect() {
	s.client.Disconnect(uint(goodbye / time.Millisecond))
	s.close()
}
