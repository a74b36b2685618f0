package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"jobbox/sim/broker"
	"jobbox/sim/device"
	"jobbox/sim/pki"
	"jobbox/sim/service"
)

const patience = 60 * time.Second

func start(t *testing.T, dir string) *Cloud {
	t.Helper()
	c, err := Start(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// connect is a device with a persistent session; what it receives goes into
// the channel.
func connect(t *testing.T, c *Cloud, f device.Files, thing string) (mqtt.Client, <-chan mqtt.Message) {
	t.Helper()
	pair, err := pki.ReadPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	config, err := c.CA.ClientTLS(pair)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan mqtt.Message, 100)
	o := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("ssl://localhost:%d", c.Port())).SetTLSConfig(config).SetClientID(thing).
		SetProtocolVersion(4).SetCleanSession(false).SetAutoReconnect(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- m })
	client := mqtt.NewClient(o)
	await(t, client.Connect())
	t.Cleanup(func() { client.Disconnect(0) })
	return client, got
}

func await(t *testing.T, token mqtt.Token) {
	t.Helper()
	if err := wait(token); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, got <-chan mqtt.Message, topic string) map[string]any {
	t.Helper()
	select {
	case m := <-got:
		var body map[string]any
		if err := json.Unmarshal(m.Payload(), &body); err != nil || m.Topic() != topic {
			t.Fatalf("received %s %q, %v; want %s", m.Topic(), m.Payload(), err, topic)
		}
		return body
	case <-time.After(patience):
		t.Fatalf("nothing on %s in %v", topic, patience)
		return nil
	}
}

func job(t *testing.T, c *Cloud, id, thing string) {
	t.Helper()
	_, err := c.Service.CreateJob(id, service.CreateJobInput{Targets: []string{c.Service.ARN("thing", thing)}, Document: `{"operation":"true"}`})
	if err != nil {
		t.Fatal(err)
	}
}

// A request, its answer and a notification, through TLS.
func TestJobOverMQTT(t *testing.T) {
	c := start(t, "")
	f, err := c.AddThing("pump", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, got := connect(t, c, f, "pump")
	const topic = "$aws/things/pump/jobs/"
	await(t, client.Subscribe(topic+"notify-next", 1, nil))
	job(t, c, "job-1", "pump")
	receive(t, got, topic+"notify-next")
	await(t, client.Publish(topic+"start-next", 1, false, `{"clientToken":"x"}`))
	body := receive(t, got, topic+"start-next/accepted")
	execution, ok := body["execution"].(map[string]any)
	if !ok || execution["jobId"] != "job-1" || body["clientToken"] != "x" {
		t.Errorf("start-next: %v; want job-1 and the token", body)
	}
	await(t, client.Publish(topic+"job-1/update", 1, false, `{"status":"NONSENSE"}`))
	if body := receive(t, got, topic+"job-1/update/rejected"); body["code"] != "InvalidRequest" {
		t.Errorf("update: %v; want InvalidRequest", body)
	}
}

// What the cloud knows outlives it: authority, things, jobs, and what waits in
// a session.
func TestStateIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cloud")
	c := start(t, dir)
	f, err := c.AddThing("pump", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, _ := connect(t, c, f, "pump")
	const topic = "$aws/things/pump/jobs/notify-next"
	await(t, client.Subscribe(topic, 1, nil))
	client.Disconnect(250)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Broker.Await(ctx, 0, func(e broker.Event) bool { return e.Kind == broker.Disconnected }); err != nil {
		t.Fatal(err)
	}
	job(t, c, "job-1", "pump")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	next := start(t, dir)
	_, got := connect(t, next, f, "pump") // the old certificate is good
	body := receive(t, got, topic)
	if e, ok := body["execution"].(map[string]any); !ok || e["jobId"] != "job-1" {
		t.Errorf("what waited: %v; want job-1", body)
	}
	if _, err := os.Stat(filepath.Join(dir, sessionsFile)); !os.IsNotExist(err) {
		t.Errorf("sessions file after a start: %v; want it gone", err)
	}
	if jobs := next.Service.ListJobs(); len(jobs) != 1 {
		t.Errorf("%d jobs; want 1", len(jobs))
	}
}

func TestREST(t *testing.T) {
	c := start(t, "")
	resp, err := http.Get(c.RESTURL + "/endpoint?endpointType=iot:Data-ATS")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if want := fmt.Sprintf("localhost:%d", c.Port()); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("endpoint: %s, %v; want %s", text, err, want)
	}
}

func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sessionsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dir string
		o         Options
		want      string
	}{
		{"REST beyond loopback", "", Options{RESTAddr: "0.0.0.0:0"}, "loopback"},
		{"broken sessions", dir, Options{}, "remove the file"},
		{"no such port", "", Options{MQTTAddr: "127.0.0.1:99999"}, "listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Start(tt.dir, tt.o)
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start: %v; want %q", err, tt.want)
			}
		})
	}
}

func TestRestart(t *testing.T) {
	c := start(t, "")
	f, err := c.AddThing("pump", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, _ := connect(t, c, f, "pump")
	mark := c.Broker.Seq()
	c.Restart(false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Broker.Await(ctx, mark, func(e broker.Event) bool { return e.Kind == broker.Disconnected }); err != nil {
		t.Fatal(err)
	}
	client.Disconnect(0)
	connect(t, c, f, "pump")
}
