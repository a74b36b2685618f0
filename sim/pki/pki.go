// Package pki makes the certificates of a simulated AWS IoT: an authority, a
// server certificate for the broker, and device certificates whose common
// name is the thing's name. It leaves policy to package broker.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// ServerNames are what a server certificate is good for: loopback, the host as
// a QEMU guest sees it, and names of the form AWS gives its endpoints.
var ServerNames = []string{
	"localhost", "127.0.0.1", "::1", "10.0.2.2",
	"*.iot.us-west-2.amazonaws.com", "*.iot.eu-west-1.amazonaws.com", "broker.test", "*.broker.test",
}

// Algorithm is the kind of a key.
type Algorithm uint8

// The key kinds AWS IoT accepts from devices.
const (
	P256 Algorithm = iota // EC P-256, the default
	RSA2048
)

// KeyForm is the PEM form a private key is written in.
type KeyForm uint8

// The forms jobbox must read.
const (
	PKCS8 KeyForm = iota // "PRIVATE KEY"
	PKCS1                // "RSA PRIVATE KEY", RSA only
	SEC1                 // "EC PRIVATE KEY", EC only
)

// Request says what a certificate should be. The zero value of each field but
// Name is usable.
type Request struct {
	Name      string   // common name; the thing's name in a device certificate
	Hosts     []string // DNS names and addresses; not empty makes a server certificate
	Algorithm Algorithm
	KeyForm   KeyForm
	NotBefore time.Time // zero: two years ago, so that a clock that is somewhat slow still works
	NotAfter  time.Time // zero: in ten years
}

// Authority signs certificates.
type Authority struct {
	Cert    *x509.Certificate
	CertPEM []byte
	key     crypto.Signer
}

// NewAuthority makes an authority with a fresh P-256 key.
func NewAuthority(name string) (*Authority, error) {
	key, err := newKey(P256)
	if err != nil {
		return nil, err
	}
	template, err := template(Request{Name: name})
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign authority %q: %w", name, err)
	}
	return authority(der, key)
}

func authority(der []byte, key crypto.Signer) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read authority's certificate: %w", err)
	}
	return &Authority{Cert: cert, CertPEM: certPEM(der), key: key}, nil
}

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// Issue makes a key and signs a certificate for it.
func (a *Authority) Issue(r Request) (Pair, error) {
	key, err := newKey(r.Algorithm)
	if err != nil {
		return Pair{}, err
	}
	template, err := template(r)
	if err != nil {
		return Pair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate of %q: %w", r.Name, err)
	}
	keyPEM, err := encodeKey(key, r.KeyForm)
	if err != nil {
		return Pair{}, fmt.Errorf("key of %q: %w", r.Name, err)
	}
	return Pair{CertPEM: certPEM(der), KeyPEM: keyPEM}, nil
}

// Server issues a certificate for ServerNames and hosts.
func (a *Authority) Server(hosts ...string) (Pair, error) {
	return a.Issue(Request{Name: "broker", Hosts: append(append([]string{}, ServerNames...), hosts...)})
}

// Device issues a plain P-256 certificate for a thing.
func (a *Authority) Device(thing string) (Pair, error) {
	return a.Issue(Request{Name: thing})
}

// ServerTLS is the configuration of a listener that asks for a certificate of
// this authority's, as AWS IoT does. TLS 1.2 and 1.3.
func (a *Authority) ServerTLS(server Pair) (*tls.Config, error) {
	cert, err := server.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    a.Pool(),
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// ClientTLS is the configuration of a device that holds pair.
func (a *Authority) ClientTLS(pair Pair) (*tls.Config, error) {
	cert, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		RootCAs:      a.Pool(),
		ServerName:   "localhost",
		MinVersion:   tls.VersionTLS12,
	}, nil
}

func newKey(algorithm Algorithm) (crypto.Signer, error) {
	if algorithm == RSA2048 {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func template(r Request) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.Name, Organization: []string{"jobbox simulator"}},
		NotBefore:    orTime(r.NotBefore, time.Now().AddDate(-2, 0, 0)),
		NotAfter:     orTime(r.NotAfter, time.Now().AddDate(10, 0, 0)),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(r.Hosts) > 0 {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		t.DNSNames = append(t.DNSNames, host)
	}
	return t, nil
}

func orTime(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t
}
