package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// connectTimeout bounds a whole attempt: name, TCP, proxy, TLS, CONNACK. A
// slow processor needs seconds for its signature, a slow network for the rest.
const connectTimeout = 60 * time.Second

var errNoAnswer = fmt.Errorf("no answer within %v", connectTimeout)

// A dialer opens the TLS connection of one attempt.
type dialer struct {
	setup *setup
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	now   func() time.Time
}

// open returns a connection with TLS up, or an error that says how far it came.
// It returns soon after ctx is done.
func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	raw, err := d.tcp(ctx)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, d.setup.tlsConfig(d.now))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("TLS handshake: %w", cutOff(ctx, err))
	}
	return conn, nil
}

func (d *dialer) tcp(ctx context.Context) (net.Conn, error) {
	p := d.setup.Proxy
	if p == nil {
		conn, err := d.dial(ctx, "tcp", d.setup.address())
		return conn, cutOff(ctx, err)
	}
	conn, err := d.dial(ctx, "tcp", p.String())
	if err != nil {
		return nil, fmt.Errorf("HTTP proxy %s: %w", p, cutOff(ctx, err))
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = connectThrough(conn, *p, d.setup.address(), d.setup.Version)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("HTTP proxy %s: %w", p, cutOff(ctx, err))
	}
	return conn, nil
}

// cutOff puts the reason for which ctx ended in the place of whatever the
// connection that it cut off says.
func cutOff(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}
