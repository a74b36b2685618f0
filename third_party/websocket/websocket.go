// Package websocket stands in for github.com/gorilla/websocket, which
// paho.mqtt.golang imports for MQTT over WebSocket. jobbox speaks MQTT over TLS
// only, so nothing here is ever called; docs/SIZES.md has the bytes saved. It
// declares what paho's websocket.go names, and every call fails.
package websocket

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// BinaryMessage is the WebSocket opcode of binary data (RFC 6455 section 11.8).
const BinaryMessage = 2

var errAbsent = errors.New("this program is built without WebSocket")

// Dialer has the fields that paho sets.
type Dialer struct {
	Proxy             func(*http.Request) (*url.URL, error)
	HandshakeTimeout  time.Duration
	EnableCompression bool
	TLSClientConfig   *tls.Config
	Subprotocols      []string
	ReadBufferSize    int
	WriteBufferSize   int
}

// Dial fails.
func (*Dialer) Dial(string, http.Header) (*Conn, *http.Response, error) {
	return nil, nil, errAbsent
}

// Conn cannot be made.
type Conn struct{}

// Close fails.
func (*Conn) Close() error { return errAbsent }

// LocalAddr is nil.
func (*Conn) LocalAddr() net.Addr { return nil }

// RemoteAddr is nil.
func (*Conn) RemoteAddr() net.Addr { return nil }

// SetReadDeadline fails.
func (*Conn) SetReadDeadline(time.Time) error { return errAbsent }

// SetWriteDeadline fails.
func (*Conn) SetWriteDeadline(time.Time) error { return errAbsent }

// WriteMessage fails.
func (*Conn) WriteMessage(int, []byte) error { return errAbsent }

// NextReader fails.
func (*Conn) NextReader() (int, io.Reader, error) { return 0, nil, errAbsent }
