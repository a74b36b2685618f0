package service

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestWatch(t *testing.T) {
	s, _ := newService(t, Options{})
	createJob(t, s, "a")
	ask(t, s, "start-next", `{}`)
	changes, stop := s.Watch("a", "t")
	createJob(t, s, "b")
	ask(t, s, "a/update", `{"status":"IN_PROGRESS","statusDetails":{"step":"1"}}`)
	ask(t, s, "a/update", `{"status":"SUCCEEDED"}`)
	s.DeleteJob("a", true)
	var got []string
	for range 4 {
		e := <-changes
		got = append(got, fmt.Sprintf("%s %d %v %v", e.Status, e.Version, e.Details["step"], e.Deleted))
	}
	want := "IN_PROGRESS 2  false; IN_PROGRESS 3 1 false; SUCCEEDED 4 1 false; SUCCEEDED 4 1 true"
	if all := strings.Join(got, "; "); all != want {
		t.Errorf("got %s; want %s", all, want)
	}
	stop()
	stop()
	if _, ok := <-changes; ok {
		t.Error("a change after stop")
	}
}

func TestHistory(t *testing.T) {
	s, _ := newService(t, Options{})
	s.CreateThing("u", "", nil)
	createJob(t, s, "a", func(in *CreateJobInput) { in.Targets = append(in.Targets, target+"u") })
	ask(t, s, "start-next", `{}`)
	ask(t, s, "a/update", `{"status":"FAILED"}`)
	ask(t, s, "a/update", `{"status":"FAILED"}`)
	var got []Status
	for _, e := range s.History("t") {
		got = append(got, e.Status)
	}
	if fmt.Sprint(got) != "[QUEUED IN_PROGRESS FAILED]" {
		t.Errorf("history %v; want what was accepted", got)
	}
	if r := s.Requests("t"); len(r) != 3 || string(r[2].Payload) != `{"status":"FAILED"}` {
		t.Errorf("requests %v; want all three", r)
	}
	if n := len(s.Requests("u")); n != 0 {
		t.Errorf("%d requests of another thing", n)
	}
}

// Many devices and a control plane at once: for the race detector, and for the
// promise that a watch misses nothing.
func TestConcurrent(t *testing.T) {
	const devices, jobs = 8, 25
	s, _ := newService(t, Options{})
	s.OnNotify(func(Message) {})
	changes, stop := s.Watch("", "")
	defer stop()
	var wait sync.WaitGroup
	for d := range devices {
		thing := fmt.Sprint("device-", d)
		s.CreateThing(thing, "", nil)
		wait.Go(func() {
			for j := range jobs {
				s.CreateJob(fmt.Sprint(thing, "-", j), CreateJobInput{Targets: []string{target + thing}, Document: `{}`})
				s.Request("$aws/things/"+thing+"/jobs/start-next", []byte(`{}`))
				s.Request(fmt.Sprintf("$aws/things/%s/jobs/%s-%d/update", thing, thing, j), []byte(`{"status":"SUCCEEDED"}`))
			}
		})
	}
	wait.Wait()
	for final := 0; final < devices*jobs; {
		if e := <-changes; e.Status.Final() {
			final++
		}
	}
}
