// Package device lays out what a device needs to run jobbox against a
// simulated cloud: certificates, a configuration in the C++ client's format,
// handler, state and run directories. It starts nothing.
package device

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"jobbox/sim/pki"
)

// Files are the paths of one device, all within Dir.
type Files struct {
	Dir        string
	Config     string // jobbox.conf
	Cert       string
	Key        string // 0600
	RootCA     string
	HandlerDir string // 0700
	StateDir   string // 0700
	RunDir     string // 0755
}

// In is where the files of a device in dir are.
func In(dir string) Files {
	return Files{
		Dir:        dir,
		Config:     filepath.Join(dir, "jobbox.conf"),
		Cert:       filepath.Join(dir, "cert.pem"),
		Key:        filepath.Join(dir, "private.key"),
		RootCA:     filepath.Join(dir, "root-ca.pem"),
		HandlerDir: filepath.Join(dir, "jobs"),
		StateDir:   filepath.Join(dir, "state"),
		RunDir:     filepath.Join(dir, "run"),
	}
}

// Config is a jobbox configuration as a tree, to be changed at will.
type Config map[string]any

// Equip makes a device: a directory with everything in it, for a thing at an
// endpoint.
func Equip(dir string, ca *pki.Authority, thing, endpoint string, port int) (Files, error) {
	f := In(dir)
	// Steps of other users get to private copies of handlers below the run
	// directory: it and what leads to it must let them through.
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{f.Dir, 0o755}, {f.RunDir, 0o755}, {f.HandlerDir, 0o700}, {f.StateDir, 0o700}} {
		if err := os.MkdirAll(d.path, d.mode); err != nil {
			return f, fmt.Errorf("equip device %q: %w", thing, err)
		}
	}
	pair, err := ca.Device(thing)
	if err != nil {
		return f, err
	}
	if err := f.SetCertificate(pair); err != nil {
		return f, err
	}
	if err := os.WriteFile(f.RootCA, ca.CertPEM, 0o644); err != nil {
		return f, err
	}
	return f, f.WriteConfig(f.Defaults(thing, endpoint, port))
}

// Defaults is the configuration that Equip writes.
func (f Files) Defaults(thing, endpoint string, port int) Config {
	return Config{
		"endpoint":   endpoint,
		"port":       port,
		"cert":       f.Cert,
		"key":        f.Key,
		"root-ca":    f.RootCA,
		"thing-name": thing,
		"logging":    Config{"level": "INFO", "type": "STDOUT"},
		"jobs": Config{
			"enabled":           true,
			"handler-directory": f.HandlerDir,
			"state-directory":   f.StateDir,
			"run-directory":     f.RunDir,
		},
	}
}

// SetCertificate replaces the device's certificate and key.
func (f Files) SetCertificate(pair pki.Pair) error { return pair.Write(f.Cert, f.Key) }

// WriteConfig replaces the configuration.
func (f Files) WriteConfig(c Config) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return os.WriteFile(f.Config, append(data, '\n'), 0o640)
}

// ReadConfig reads the configuration back. Numbers are float64.
func (f Files) ReadConfig() (Config, error) {
	data, err := os.ReadFile(f.Config)
	if err != nil {
		return nil, err
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("read %q: %w", f.Config, err)
	}
	return c, nil
}

// Section is an object within a configuration, made if it is missing.
func (c Config) Section(name string) Config {
	switch s := c[name].(type) {
	case Config:
		return s
	case map[string]any:
		return s
	}
	s := Config{}
	c[name] = s
	return s
}

// AddHandler puts a handler of mode 0700 into the handler directory.
func (f Files) AddHandler(name, script string) error {
	path := filepath.Join(f.HandlerDir, name)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return err
	}
	return os.Chmod(path, 0o700) // whatever the umask
}
