package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"jobbox/internal/logging"
)

// A mosquitto is a real broker with mutual TLS on a loopback port.
type mosquitto struct {
	t    *testing.T
	pki  *pki
	port int
	conf string
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
}

// newMosquitto starts one. Extra lines go into its configuration.
func newMosquitto(t *testing.T, p *pki, extra ...string) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, pki: p, conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	// Somebody else may take the port between our looking and its listening.
	for range 5 {
		m.port = freePort(t)
		lines := append([]string{
			"user root", "persistence true", "persistence_location " + filepath.Dir(m.conf) + "/", "allow_anonymous true",
			"log_dest stderr", fmt.Sprintf("listener %d 127.0.0.1", m.port),
			"cafile " + p.path("ca.pem"), "certfile " + p.path("server.pem"), "keyfile " + p.path("server.key"),
			"require_certificate true",
		}, extra...)
		if err := os.WriteFile(m.conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if m.start() {
			t.Cleanup(m.stop)
			return m
		}
	}
	t.Fatal("mosquitto does not start")
	return nil
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start is false where the broker ended at once.
func (m *mosquitto) start() bool {
	m.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/mosquitto"); err != nil {
			m.t.Fatal("this test needs a real broker: apt-get install mosquitto")
		}
		path = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	var out bytes.Buffer
	m.cmd = exec.Command(path, "-c", m.conf)
	m.cmd.Stdout, m.cmd.Stderr = &out, &out
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		cmd.Wait()
		close(gone)
	}(m.cmd, m.gone)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.port)); err == nil {
			c.Close()
			return true
		}
		select {
		case <-m.gone:
			m.t.Logf("mosquitto: %s", out.String())
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	m.stop()
	m.t.Logf("mosquitto: %s", out.String())
	return false
}

func (m *mosquitto) stop() {
	m.cmd.Process.Signal(syscall.SIGTERM)
	<-m.gone
}

func (m *mosquitto) options() Options {
	o := m.pki.options()
	o.Port = m.port
	return o
}

// other is another client of the same broker, for the cloud's part.
func (m *mosquitto) other(id string) paho.Client {
	m.t.Helper()
	o := paho.NewClientOptions().AddBroker(fmt.Sprintf("tls://127.0.0.1:%d", m.port)).SetClientID(id)
	o.SetTLSConfig(&tls.Config{RootCAs: m.pki.roots, Certificates: []tls.Certificate{m.pki.device}})
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		m.t.Fatalf("the other client: %v", token.Error())
	}
	m.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (m *mosquitto) publish(c paho.Client, topic string, payload []byte) {
	m.t.Helper()
	if token := c.Publish(topic, 1, false, payload); !token.WaitTimeout(patience) || token.Error() != nil {
		m.t.Fatalf("publish %q: %v", topic, token.Error())
	}
}

func TestMosquittoBothWays(t *testing.T) {
	for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
		t.Run(version, func(t *testing.T) {
			p := sharedPKI()
			m := newMosquitto(t, p, "tls_version "+version)
			c := newClient(t, m.options())
			if err := c.Publish("x", nil); err != ErrNotConnected {
				t.Errorf("Publish before Run = %v; want ErrNotConnected", err)
			}
			start(t, c)
			next(t, c, Connected)

			cloud := m.other("cloud")
			got := make(chan paho.Message, 1)
			cloud.Subscribe("up/#", 1, func(_ paho.Client, msg paho.Message) { got <- msg }).WaitTimeout(patience)
			m.publish(cloud, "c/1/d", []byte("down"))
			if e := next(t, c, Received); e.Message.Topic != "c/1/d" || string(e.Message.Payload) != "down" {
				t.Errorf("received %q", e.Message)
			}
			payload := []byte("up")
			if err := c.Publish("up/x", payload); err != nil {
				t.Errorf("Publish = %v", err)
			}
			payload[0] = '!' // the caller's again
			select {
			case msg := <-got:
				if string(msg.Payload()) != "up" || msg.Qos() != 1 || msg.Retained() {
					t.Errorf("the cloud got %q, QoS %d, retained %t", msg.Payload(), msg.Qos(), msg.Retained())
				}
			case <-time.After(patience):
				t.Error("what was published did not arrive")
			}
		})
	}
}

// A persistent session keeps messages while the client is away, and they come in order.
func TestMosquittoKeepsMessages(t *testing.T) {
	m := newMosquitto(t, sharedPKI())
	var log logbook
	o := m.options()
	o.Log = log.logger()
	c := newClient(t, o)
	stop := start(t, c)
	next(t, c, Connected)
	stop()
	cloud := m.other("cloud")
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint(i))
		m.publish(cloud, "a/b", []byte(want[i]))
	}
	c = newClient(t, o)
	start(t, c)
	var got []string
	for connected := false; len(got) < len(want) || !connected; {
		select {
		case e := <-c.Events():
			if e.Kind == Connected {
				connected = true
			} else {
				got = append(got, string(e.Message.Payload))
			}
		case <-time.After(patience):
			t.Fatalf("got %q; want %q", got, want)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	if !strings.Contains(log.String(), "session resumed") {
		t.Errorf("the log does not say that the session was resumed:\n%s", log.String())
	}
}

func TestMosquittoRestart(t *testing.T) {
	m := newMosquitto(t, sharedPKI())
	var log logbook
	o := m.options()
	o.Log = log.logger()
	c := newClient(t, o)
	start(t, c)
	next(t, c, Connected)
	m.stop()
	if e := next(t, c, Lost); e.Err == nil {
		t.Error("Lost without a reason")
	}
	waitFor(t, "a failed attempt", func() bool { return log.count(logging.Warn, "connection refused: nothing listens there") > 0 })
	if err := c.Publish("x", nil); err != ErrNotConnected {
		t.Errorf("Publish without a session = %v; want ErrNotConnected", err)
	}
	if !m.start() {
		t.Fatal("mosquitto does not start again")
	}
	next(t, c, Connected)
	m.publish(m.other("cloud"), "a/b", []byte("again"))
	if e := next(t, c, Received); string(e.Message.Payload) != "again" {
		t.Errorf("received %q", e.Message)
	}
}

// Run ends with its context's error; that it says DISCONNECT, and how soon, is
// tested in a bubble.
func TestMosquittoStop(t *testing.T) {
	m := newMosquitto(t, sharedPKI())
	c := newClient(t, m.options())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	next(t, c, Connected)
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("Run = %v; want %v", err, context.Canceled)
	}
}

func TestMosquittoReload(t *testing.T) {
	p := newPKI(t)
	m := newMosquitto(t, p)
	o := m.options()
	c := newClient(t, o)
	start(t, c)
	next(t, c, Connected)
	if err := c.Reload(o); err != nil {
		t.Errorf("Reload of the same: %v", err)
	}
	bad := o
	bad.Cert = p.path("none.pem")
	if err := c.Reload(bad); err == nil {
		t.Error("Reload takes a certificate that is not there")
	}
	p.issue("device", nil) // a new certificate under the old name
	if err := c.Reload(o); err != nil {
		t.Fatalf("Reload: %v", err)
	}
	// The first event now is of the third Reload: the others changed nothing.
	if e := next(t, c, Lost); e.Err != errReload {
		t.Errorf("Lost: %v; want %v", e.Err, errReload)
	}
	next(t, c, Connected)
}
