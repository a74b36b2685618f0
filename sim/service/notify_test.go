package service

import (
	"fmt"
	"strings"
	"testing"
)

// TestNotifications is the worked example of the developer guide
// (jobs-comm-notifications), message for message.
func TestNotifications(t *testing.T) {
	s, in := newService(t, Options{})
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"job1 is created", func() { createJob(t, s, "job1") }, "notify job1:QUEUED; next job1/1 QUEUED"},
		{"job2 is created", func() { createJob(t, s, "job2") }, "notify job1:QUEUED job2:QUEUED"},
		{"job1 starts", func() { ask(t, s, "start-next", `{}`) }, ""},
		{"job1 reports progress", func() { ask(t, s, "job1/update", `{"status":"IN_PROGRESS"}`) }, ""},
		{"job3 is created", func() { createJob(t, s, "job3") }, "notify job1:IN_PROGRESS job2:QUEUED job3:QUEUED"},
		{"job1 succeeds", func() { ask(t, s, "job1/update", `{"status":"SUCCEEDED"}`) }, "notify job2:QUEUED job3:QUEUED; next job2/1 QUEUED"},
		{"job3 overtakes", func() { ask(t, s, "job3/update", `{"status":"IN_PROGRESS"}`) }, "next job3/1 IN_PROGRESS"},
		{"job2 is rejected", func() { ask(t, s, "job2/update", `{"status":"REJECTED"}`) }, "notify job3:IN_PROGRESS"},
		{"job3 is force deleted", func() { s.DeleteJobExecution("job3", "t", 1, true) }, "notify; next -"},
	}
	for _, step := range steps {
		step.do()
		if got := in.take(); got != step.want {
			t.Errorf("%s: got %q; want %q", step.name, got, step.want)
		}
	}
}

func TestNotificationOfTwoInProgress(t *testing.T) {
	s, in := newService(t, Options{})
	createJob(t, s, "old")
	createJob(t, s, "new")
	ask(t, s, "new/update", `{"status":"IN_PROGRESS"}`)
	in.take()
	ask(t, s, "old/update", `{"status":"IN_PROGRESS"}`)
	if got := in.take(); got != "next old/1 IN_PROGRESS" {
		t.Errorf("the older one starts: got %q; want it to be next", got)
	}
	ask(t, s, "old/update", `{"status":"FAILED"}`)
	if got := in.take(); got != "notify new:IN_PROGRESS; next new/1 IN_PROGRESS" {
		t.Errorf("the older one ends: got %q; want the newer one to be next again", got)
	}
}

// A receiver that asks for the next job at once, as a device in the same
// process does, must neither deadlock nor see notifications out of order.
func TestReceiverMayAsk(t *testing.T) {
	s, in := newService(t, Options{})
	s.OnNotify(func(m Message) {
		if m.Topic == "$aws/things/t/jobs/notify-next" {
			s.Request("$aws/things/t/jobs/start-next", []byte(`{}`))
			s.Request("$aws/things/t/jobs/a/update", []byte(`{"status":"SUCCEEDED"}`))
		}
	})
	createJob(t, s, "a")
	if got := in.take(); got != "notify a:QUEUED; next a/1 QUEUED; notify; next -" {
		t.Errorf("got %q", got)
	}
}

func TestNotifyHoldsTen(t *testing.T) {
	s, in := newService(t, Options{})
	for i := range 12 {
		in.take()
		createJob(t, s, fmt.Sprintf("%02d", i))
	}
	got := in.take()
	if n := strings.Count(got, "QUEUED"); n != 10 || !strings.HasPrefix(got, "notify 00:") || !strings.Contains(got, "09:") {
		t.Errorf("notified %q; want the first ten", got)
	}
}
