package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A pki is a certificate authority with a server and a device, on disk.
type pki struct {
	dir     string
	ca      *x509.Certificate
	caKey   *ecdsa.PrivateKey
	roots   *x509.CertPool
	server  tls.Certificate
	device  tls.Certificate
	serials int64
}

// The bubbles' clock begins in the year 2000: certificates are valid around it too.
var (
	validFrom = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPKI(t *testing.T) *pki { return newPKIIn(t.TempDir()) }

func newPKIIn(dir string) *pki {
	p := &pki{dir: dir}
	p.caKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"},
		NotBefore: validFrom, NotAfter: validTo, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, p.caKey.Public(), p.caKey))
	p.ca = must(x509.ParseCertificate(der))
	p.roots = x509.NewCertPool()
	p.roots.AddCert(p.ca)
	p.write("ca.pem", "CERTIFICATE", der)
	p.server = p.issue("server", func(c *x509.Certificate) {
		c.DNSNames = []string{"localhost", "broker.test"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	})
	p.device = p.issue("device", nil)
	return p
}

// issue makes name.pem and name.key; change may spoil the certificate.
func (p *pki) issue(name string, change func(*x509.Certificate)) tls.Certificate {
	p.serials++
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(100 + p.serials), Subject: pkix.Name{CommonName: name},
		NotBefore: validFrom, NotAfter: validTo, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(tmpl)
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, p.ca, key.Public(), p.caKey))
	p.write(name+".pem", "CERTIFICATE", der)
	p.write(name+".key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
	return must(tls.X509KeyPair(must(os.ReadFile(p.path(name+".pem"))), must(os.ReadFile(p.path(name+".key")))))
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pki) write(name, kind string, der []byte) {
	data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(p.path(name), data, 0o600); err != nil {
		panic(err)
	}
}

// serverConfig wants a device certificate, as AWS IoT does.
func (p *pki) serverConfig() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{p.server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    p.roots,
		// A ticket is written right after the handshake; over a net.Pipe nobody reads it yet.
		SessionTicketsDisabled: true,
	}
}

func (p *pki) options() Options {
	return Options{
		Endpoint: "localhost", Port: 8883, ClientID: "thing",
		Cert: p.path("device.pem"), Key: p.path("device.key"), RootCA: p.path("ca.pem"),
		KeepAlive: 2 * time.Minute, Subscriptions: []string{"a/b", "c/+/d"}, Version: "test",
	}
}

var sharedPKI = sync.OnceValue(func() *pki {
	dir := must(os.MkdirTemp("", "mqtt-pki"))
	removeAtEnd = append(removeAtEnd, dir)
	return newPKIIn(dir)
})

var removeAtEnd []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range removeAtEnd {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}
