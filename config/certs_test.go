package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// identity is a private key and a certificate for it, as files would hold them.
type identity struct {
	key  crypto.Signer
	cert []byte // PEM
}

func newIdentity(t testing.TB, key crypto.Signer, until time.Time) identity {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "device"},
		NotBefore:    until.AddDate(-10, 0, 0),
		NotAfter:     until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{key, pemOf("CERTIFICATE", der)}
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("EC PRIVATE KEY", der)
}

// device is a directory with what an agent needs, and an environment that leads
// nowhere else.
type device struct {
	t   *testing.T
	dir string
	env map[string]string
}

// farOff is beyond any warning of a certificate's end.
var farOff = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{t: t, dir: t.TempDir(), env: map[string]string{}}
	d.env["HOME"] = d.path("home")
	id := newIdentity(t, newECKey(t), farOff)
	d.write("cert.pem", id.cert, 0o644)
	d.write("key.pem", pkcs8(t, id.key), 0o600)
	d.write("root.pem", id.cert, 0o644)
	return d
}

func (d *device) path(name string) string { return filepath.Join(d.dir, name) }

// write makes a file of exactly this mode, whatever the umask.
func (d *device) write(name string, data []byte, mode os.FileMode) string {
	d.t.Helper()
	p := d.path(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(p, data, mode); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		d.t.Fatal(err)
	}
	return p
}

// flags are a command line that is complete and right.
func (d *device) flags(more ...string) []string {
	return append([]string{"--endpoint", "localhost", "--thing-name", "t", "--cert", d.path("cert.pem"),
		"--key", d.path("key.pem"), "--state-dir", "/var/lib/jobbox-test"}, more...)
}

// load is Load as on this device: nothing of the machine that runs the test.
func (d *device) load(args ...string) (Config, error) {
	draft := newDraft(func(name string) string { return d.env[name] })
	draft.systemFile = d.path("etc/jobbox.conf")
	c, err := draft.load(args)
	return c, err
}
