package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"

	"jobbox/sim/device"
)

// settings is what DIR/jobsim.json holds: the ports of a cloud.
type settings struct {
	MQTTPort int `json:"mqttPort"`
	ALPNPort int `json:"alpnPort"`
	RESTPort int `json:"restPort"`
}

// defaults need no privileges and are not those of a broker that may be there.
var defaults = settings{MQTTPort: 18883, ALPNPort: 18443, RESTPort: 18080}

const (
	settingsFile = "jobsim.json"
	thingsDir    = "things"
)

func (s settings) restURL() string { return fmt.Sprintf("http://127.0.0.1:%d", s.RESTPort) }

func loadSettings(dir string) (settings, error) {
	path := filepath.Join(dir, settingsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return settings{}, fmt.Errorf("%q is no directory of jobsim's; make one: jobsim init %s", dir, quote(dir))
	}
	if err != nil {
		return settings{}, err
	}
	var s settings
	if err := json.Unmarshal(data, &s); err != nil {
		return settings{}, fmt.Errorf("read %q: %w", path, err)
	}
	return s, nil
}

func (s settings) save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, settingsFile), append(data, '\n'), 0o644)
}

// portFlags defines the flags for ports; present values are the defaults.
func (c *call) portFlags(s *settings) {
	c.flags.IntVar(&s.MQTTPort, "mqtt-port", s.MQTTPort, "`N`, for MQTT over TLS (at AWS 8883); 0 takes a free one")
	c.flags.IntVar(&s.ALPNPort, "alpn-port", s.ALPNPort, "`N`, for MQTT with ALPN x-amzn-mqtt-ca (at AWS 443)")
	c.flags.IntVar(&s.RESTPort, "rest-port", s.RESTPort, "`N`, for the REST API and jobsim's own commands")
}

// pick replaces 0 by a port that is free at the moment.
func (s *settings) pick() error {
	for _, port := range []*int{&s.MQTTPort, &s.ALPNPort, &s.RESTPort} {
		if *port != 0 {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // only after all have been picked
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// things are the names of the devices that init has made.
func things(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, thingsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, err
}

func deviceFiles(dir, thing string) device.Files {
	return device.In(filepath.Join(dir, thingsDir, thing))
}
