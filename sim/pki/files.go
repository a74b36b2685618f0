package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Names of the authority's files within a directory.
const (
	CAFile    = "ca.pem"
	CAKeyFile = "ca.key"
)

// Pair is a certificate and its private key, both PEM.
type Pair struct {
	CertPEM, KeyPEM []byte
}

// TLS is the pair as crypto/tls wants it.
func (p Pair) TLS() (tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate and key: %w", err)
	}
	return cert, nil
}

// Write puts the pair into two files: the certificate 0644, the key 0600.
func (p Pair) Write(certPath, keyPath string) error {
	if err := os.WriteFile(certPath, p.CertPEM, 0o644); err != nil {
		return err
	}
	return writeKey(keyPath, p.KeyPEM)
}

// ReadPair reads what Write wrote.
func ReadPair(certPath, keyPath string) (Pair, error) {
	cert, err := os.ReadFile(certPath)
	if err != nil {
		return Pair{}, err
	}
	key, err := os.ReadFile(keyPath)
	return Pair{CertPEM: cert, KeyPEM: key}, err
}

// Save writes the authority into dir as CAFile and CAKeyFile.
func (a *Authority) Save(dir string) error {
	key, err := encodeKey(a.key, PKCS8)
	if err != nil {
		return err
	}
	pair := Pair{CertPEM: a.CertPEM, KeyPEM: key}
	return pair.Write(filepath.Join(dir, CAFile), filepath.Join(dir, CAKeyFile))
}

// Load reads the authority that Save wrote.
func Load(dir string) (*Authority, error) {
	pair, err := ReadPair(filepath.Join(dir, CAFile), filepath.Join(dir, CAKeyFile))
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	cert, err := pair.TLS()
	if err != nil {
		return nil, fmt.Errorf("load authority from %q: %w", dir, err)
	}
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("load authority from %q: the key cannot sign", dir)
	}
	return authority(cert.Certificate[0], signer)
}

// writeKey makes the file 0600 also where one with another mode is there.
func writeKey(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key crypto.Signer, form KeyForm) ([]byte, error) {
	block := &pem.Block{Type: "PRIVATE KEY"}
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if form == SEC1 {
			return nil, errors.New("SEC 1 is for EC keys only")
		}
		if form == PKCS1 {
			block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
			return pem.EncodeToMemory(block), nil
		}
	case *ecdsa.PrivateKey:
		if form == PKCS1 {
			return nil, errors.New("PKCS#1 is for RSA keys only")
		}
		if form == SEC1 {
			block.Type = "EC PRIVATE KEY"
			block.Bytes, err = x509.MarshalECPrivateKey(k)
			return pem.EncodeToMemory(block), err
		}
	}
	block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}
