package mqtt

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// alpnProtocol names MQTT with a client certificate on port 443 (AWS IoT
// developer guide, "Protocols, port mappings"); "mqtt" there means custom authentication.
const alpnProtocol = "x-amzn-mqtt-ca"

// maxPEM bounds a certificate file. The whole of a system's roots is about 220 KB.
const maxPEM = 1 << 20

// A setup is checked options with what their files held.
type setup struct {
	Options
	cert  tls.Certificate
	roots *x509.CertPool    // nil for the system's
	sum   [sha256.Size]byte // of the files: has a reload brought anything new?
}

func newSetup(o Options) (setup, error) {
	s := setup{Options: o}
	s.Subscriptions = append([]string(nil), o.Subscriptions...)
	if o.Proxy != nil {
		p := *o.Proxy
		s.Proxy = &p
	}
	return s, errors.Join(o.check(), s.loadFiles())
}

func (s *setup) equal(t *setup) bool { return s.sum == t.sum && s.Options.equal(&t.Options) }

func (s *setup) loadFiles() error {
	sum := sha256.New()
	read := func(what, path string) ([]byte, error) {
		data, err := readPEM(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		part := sha256.Sum256(data) // fixed length: bytes cannot move from one file to the next unnoticed
		sum.Write(part[:])
		return data, nil
	}
	cert, certErr := read("cert", s.Cert)
	key, keyErr := read("key", s.Key)
	err := errors.Join(certErr, keyErr)
	if err == nil {
		if s.cert, err = tls.X509KeyPair(cert, key); err != nil {
			err = fmt.Errorf("cert %q with key %q: %w", s.Cert, s.Key, err)
		}
	}
	var rootErr error
	if s.RootCA != "" {
		var pem []byte
		if pem, rootErr = read("root-ca", s.RootCA); rootErr == nil {
			s.roots, rootErr = parseRoots(s.RootCA, pem)
		}
	}
	sum.Sum(s.sum[:0])
	return errors.Join(err, rootErr)
}

// readPEM follows links, as certificates are often rotated by one, but reads
// regular files only: a pipe would block, a device never end.
func readPEM(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxPEM {
		return nil, fmt.Errorf("%q is not a regular file of at most %d bytes", path, maxPEM)
	}
	return io.ReadAll(io.LimitReader(f, maxPEM))
}

func parseRoots(path string, pem []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("root-ca: %q holds no certificate; want PEM, -----BEGIN CERTIFICATE-----", path)
	}
	return roots, nil
}

// tlsConfig is for one connection. now is the device's clock.
func (s *setup) tlsConfig(now func() time.Time) *tls.Config {
	c := &tls.Config{
		ServerName:   s.Endpoint, // tls.Client sends SNI for names only from here; AWS refuses connections without
		Certificates: []tls.Certificate{s.cert},
		RootCAs:      s.roots,
		MinVersion:   tls.VersionTLS12,
		// No ML-KEM: it makes the ClientHello larger than one packet, which
		// middleboxes still choke on, and costs small devices memory.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		Time:             now,
	}
	if s.early(now()) {
		s.verifyEarly(c)
	}
	if s.Port == alpnPort {
		c.NextProtos = []string{alpnProtocol}
	}
	return c
}
