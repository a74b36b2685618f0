package mqtt

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobbox/internal/logging"
)

// alpnPort is where AWS IoT tells protocols apart by ALPN (developer guide, "Protocols, port mappings").
const alpnPort = 443

// Proxy is an HTTP proxy that CONNECT goes through.
type Proxy struct {
	Host           string // name or address
	Port           int
	User, Password string // basic authentication (RFC 7617) where User is not empty
}

// String is the address alone, so that no log line shows the password.
func (p Proxy) String() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// Options is what a session needs.
type Options struct {
	Endpoint      string // host name of the broker, also sent as SNI; or an address
	Port          int    // 443 offers ALPN "x-amzn-mqtt-ca"
	ClientID      string
	Cert, Key     string        // paths of PEM files
	RootCA        string        // path of a PEM file; empty for the system's roots
	KeepAlive     time.Duration // whole seconds; AWS takes 30 s to 20 min
	Proxy         *Proxy        // nil for none; no environment variable is consulted
	Subscriptions []string      // topic filters, subscribed with QoS 1 on every connection
	BuildDate     time.Time     // a clock that stands before it verifies certificates as of it
	Version       string        // of the program, told to proxies
	Log           *logging.Logger
}

// check finds what would only fail later, or would put line ends into a header.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !isHost(o.Endpoint) {
		bad("endpoint: %q is not a host name", o.Endpoint)
	}
	if !isPort(o.Port) {
		bad("port: %d is not between 1 and 65535", o.Port)
	}
	if o.ClientID == "" {
		bad("client id: is empty")
	}
	if s := o.KeepAlive / time.Second; s < 1 || s > 65535 {
		bad("keep-alive: %v is not between 1s and 65535s", o.KeepAlive)
	}
	if p := o.Proxy; p != nil {
		if !isHost(p.Host) {
			bad("proxy: %q is not a host name or address", p.Host)
		}
		if !isPort(p.Port) {
			bad("proxy: port %d is not between 1 and 65535", p.Port)
		}
		if strings.Contains(p.User, ":") {
			bad("proxy: a user name with basic authentication cannot hold a colon (RFC 7617)")
		}
	}
	return errors.Join(errs...)
}

func isPort(n int) bool { return n >= 1 && n <= 65535 }

// isHost takes names and addresses; that they exist is for the resolver to say.
func isHost(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@"'<>[]?#`, r)
	})
}

func (o *Options) address() string { return net.JoinHostPort(o.Endpoint, strconv.Itoa(o.Port)) }

// equal ignores the logger: another one needs no other connection.
func (o *Options) equal(p *Options) bool {
	a, b := *o, *p
	sameProxy := (a.Proxy == nil) == (b.Proxy == nil) && (a.Proxy == nil || *a.Proxy == *b.Proxy)
	return sameProxy && slices.Equal(a.Subscriptions, b.Subscriptions) && a.BuildDate.Equal(b.BuildDate) &&
		a.Endpoint == b.Endpoint && a.Port == b.Port && a.ClientID == b.ClientID &&
		a.Cert == b.Cert && a.Key == b.Key && a.RootCA == b.RootCA &&
		a.KeepAlive == b.KeepAlive && a.Version == b.Version
}
