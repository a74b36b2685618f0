package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jobbox/sim/cloud"
	"jobbox/sim/lab"
	"jobbox/sim/pki"
	"jobbox/sim/service"
)

// minimalACL is the minimal policy in mosquitto's terms. It has no way to
// disconnect: what is forbidden is refused or thrown away.
const minimalACL = `user jobs-service
topic readwrite $aws/things/#

pattern write $aws/things/%u/jobs/start-next
pattern write $aws/things/%u/jobs/+/update
pattern read $aws/things/%u/jobs/start-next/accepted
pattern read $aws/things/%u/jobs/start-next/rejected
pattern read $aws/things/%u/jobs/+/update/accepted
pattern read $aws/things/%u/jobs/+/update/rejected
pattern read $aws/things/%u/jobs/notify-next
`

// mosquitto is a stock broker with mutual TLS.
type mosquitto struct {
	t    *testing.T
	dir  string
	port int
	cmd  *exec.Cmd
	// ended is closed when cmd has.
	ended chan struct{}
}

// newMosquitto starts mosquitto with certificates of ca.
func newMosquitto(t *testing.T, ca *pki.Authority) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, dir: t.TempDir()}
	pair, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Write(m.path("server.pem"), m.path("server.key")); err != nil {
		t.Fatal(err)
	}
	m.write("ca.pem", string(ca.CertPEM))
	m.write("acl", minimalACL)
	t.Cleanup(m.stop)
	for range 10 {
		if m.start() {
			return m
		}
	}
	t.Fatal("mosquitto does not start; see its log above")
	return nil
}

func (m *mosquitto) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mosquitto) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// start takes a free port, which another process may take first.
func (m *mosquitto) start() bool {
	m.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	user := ""
	if os.Geteuid() == 0 {
		user = "user root\n" // else it drops to a user that cannot read these files
	}
	m.write("mosquitto.conf", fmt.Sprintf(`%slistener %d 127.0.0.1
cafile %s
certfile %s
keyfile %s
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file %s
persistence false
`, user, m.port, m.path("ca.pem"), m.path("server.pem"), m.path("server.key"), m.path("acl")))
	m.cmd = exec.Command(need(m.t, "mosquitto", "mosquitto"), "-c", m.path("mosquitto.conf"), "-v")
	log, err := os.Create(m.path("log"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.ended = make(chan struct{})
	go func() {
		defer close(m.ended)
		_ = m.cmd.Wait() // its log says why it ended
	}()
	return m.listening()
}

// listening waits until the port answers, or the process has ended.
func (m *mosquitto) listening() bool {
	address := fmt.Sprintf("127.0.0.1:%d", m.port)
	for deadline := time.Now().Add(lab.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-m.ended:
			m.t.Logf("mosquitto has ended:\n%s", m.log())
			return false
		default:
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

func (m *mosquitto) log() string {
	data, err := os.ReadFile(m.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (m *mosquitto) stop() {
	if m.ended != nil {
		_ = m.cmd.Process.Kill() // it may have ended
		<-m.ended
	}
	if m.t.Failed() {
		m.t.Logf("mosquitto's log:\n%s", m.log())
	}
}

// attach joins a lab's Jobs service to the broker.
func (m *mosquitto) attach(l *lab.Lab) {
	m.t.Helper()
	pair, err := l.Cloud.CA.Device("jobs-service")
	if err != nil {
		m.t.Fatal(err)
	}
	config, err := l.Cloud.CA.ClientTLS(pair)
	if err != nil {
		m.t.Fatal(err)
	}
	a, err := cloud.Attach(fmt.Sprintf("ssl://localhost:%d", m.port), config, l.Service)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.log())
	}
	m.t.Cleanup(a.Close)
}

// The agent does its jobs over a broker that nobody here has written.
func TestAgentOverMosquitto(t *testing.T) {
	l := lab.New(t)
	m := newMosquitto(t, l.Cloud.CA)
	m.attach(l)
	d := l.Device("stock-thing")
	d.Via(fmt.Sprintf("localhost:%d", m.port))
	d.Handler("greet", "#!/bin/sh\necho \"hello $2\"\n")
	early := l.CreateJob(`{"operation": "greet", "args": ["early"], "path": "default", "includeStdOut": true}`)
	d.Start()
	expect := func(id string, status service.Status, key, text string) {
		t.Helper()
		e := l.WaitFinal(id)
		if e.Status != status || !strings.Contains(e.Details[key], text) {
			t.Errorf("job %s: %s %q; want %s with %q in %s", id, e.Status, e.Details, status, text, key)
		}
		if n := l.FinalCount(id); n != 1 {
			t.Errorf("job %s has %d final statuses; want 1", id, n)
		}
	}
	expect(early, service.Succeeded, "stdout", "hello early")
	expect(l.CreateJob(`{"operation": "greet", "args": ["late"], "path": "default", "includeStdOut": true}`), service.Succeeded, "stdout", "hello late")
	expect(l.CreateJob(`{"version": "1.0", "steps": [{"action": {"name": "fails", "type": "runCommand", "input": {"command": "false"}}}]}`), service.Failed, "reason", "Exited with status: 1")
	expect(l.CreateJob(`{"version": "2.0", "steps": []}`), service.Rejected, "reason", "version")
	if code := d.Stop(); code != 0 {
		t.Errorf("exit status %d after SIGTERM; want 0", code)
	}
	if strings.Contains(m.log(), "Denied") {
		t.Errorf("the agent has tried what the minimal policy does not allow:\n%s", m.log())
	}
}
