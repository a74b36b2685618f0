package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Bounds of the PEM files in bytes: a device's are a few KiB, a system's bundle
// of roots is a quarter of a megabyte.
const (
	maxPEM   = 64 << 10
	maxRoots = 2 << 20
)

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// checkCloud checks what a connection needs: the options that are required, the
// files that they name, the proxy.
func (d *draft) checkCloud() {
	d.require("endpoint", d.Endpoint)
	d.require("thing-name", d.ThingName)
	d.require("cert", d.Cert)
	d.require("key", d.Key)
	d.checkIdentity()
	d.checkRoots()
	d.readProxy()
}

// require complains of an option that was not given; one that was given and is
// wrong has been complained of.
func (d *draft) require(name, got string) {
	if _, given := d.labels[name]; got == "" && !given {
		d.fail(errorf("%s: is required; give it in the file or as --%s", name, name))
	}
}

// checkIdentity sees that certificate and private key can be read, are what
// they should be, and belong together.
func (d *draft) checkIdentity() {
	cert := d.readPEM("cert", d.Cert, d.checkCertificate)
	key := d.readPEM("key", d.Key, checkKey)
	if cert == nil || key == nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		d.fail(errorf("%s: %q is not the private key of the certificate %q; give the two that were made together", d.label("key"), d.Key, d.Cert))
	}
}

// readPEM is what a file of the identity holds, nil when there is something
// wrong with it, which has been noted then.
func (d *draft) readPEM(name, path string, check func([]byte) error) []byte {
	if path == "" {
		return nil
	}
	forbidden := groupWrites
	if name == "key" {
		forbidden = anyoneElse
	}
	data, err := d.readChecked(path, maxPEM, forbidden)
	if err == nil {
		if err = check(data); err != nil {
			err = errorf("%q: %w", path, err)
		}
	}
	if err != nil {
		d.fail(errorf("%s: %w", d.label(name), err))
		return nil
	}
	return data
}

// checkCertificate looks at the first certificate: the device's own, those that
// vouch for it follow.
func (d *draft) checkCertificate(data []byte) error {
	block := firstBlock(data, func(kind string) bool { return kind == "CERTIFICATE" })
	if block == nil {
		return errorf(`holds no PEM block "CERTIFICATE"%s`, describe(data))
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return errorf("holds no certificate that can be read: %w", err)
	}
	d.CertNotAfter = leaf.NotAfter
	switch left := leaf.NotAfter.Sub(d.now); {
	case left < 0:
		d.warn("cert: %q expired on %s; the endpoint will refuse it", d.Cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	case left < soon:
		d.warn("cert: %q expires on %s; replace it before", d.Cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkKey takes what crypto/tls takes, and says what else it was given.
func checkKey(data []byte) error {
	block := firstBlock(data, func(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") })
	if block == nil {
		return errorf(`holds no PEM block "PRIVATE KEY"%s`, describe(data))
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return errorf("is encrypted, and nobody is there to ask for its password; decrypt it with: openssl pkey -in OLD -out NEW")
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		return errorf("holds no private key that can be read (PKCS#1, PKCS#8 or SEC 1): %w", err)
	}
	return nil
}

func firstBlock(data []byte, wanted func(kind string) bool) *pem.Block {
	for {
		block, rest := pem.Decode(data)
		if block == nil || wanted(block.Type) {
			return block
		}
		data = rest
	}
}

// describe says what a file holds instead, where that is plain.
func describe(data []byte) string {
	if block, _ := pem.Decode(data); block != nil {
		return errorf(", but %q", block.Type).Error()
	}
	if bytes.HasPrefix(data, []byte{0x30}) { // an ASN.1 sequence
		return ", but seems to be DER; turn it into PEM with openssl"
	}
	if len(data) == 0 {
		return ": it is empty"
	}
	return ""
}

// checkRoots goes on with the system's roots where the file is not there, as the
// C++ client does: a file that has worked with it has to work here.
func (d *draft) checkRoots() {
	if d.RootCA == "" {
		return
	}
	if _, err := os.Stat(d.RootCA); errors.Is(err, fs.ErrNotExist) {
		d.warn("%s: %q does not exist; the system's root certificates are trusted instead", d.label("root-ca"), d.RootCA)
		d.RootCA = ""
		return
	}
	data, err := d.readChecked(d.RootCA, maxRoots, groupWrites)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
		err = errorf("%q: holds no PEM certificate%s", d.RootCA, describe(data))
	}
	if err != nil {
		d.fail(errorf("%s: %w; leave root-ca out to trust the system's", d.label("root-ca"), err))
	}
}
