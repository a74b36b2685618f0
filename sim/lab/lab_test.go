package lab

import (
	"os"
	"strings"
	"testing"

	"jobbox/sim/broker"
	"jobbox/sim/service"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestJob(t *testing.T) {
	l := New(t)
	d := l.StartDevice("lab-thing")
	d.Handler("greet", "#!/bin/sh\necho hello \"$2\"\n")
	id := l.CreateJob(`{"operation": "greet", "args": ["world"], "path": "default", "includeStdOut": true}`)
	e := l.WaitFinal(id)
	if e.Status != service.Succeeded || !strings.Contains(e.Details["stdout"], "hello world") {
		t.Errorf("job ended %s %q; want SUCCEEDED and the handler's output", e.Status, e.Details)
	}
	if n := l.FinalCount(id); n != 1 {
		t.Errorf("%d final statuses; want 1", n)
	}
	if code := d.Stop(); code != 0 {
		t.Errorf("exit status %d after SIGTERM; want 0", code)
	}
}

func TestRestartAndKill(t *testing.T) {
	l := New(t)
	d := l.StartDevice("lab-thing")
	d.Restart()
	d.WaitLog(`connected to`)
	mark := l.Broker.Seq()
	d.Kill9()
	l.AwaitKind(mark, broker.Disconnected, d)
	if d.Running() {
		t.Error("the agent runs on after SIGKILL")
	}
}

// A power cut must take the runner and its step along, and a closed lab too.
func TestPowerCut(t *testing.T) {
	l := New(t)
	d := l.StartDevice("lab-thing")
	d.Handler("sleeper", "#!/bin/sh\necho up > \""+d.Path("up")+"\"\nexec sleep 1000\n")
	l.CreateJob(`{"operation": "sleeper", "path": "default"}`)
	Eventually(t, "the step's sign of life", func() bool {
		_, err := os.Stat(d.Path("up"))
		return err == nil
	})
	if left, err := d.leftovers(); err != nil || len(left) < 2 {
		t.Fatalf("leftovers are %v, %v; want runner and step", left, err)
	}
	d.PowerCut()
	if left, err := d.leftovers(); err != nil || len(left) != 0 {
		t.Errorf("leftovers after a power cut are %v, %v; want none", left, err)
	}
}

func TestTwoDevices(t *testing.T) {
	l := New(t)
	a, b := l.StartDevice("thing-a"), l.StartDevice("thing-b")
	id := l.CreateJob(`{"version":"1.0","steps":[{"action":{"name":"true","type":"runCommand","input":{"command":"true"}}}]}`)
	for _, d := range []*Device{a, b} {
		if e := l.WaitFinal(id, d); e.Status != service.Succeeded {
			t.Errorf("on %s: %s %q; want SUCCEEDED", d.Thing, e.Status, e.Details)
		}
	}
}
