package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts call the test binary by the names of the real one.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"jobbox":                main,
		"aws-iot-device-client": main,
		"check":                 main,
		"-version":              main, // as a login shell is called
	})
}

// TestScripts tests the command line as a user types it: testdata/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
	})
}

func setup(env *testscript.Env) error {
	env.Setenv("ESC", "\x1b[2J") // a script's text cannot hold it
	return writeDevice(env.WorkDir)
}

// writeDevice puts a device's certificate and key into the script's directory.
func writeDevice(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, "cert.pem"), "CERTIFICATE", cert, 0o644); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "key.pem"), "PRIVATE KEY", der, 0o600)
}

// writePEM makes a file of exactly this mode, whatever the umask.
func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
