package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"
)

// A later date than the build's is the clock's own.
func TestVerifyTime(t *testing.T) {
	build := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	s := setup{Options: Options{BuildDate: build}}
	for _, tt := range []struct{ now, want time.Time }{
		{build.Add(-time.Second), build},
		{build, build},
		{build.Add(time.Hour), build.Add(time.Hour)},
	} {
		if got := s.verifyTime(tt.now); !got.Equal(tt.want) {
			t.Errorf("verifyTime(%v) = %v; want %v", tt.now, got, tt.want)
		}
	}
}

// A clock that is surely wrong keeps nobody out but those whom no right one would
// let in: the broker's certificate may be newer than the program, and must be
// good in all else.
func TestEarlyClock(t *testing.T) {
	build := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	p, other := newPKI(t), newPKI(t)
	server := func(from, to time.Time, name string) tls.Certificate {
		return p.issue("server", func(c *x509.Certificate) { c.NotBefore, c.NotAfter, c.DNSNames = from, to, []string{name} })
	}
	year := 365 * 24 * time.Hour
	expired, unknown, host := new(x509.CertificateInvalidError), new(x509.UnknownAuthorityError), new(x509.HostnameError)
	tests := []struct {
		name   string
		clock  time.Time
		server tls.Certificate
		refuse any // what errors.As finds, nil for none
	}{
		{"as old as the program", time.Unix(60, 0), server(build.Add(-year), build.Add(year), "localhost"), nil},
		{"newer than the program", time.Unix(60, 0), server(build.Add(year), build.Add(2*year), "localhost"), nil},
		{"older than the program", time.Unix(60, 0), server(build.Add(-2*year), build.Add(-year), "localhost"), expired},
		{"another's name", time.Unix(60, 0), server(build.Add(year), build.Add(2*year), "mallory"), host},
		{"an authority unknown here", time.Unix(60, 0), other.issue("server", func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} }), unknown},
		{"not yet valid by a clock that may be right", build.Add(time.Hour), server(build.Add(year), build.Add(2*year), "localhost"), expired},
	}
	for _, tt := range tests {
		s, err := newSetup(Options{Endpoint: "localhost", Port: 8883, ClientID: "x", KeepAlive: time.Minute,
			Cert: p.path("device.pem"), Key: p.path("device.key"), RootCA: p.path("ca.pem"), BuildDate: build})
		if err != nil {
			t.Fatal(err)
		}
		err = handshake(s.tlsConfig(func() time.Time { return tt.clock }), tt.server)
		if tt.refuse == nil && err != nil || tt.refuse != nil && !errors.As(err, tt.refuse) {
			t.Errorf("%s: %v; want %T", tt.name, err, tt.refuse)
		}
		if v := (*tls.CertificateVerificationError)(nil); tt.refuse != nil && !errors.As(err, &v) {
			t.Errorf("%s: %v; want one that the hints know", tt.name, err)
		}
	}
}

// handshake is the client's side of one with a server of that certificate.
func handshake(c *tls.Config, server tls.Certificate) error {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{server}, SessionTicketsDisabled: true}).Handshake() // the client says what was wrong
		theirs.Close()
	}()
	return tls.Client(ours, c).Handshake()
}
