//go:build go1.25

package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"jobbox/internal/logging"
)

// overTLSWith serves TLS with a changed configuration.
func (d *desk) overTLSWith(change func(*tls.Config)) {
	cfg := d.pki.serverConfig()
	change(cfg)
	d.raw = func(n int, c net.Conn) {
		s := tls.Server(newEager(c), cfg)
		if s.Handshake() == nil {
			d.serve(n, &peer{Conn: s})
			s.Close()
		}
	}
}

// Every way in which an attempt fails names its reason and what to do.
func TestFailuresAreExplained(t *testing.T) {
	other := newPKI(t)
	good := sharedPKI()
	expired := good.issue("expired", func(c *x509.Certificate) {
		c.DNSNames = []string{"localhost"}
		c.NotAfter = time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	})
	misnamed := good.issue("misnamed", func(c *x509.Certificate) { c.DNSNames = []string{"elsewhere.test"} })
	server := func(cert tls.Certificate) func(*Options, *desk) {
		return func(_ *Options, d *desk) {
			d.overTLSWith(func(c *tls.Config) { c.Certificates = []tls.Certificate{cert} })
		}
	}
	connack := func(code byte) func(*Options, *desk) {
		return func(_ *Options, d *desk) { d.serve = func(_ int, p *peer) { p.accept(code) } }
	}
	dialError := func(err error) func(*Options, *desk) {
		return func(_ *Options, d *desk) { d.dialError = err }
	}
	tests := []struct {
		name   string
		change func(*Options, *desk)
		want   string
	}{
		{"unknown authority", server(other.server), `issued by "CN=Test CA", which root-ca "` + good.path("ca.pem") + `" does not hold`},
		{"expired", server(expired), `the certificate of "CN=expired" is valid from 1990-01-01T00:00:00Z to 1999-12-31T00:00:00Z, and this device's clock says 2000-01-01T`},
		{"clock before everything", func(_ *Options, d *desk) { d.clock = time.Unix(60, 0) }, "this device's clock says 1970-01-01T00:01:00Z"},
		{"wrong name", server(misnamed), `the endpoint must be the name in the broker's certificate; it holds ["elsewhere.test"]`},
		{"device of another authority, TLS 1.2", func(o *Options, d *desk) {
			o.Cert, o.Key = other.path("device.pem"), other.path("device.key")
			d.overTLSWith(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
		}, "does not accept the device's certificate"},
		{"TLS 1.1 only", func(_ *Options, d *desk) {
			d.overTLSWith(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
		}, "a TLS version other than 1.2 and 1.3"},
		{"no ALPN there", func(o *Options, d *desk) {
			o.Port = 443
			d.overTLSWith(func(c *tls.Config) { c.NextProtos = []string{"h2"} })
		}, `does not offer "x-amzn-mqtt-ca"`},
		{"not TLS", func(_ *Options, d *desk) {
			d.raw = func(_ int, c net.Conn) {
				c.Read(make([]byte, 1))
				go io.Copy(io.Discard, c)
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			}
		}, "that is no TLS; check the port"},
		{"closed in the handshake", func(_ *Options, d *desk) { d.raw = func(_ int, c net.Conn) { c.Read(make([]byte, 1)) } }, "TLS handshake: "},
		{"closed before CONNACK", func(_ *Options, d *desk) { d.serve = func(_ int, p *peer) { p.Read(make([]byte, 1)); p.Close() } },
			"not ACTIVE, or its policy does not allow iot:Connect on client/thing"},
		{"not authorized", connack(5), "(CONNACK code 5): the policy of the device's certificate must allow iot:Connect on client/thing"},
		{"not authorized, at AWS", connack(7), "(CONNACK code 7): the policy of the device's certificate must allow iot:Connect on client/thing"},
		{"client id", connack(2), `the broker does not take "thing" for a client id`},
		{"server unavailable", connack(3), "server unavailable (CONNACK code 3)"},
		{"no such name", dialError(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "localhost", IsNotFound: true}}),
			"check the endpoint's spelling and the device's DNS"},
		{"refused", dialError(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), "nothing listens there; check the port"},
		{"proxy refused", func(o *Options, d *desk) {
			o.Proxy = &Proxy{Host: "proxy", Port: 3128}
			d.dialError = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}, "HTTP proxy proxy:3128: dial tcp: connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, tt.change, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				synctest.Wait()
				stop()
				if d.log.count(logging.Warn, "mqtt: cannot connect to localhost:") != 1 || d.log.count(logging.Warn, tt.want) != 1 {
					t.Errorf("the log does not say %q:\n%s", tt.want, d.log.String())
				}
			})
		})
	}
}

// With TLS 1.3 a broker judges our certificate after the handshake has ended for
// us: its alert comes in the place of CONNACK.
func TestCertificateRefusedLate(t *testing.T) {
	good, other := newPKI(t), newPKI(t)
	good.issue("old", func(c *x509.Certificate) { c.NotAfter = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) })
	tests := []struct {
		name      string
		cert, key string
		want      string
	}{
		{"of another authority", other.path("device.pem"), other.path("device.key"), `does not accept the device's certificate "` + other.path("device.pem")},
		{"expired", good.path("old.pem"), good.path("old.key"), `old.pem" has expired on 2001-01-01T00:00:00Z`},
	}
	for _, tt := range tests {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if tls.Server(c, good.serverConfig()).Handshake() == nil {
					t.Error("the certificate was accepted")
				}
				io.Copy(io.Discard, c) // closing with bytes unread would cut off the alert
				c.Close()
			}
		}()
		var log logbook
		o := good.options()
		o.Log, o.Port, o.Cert, o.Key = log.logger(), l.Addr().(*net.TCPAddr).Port, tt.cert, tt.key
		stop := start(t, newClient(t, o))
		waitFor(t, "a failed attempt", func() bool { return log.count(logging.Warn, "cannot connect") == 1 })
		stop()
		if log.count(logging.Warn, tt.want) != 1 {
			t.Errorf("%s: the log does not say %q:\n%s", tt.name, tt.want, log.String())
		}
	}
}

