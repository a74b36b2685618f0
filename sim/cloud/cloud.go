// Package cloud puts a simulated AWS IoT together on loopback ports: the
// broker, the Jobs service behind it, and the REST API. Attach joins the Jobs
// service to a broker that is not ours.
package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/device"
	"jobbox/sim/pki"
	"jobbox/sim/rest"
	"jobbox/sim/service"
)

// Options of a cloud. The zero value is AWS's behaviour on free ports.
type Options struct {
	Service  service.Options
	Policy   *broker.Policy // nil: broker.Minimal()
	Limits   broker.Limits
	MQTTAddr string // "host:port" for MQTT over TLS (AWS: port 8883); "" for a free loopback port
	ALPNAddr string // for MQTT with ALPN (AWS: port 443)
	RESTAddr string // for the REST API; loopback only
	// Wrap may put more handlers around the REST API.
	Wrap func(*Cloud, http.Handler) http.Handler
	Log  func(format string, args ...any)
}

// Cloud is a simulated AWS IoT. Its directory, if it has one, holds the
// authority, what the Jobs service knows, and the persistent sessions of an
// orderly end.
type Cloud struct {
	Dir     string // "": nothing is kept
	CA      *pki.Authority
	Service *service.Service
	Broker  *broker.Broker
	RESTURL string // http://127.0.0.1:PORT

	server *http.Server
	served chan error
	closed bool
}

const sessionsFile = "sessions.json"

// Start starts a cloud with its state in dir; "" keeps none.
func Start(dir string, o Options) (*Cloud, error) {
	c := &Cloud{Dir: dir}
	if err := c.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulated cloud: %w", err), c.Close())
	}
	return c, nil
}

func (c *Cloud) start(o Options) error {
	var err error
	if c.CA, err = Authority(c.Dir); err != nil {
		return err
	}
	serviceDir := ""
	if c.Dir != "" {
		serviceDir = filepath.Join(c.Dir, "service")
		if err := os.MkdirAll(serviceDir, 0o700); err != nil {
			return err
		}
	}
	if c.Service, err = service.Open(serviceDir, o.Service); err != nil {
		return err
	}
	if err := c.startBroker(o); err != nil {
		return err
	}
	return c.startREST(o)
}

// Authority loads the authority in dir, or makes it. With "" it is not kept.
func Authority(dir string) (*pki.Authority, error) {
	if dir == "" {
		return pki.NewAuthority("jobbox simulator CA")
	}
	ca, err := pki.Load(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return ca, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if ca, err = pki.NewAuthority("jobbox simulator CA"); err != nil {
		return nil, err
	}
	return ca, ca.Save(dir)
}

func (c *Cloud) startBroker(o Options) error {
	pair, err := c.CA.Server()
	if err != nil {
		return err
	}
	config, err := c.CA.ServerTLS(pair)
	if err != nil {
		return err
	}
	sessions, err := c.loadSessions()
	if err != nil {
		return err
	}
	c.Broker, err = broker.New(broker.Options{
		TLS: config, Addr: o.MQTTAddr, ALPNAddr: o.ALPNAddr,
		Serve: c.serve, Policy: o.Policy, Limits: o.Limits, Sessions: sessions, Log: o.Log,
	})
	if err != nil {
		return err
	}
	c.Service.OnNotify(func(m service.Message) { c.Broker.Publish(m.Topic, m.Payload) })
	return nil
}

// serve gives a device's publish to the Jobs service.
func (c *Cloud) serve(topic string, payload []byte, answer func(string, []byte)) bool {
	return c.Service.Serve(topic, payload, func(m service.Message) { answer(m.Topic, m.Payload) })
}

func (c *Cloud) startREST(o Options) error {
	address := o.RESTAddr
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := rest.Listen(address)
	if err != nil {
		return err
	}
	c.RESTURL = "http://" + listener.Addr().String()
	handler := rest.Handler(c.Service, c.endpoint)
	if o.Wrap != nil {
		handler = o.Wrap(c, handler)
	}
	c.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	c.served = make(chan error, 1)
	go func() { c.served <- c.server.Serve(listener) }()
	return nil
}

// endpoint answers DescribeEndpoint.
func (c *Cloud) endpoint(endpointType string) string {
	switch endpointType {
	case "", "iot:Data", "iot:Data-ATS":
		return net.JoinHostPort("localhost", strconv.Itoa(c.Port()))
	case "iot:Jobs":
		return c.RESTURL[len("http://"):]
	}
	return ""
}

// Port is that of MQTT over TLS.
func (c *Cloud) Port() int { return c.Broker.Addr().Port }

// ALPNPort is that of MQTT with ALPN.
func (c *Cloud) ALPNPort() int { return c.Broker.ALPNAddr().Port }

// Faults are the broker's. Those of the service are Service.Faults.
func (c *Cloud) Faults() *broker.Faults { return c.Broker.Faults() }

// Restart restarts the broker: all connections end, and sessions are kept or
// lost.
func (c *Cloud) Restart(keepSessions bool) { c.Broker.Restart(keepSessions) }

// AddThing registers a thing, unless it is registered, and equips a device for
// it in dir.
func (c *Cloud) AddThing(thing, dir string) (device.Files, error) {
	if _, err := c.Service.CreateThing(thing, "", nil); err != nil {
		return device.Files{}, err
	}
	return device.Equip(dir, c.CA, thing, "localhost", c.Port())
}

// Close ends it all, and keeps the sessions if there is a directory. A second
// Close does nothing.
func (c *Cloud) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.Close())
		if err := <-c.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	if c.Broker != nil {
		errs = append(errs, c.Broker.Close(), c.saveSessions())
	}
	if c.Service != nil {
		errs = append(errs, c.Service.Close())
	}
	return errors.Join(errs...)
}

func (c *Cloud) saveSessions() error {
	if c.Dir == "" {
		return nil
	}
	data, err := json.Marshal(c.Broker.Sessions())
	if err != nil {
		return fmt.Errorf("keep sessions: %w", err)
	}
	return os.WriteFile(filepath.Join(c.Dir, sessionsFile), data, 0o600)
}

// loadSessions takes the sessions that the last end has kept: once, so that a
// cloud that is killed later does not come back with old ones.
func (c *Cloud) loadSessions() (broker.Sessions, error) {
	if c.Dir == "" {
		return nil, nil
	}
	path := filepath.Join(c.Dir, sessionsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var sessions broker.Sessions
	if err := json.Unmarshal(data, &sessions); err != nil {
		return nil, fmt.Errorf("sessions in %q: %w; remove the file to start without", path, err)
	}
	return sessions, os.Remove(path)
}
