package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKeyFormats(t *testing.T) {
	ec, rsaKey := newECKey(t), newRSAKey(t)
	tests := []struct {
		name string
		id   identity
		key  []byte
	}{
		{"PKCS#1", newIdentity(t, rsaKey, farOff), pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		{"PKCS#8 of RSA", newIdentity(t, rsaKey, farOff), pkcs8(t, rsaKey)},
		{"PKCS#8 of EC", newIdentity(t, ec, farOff), pkcs8(t, ec)},
		{"SEC 1", newIdentity(t, ec, farOff), sec1(t, ec)},
		{"SEC 1 after its parameters, as openssl writes it", newIdentity(t, ec, farOff),
			append(pemOf("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), sec1(t, ec)...)},
		{"text before it", newIdentity(t, ec, farOff), append([]byte("Bag Attributes\n"), pkcs8(t, ec)...)},
	}
	for _, tt := range tests {
		d := newDevice(t)
		d.write("cert.pem", tt.id.cert, 0o644)
		d.write("key.pem", tt.key, 0o400)
		if _, err := d.load(d.flags()...); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestFaultyFiles spoils one file at a time of a device that is otherwise right.
func TestFaultyFiles(t *testing.T) {
	other := newIdentity(t, newECKey(t), farOff)
	der, _ := pem.Decode(other.cert)
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}})
	tests := []struct {
		name  string
		spoil func(d *device)
		want  string // @ is the device's directory
	}{
		{"key of another certificate", func(d *device) { d.write("key.pem", pkcs8(t, other.key), 0o600) },
			`--key: "@/key.pem" is not the private key of the certificate "@/cert.pem"; give the two that were made together`},
		{"key that all may read", func(d *device) { d.chmod("key.pem", 0o644) },
			`--key: "@/key.pem" has mode 0644, and nobody but its owner may read or write it; chmod 600 it`},
		{"key that the group may read", func(d *device) { d.chmod("key.pem", 0o640) },
			`--key: "@/key.pem" has mode 0640, and nobody but its owner may read or write it; chmod 600 it`},
		{"certificate that others may write", func(d *device) { d.chmod("cert.pem", 0o666) },
			`--cert: "@/cert.pem" has mode 0666, and others may not write it; chmod go-w it`},
		{"certificate that the group may write", func(d *device) { d.chmod("cert.pem", 0o664) },
			`--cert: "@/cert.pem" has mode 0664, and others may not write it; chmod go-w it`},
		{"roots that others may write", func(d *device) { d.chmod("root.pem", 0o646) },
			`--root-ca: "@/root.pem" has mode 0646, and others may not write it; chmod go-w it; leave root-ca out to trust the system's`},
		{"directory that others may write", func(d *device) { d.chmod("", 0o777) },
			`--key: "@/key.pem" lies in a directory that others may write (mode 0777); chmod o-w "@"`},
		{"key missing", func(d *device) { d.remove("key.pem") },
			`--key: "@/key.pem" does not exist; put the file there or name another`},
		{"key is a directory", func(d *device) { d.remove("key.pem"); d.mkdir("key.pem") },
			`--key: "@/key.pem" is not a regular file (d---------); name the file itself`},
		{"certificate is a pipe", func(d *device) { d.remove("cert.pem"); d.fifo("cert.pem") },
			`--cert: "@/cert.pem" is not a regular file (p---------); name the file itself`},
		{"certificate in the place of the key", func(d *device) { d.write("key.pem", other.cert, 0o600) },
			`--key: "@/key.pem": holds no PEM block "PRIVATE KEY", but "CERTIFICATE"`},
		{"key in the place of the certificate", func(d *device) { d.write("cert.pem", pkcs8(t, other.key), 0o644) },
			`--cert: "@/cert.pem": holds no PEM block "CERTIFICATE", but "PRIVATE KEY"`},
		{"certificate in DER", func(d *device) { d.write("cert.pem", der.Bytes, 0o644) },
			`--cert: "@/cert.pem": holds no PEM block "CERTIFICATE", but seems to be DER; turn it into PEM with openssl`},
		{"empty certificate", func(d *device) { d.write("cert.pem", nil, 0o644) },
			`--cert: "@/cert.pem": holds no PEM block "CERTIFICATE": it is empty`},
		{"encrypted key", func(d *device) { d.write("key.pem", pemOf("ENCRYPTED PRIVATE KEY", []byte{1}), 0o600) },
			`--key: "@/key.pem": is encrypted, and nobody is there to ask for its password; decrypt it with: openssl pkey -in OLD -out NEW`},
		{"encrypted key of old", func(d *device) { d.write("key.pem", legacy, 0o600) },
			`--key: "@/key.pem": is encrypted, and nobody is there to ask for its password; decrypt it with: openssl pkey -in OLD -out NEW`},
		{"roots without a certificate", func(d *device) { d.write("root.pem", []byte("x"), 0o644) },
			`--root-ca: "@/root.pem": holds no PEM certificate; leave root-ca out to trust the system's`},
		{"certificate too large", func(d *device) { d.write("cert.pem", make([]byte, maxPEM+1), 0o644) },
			`--cert: "@/cert.pem": is larger than 65536 bytes; give the right file`},
	}
	for _, tt := range tests {
		d := newDevice(t)
		tt.spoil(d)
		_, err := d.load(d.flags("--root-ca", d.path("root.pem"))...)
		want := strings.ReplaceAll(tt.want, "@", d.dir)
		if got := problems(err); !slices.Contains(got, want) || (len(got) != 1 && tt.name != "directory that others may write") {
			t.Errorf("%s\n got %q\nwant %q", tt.name, got, want)
		}
	}
}

// As with the C++ client, whose files have to work unchanged.
func TestRootsMissing(t *testing.T) {
	d := newDevice(t)
	c, err := d.load(d.flags("--root-ca", d.path("none.pem"))...)
	want := []string{fmt.Sprintf("--root-ca: %q does not exist; the system's root certificates are trusted instead", d.path("none.pem"))}
	if err != nil || c.RootCA != "" || !slices.Equal(c.Warnings, want) {
		t.Errorf("loaded %q, %q, %v; want %q", c.RootCA, c.Warnings, err, want)
	}
}

func (d *device) chmod(name string, mode os.FileMode) { d.must(os.Chmod(d.path(name), mode)) }
func (d *device) remove(name string)                  { d.must(os.Remove(d.path(name))) }
func (d *device) mkdir(name string)                   { d.must(os.Mkdir(d.path(name), 0o700)) }
func (d *device) fifo(name string)                    { d.must(syscall.Mkfifo(d.path(name), 0o600)) }

func (d *device) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func TestGarbageBlocks(t *testing.T) {
	d := newDevice(t)
	d.write("cert.pem", pemOf("CERTIFICATE", []byte("nonsense")), 0o644)
	d.write("key.pem", pemOf("PRIVATE KEY", []byte("nonsense")), 0o600)
	_, err := d.load(d.flags()...)
	got := strings.Join(problems(err), "\n")
	if !strings.Contains(got, "holds no certificate that can be read: ") || !strings.Contains(got, "holds no private key that can be read") {
		t.Errorf("got\n%s", got)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	d := newDevice(t)
	d.must(os.Symlink("cert.pem", d.path("link.pem")))
	if _, err := d.load(d.flags("--root-ca", d.path("link.pem"))...); err != nil {
		t.Error(err)
	}
}

func TestStickyDirectoryIsSound(t *testing.T) {
	d := newDevice(t)
	d.must(os.Chmod(d.dir, 0o777|os.ModeSticky))
	if _, err := d.load(d.flags()...); err != nil {
		t.Error(err)
	}
}

func TestConfigurationFilePermissions(t *testing.T) {
	tests := []struct {
		mode          os.FileMode
		error, warned string
	}{
		{0o600, "", ""},
		{0o644, "", ""},
		{0o664, "", `"@": its group may write it (mode 0664); better: chmod g-w`},
		{0o642, `configuration file: "@" has mode 0642, and others may not write it; chmod go-w it`, ""},
	}
	for _, tt := range tests {
		d := newDevice(t)
		file := d.write("c.conf", []byte("{}"), tt.mode)
		c, err := d.load(d.flags("--config-file", file)...)
		if got := strings.Join(problems(err), "\n"); got != strings.ReplaceAll(tt.error, "@", file) {
			t.Errorf("%04o: %s; want %s", tt.mode, got, tt.error)
		}
		if got := strings.Join(c.Warnings, "\n"); got != strings.ReplaceAll(tt.warned, "@", file) {
			t.Errorf("%04o: warned %s; want %s", tt.mode, got, tt.warned)
		}
	}
}

func TestCertificateEnd(t *testing.T) {
	tests := []struct {
		name string
		left time.Duration
		want string
	}{
		{"far off", 40 * 24 * time.Hour, ""},
		{"near", 20 * 24 * time.Hour, "expires on "},
		{"past", -time.Hour, "expired on "},
	}
	for _, tt := range tests {
		d := newDevice(t)
		id := newIdentity(t, newECKey(t), time.Now().Add(tt.left))
		d.write("cert.pem", id.cert, 0o644)
		d.write("key.pem", pkcs8(t, id.key), 0o600)
		c, err := d.load(d.flags()...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := strings.Join(c.Warnings, "\n")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: warned %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestHandlerDirectoryWarnings(t *testing.T) {
	tests := []struct {
		name   string
		make   func(d *device)
		warned string
	}{
		{"missing", func(*device) {}, ""},
		{"0700", func(d *device) { d.mkdir("h") }, ""},
		{"0500", func(d *device) { d.mkdir("h"); d.chmod("h", 0o500) }, ""},
		{"0755", func(d *device) { d.mkdir("h"); d.chmod("h", 0o755) }, `has mode 0755; no handler in it will be run before: chmod 700`},
		{"file", func(d *device) { d.write("h", nil, 0o700) }, `is no directory (----------); no handler in it will be run`},
	}
	for _, tt := range tests {
		d := newDevice(t)
		tt.make(d)
		c, err := d.load(d.flags("--jobs-handler-dir", d.path("h"))...)
		want := ""
		if tt.warned != "" {
			want = `jobs.handler-directory: "` + d.path("h") + `" ` + tt.warned
		}
		if got := strings.Join(c.Warnings, "\n"); err != nil || got != want {
			t.Errorf("%s: warned %q, %v; want %q", tt.name, got, err, want)
		}
	}
}

func TestStateInMemoryIsNamed(t *testing.T) {
	mem, err := os.MkdirTemp("/dev/shm", "jobbox-test")
	if err != nil {
		t.Fatalf("the test needs a tmpfs at /dev/shm: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(mem) })
	d := newDevice(t)
	dir := mem + "/lib/jobbox"
	c, err := d.load(append(d.flags()[:8], "--state-dir", dir)...)
	want := `jobs.state-directory: "` + dir + `" is in memory: after a reboot a job that was under way is not gone on with`
	if err != nil || !slices.Equal(c.Warnings, []string{want}) {
		t.Errorf("warned %q, %v; want %q", c.Warnings, err, want)
	}
	c, err = d.load(append(d.flags()[:8], "--state-dir", "/proc/jobbox")...)
	if err != nil || len(c.Warnings) != 0 {
		t.Errorf("warned %q, %v of a directory that is not in memory", c.Warnings, err)
	}
}