// What a loopback broker of our own cannot be made to say.
func TestHints(t *testing.T) {
	alert := func(text string) error {
		return fmt.Errorf("waiting for CONNACK: %w", &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)})
	}
	expired := setup{Options: Options{Cert: "c.pem", ClientID: "thing", Endpoint: "e"}}
	expired.cert.Leaf = &x509.Certificate{NotAfter: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}
	valid := expired
	valid.cert.Leaf = &x509.Certificate{NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		setup setup
		err   error
		want  string // empty for no hint
	}{
		{"silence, expired", expired, fmt.Errorf("waiting for CONNACK: %w", io.EOF), `"c.pem" has expired on 2001`},
		{"reset, valid", valid, fmt.Errorf("waiting for CONNACK: %w", syscall.ECONNRESET), "is not registered, not ACTIVE"},
		{"bad certificate, expired", expired, alert("bad certificate"), `"c.pem" has expired`},
		{"access denied", valid, alert("access denied"), `does not accept the device's certificate "c.pem"`},
		{"handshake failure", valid, alert("handshake failure"), "does not accept the device's certificate"},
		{"unrecognized name", valid, alert("unrecognized name"), `does not go by the name "e"`},
		{"internal error", valid, alert("internal error"), ""},
		{"handshake cut off", valid, fmt.Errorf("TLS handshake: %w", io.EOF), "check the endpoint, the port"},
		{"time-out", valid, errNoAnswer, ""},
		{"anything else", valid, errors.New("no route to host"), ""},
	}
	for _, tt := range tests {
		got := tt.setup.hint(tt.err, now)
		if !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestAuthorityHints(t *testing.T) {
	tests := []struct {
		endpoint, rootCA string
		want, not        string
	}{
		{"broker.example", "", "the system's roots do not hold", "Amazon"},
		{"abc-ats.iot.eu-west-1.amazonaws.com", "/x.pem", "AmazonRootCA1.pem", "describe-endpoint"},
		{"abc.iot.eu-west-1.amazonaws.com", "/x.pem", "describe-endpoint --endpoint-type iot:Data-ATS", "system"},
	}
	for _, tt := range tests {
		s := setup{Options: Options{Endpoint: tt.endpoint, RootCA: tt.rootCA}}
		if got := s.hintAuthority("CN=x"); !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%s: %q; want %q", tt.endpoint, got, tt.want)
		}
	}
}

// A device without a battery wakes up in 1970 and connects all the same.
func TestClockBeforeBuildDate(t *testing.T) {
	early := func(o *Options, d *desk) {
		d.clock = time.Unix(60, 0)
		o.BuildDate = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
		d.serve = func(n int, p *peer) {
			p.accept(0)
			if n == 0 {
				time.AfterFunc(time.Second, func() { p.Close() })
			}
			p.serve()
		}
	}
	bubble(t, early, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		for _, kind := range []EventKind{Connected, Lost, Connected} {
			later(t, c, kind)
		}
		stop()
		if d.log.count(logging.Warn, "the clock says 1970-01-01T00:01:00Z, before this program was built; certificates are verified as of 2025-01-02T03:04:05Z, or of a later day on which the broker's was issued") != 1 {
			t.Error("the log does not say once that the clock is wrong")
		}
	})
}

// SNI always; ALPN on port 443 and nowhere else; both versions of TLS.
func TestHello(t *testing.T) {
	tests := []struct {
		name    string
		port    int
		version uint16
		want    string
	}{
		{"8883, TLS 1.2", 8883, tls.VersionTLS12, ""},
		{"8883, TLS 1.3", 8883, tls.VersionTLS13, ""},
		{"443, TLS 1.2", 443, tls.VersionTLS12, "x-amzn-mqtt-ca"},
		{"443, TLS 1.3", 443, tls.VersionTLS13, "x-amzn-mqtt-ca"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			states := make(chan tls.ConnectionState, 1)
			change := func(o *Options, d *desk) {
				o.Port = tt.port
				d.overTLSWith(func(c *tls.Config) {
					c.MinVersion, c.MaxVersion = tt.version, tt.version
					c.NextProtos = []string{"h2", "x-amzn-mqtt-ca"}
				})
				d.serve = func(_ int, p *peer) {
					states <- p.Conn.(*tls.Conn).ConnectionState()
					p.accept(0)
					p.serve()
				}
			}
			bubble(t, change, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				later(t, c, Connected)
				stop()
				s := <-states
				if s.NegotiatedProtocol != tt.want || s.ServerName != "localhost" || s.Version != tt.version {
					t.Errorf("protocol %q, name %q, version %x", s.NegotiatedProtocol, s.ServerName, s.Version)
				}
			})
		})
	}
}
