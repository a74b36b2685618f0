package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyForms(t *testing.T) {
	ca := newCA(t)
	tests := []struct {
		name      string
		algorithm Algorithm
		form      KeyForm
		want      string // the PEM type, or the error
	}{
		{"EC PKCS#8", P256, PKCS8, "PRIVATE KEY"},
		{"EC SEC 1", P256, SEC1, "EC PRIVATE KEY"},
		{"EC PKCS#1", P256, PKCS1, "PKCS#1 is for RSA keys only"},
		{"RSA PKCS#8", RSA2048, PKCS8, "PRIVATE KEY"},
		{"RSA PKCS#1", RSA2048, PKCS1, "RSA PRIVATE KEY"},
		{"RSA SEC 1", RSA2048, SEC1, "SEC 1 is for EC keys only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pair, err := ca.Issue(Request{Name: "thing-1", Algorithm: tt.algorithm, KeyForm: tt.form})
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("Issue: %v; want %q", err, tt.want)
				}
				return
			}
			block, _ := pem.Decode(pair.KeyPEM)
			if block == nil || block.Type != tt.want {
				t.Errorf("key PEM %q; want type %q", pair.KeyPEM, tt.want)
			}
			if _, err := pair.TLS(); err != nil {
				t.Errorf("TLS: %v", err)
			}
		})
	}
}

// handshake is what a broker of ca and a device that holds pair say to each other.
func handshake(t *testing.T, ca *Authority, pair Pair, name string, version uint16) (serverErr, clientErr error) {
	t.Helper()
	server, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	serverTLS, err := ca.ServerTLS(server)
	if err != nil {
		t.Fatal(err)
	}
	clientTLS, err := ca.ClientTLS(pair)
	if err != nil {
		t.Fatal(err)
	}
	clientTLS.ServerName, clientTLS.MaxVersion, clientTLS.MinVersion = name, version, version
	listener, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() { done <- greet(listener) }()
	conn, clientErr := tls.Dial("tcp", listener.Addr().String(), clientTLS)
	if clientErr == nil {
		defer conn.Close()
		// In TLS 1.3 a refused certificate shows at the first read.
		_, clientErr = io.ReadFull(conn, make([]byte, 1))
	}
	return <-done, clientErr
}

// greet writes one byte to the first connection.
func greet(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	_, err = conn.Write([]byte("x"))
	return err
}

func TestHandshake(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	now := time.Now()
	issue := func(a *Authority, r Request) Pair {
		r.Name = "thing-1"
		pair, err := a.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	tests := []struct {
		name   string
		pair   Pair
		server string
		want   string // in the server's error; empty: success
	}{
		{"good", issue(ca, Request{}), "localhost", ""},
		{"RSA", issue(ca, Request{Algorithm: RSA2048, KeyForm: PKCS1}), "127.0.0.1", ""},
		{"as QEMU's guest sees it", issue(ca, Request{}), "10.0.2.2", ""},
		{"AWS name", issue(ca, Request{}), "a1b2-ats.iot.us-west-2.amazonaws.com", ""},
		{"expired", issue(ca, Request{NotAfter: now.Add(-time.Hour)}), "localhost", "expired"},
		{"not yet valid", issue(ca, Request{NotBefore: now.Add(24 * time.Hour)}), "localhost", "not yet valid"},
		{"other authority", issue(other, Request{}), "localhost", "unknown authority"},
	}
	for _, tt := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" "+tls.VersionName(version), func(t *testing.T) {
				serverErr, clientErr := handshake(t, ca, tt.pair, tt.server, version)
				if tt.want == "" && (serverErr != nil || clientErr != nil) {
					t.Errorf("server: %v, client: %v; want success", serverErr, clientErr)
				}
				if tt.want != "" && (serverErr == nil || !strings.Contains(serverErr.Error(), tt.want)) {
					t.Errorf("server: %v; want %q", serverErr, tt.want)
				}
			})
		}
	}
}

func TestWrongServerName(t *testing.T) {
	ca := newCA(t)
	pair, err := ca.Device("thing-1")
	if err != nil {
		t.Fatal(err)
	}
	_, clientErr := handshake(t, ca, pair, "elsewhere.example", tls.VersionTLS13)
	var wrong x509.HostnameError
	if !errors.As(clientErr, &wrong) {
		t.Errorf("client: %v; want a host name error", clientErr)
	}
}

func TestSaveAndLoad(t *testing.T) {
	ca, dir := newCA(t), t.TempDir()
	keyPath := filepath.Join(dir, CAKeyFile)
	if err := os.WriteFile(keyPath, nil, 0o644); err != nil { // an older file with too wide a mode
		t.Fatal(err)
	}
	if err := ca.Save(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(keyPath); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key's mode is %v, %v; want 0600", info.Mode(), err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.CertPEM, ca.CertPEM) {
		t.Error("the loaded certificate is another")
	}
	pair, err := again.Device("thing-2")
	if err != nil {
		t.Fatal(err)
	}
	if serverErr, clientErr := handshake(t, ca, pair, "localhost", tls.VersionTLS13); serverErr != nil || clientErr != nil {
		t.Errorf("device of the loaded authority: server %v, client %v", serverErr, clientErr)
	}
}

func TestLoadNothing(t *testing.T) {
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of an empty directory: %v; want not exist", err)
	}
}

func newCA(t *testing.T) *Authority {
	t.Helper()
	ca, err := NewAuthority("test CA")
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
