package service

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// verdicts asks start-next n times: "a" accepted, a code, or "-" no answer.
func verdicts(t *testing.T, s *Service, tail, payload string, n int) string {
	t.Helper()
	var all []string
	for range n {
		answers := s.Request("$aws/things/t/jobs/"+tail, []byte(payload))
		one := "-"
		for i, m := range answers {
			if i == 0 {
				one = ""
			}
			switch {
			case strings.HasSuffix(m.Topic, "/accepted"):
				one += "a"
			default:
				one += strings.Split(string(m.Payload), `"`)[3]
			}
		}
		all = append(all, one)
	}
	return strings.Join(all, " ")
}

func TestRequestFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		tail  string
		want  string // of three updates
		count int    // updates that were carried out
	}{
		{"refused once", Fault{Topic: "update", Times: 1, Code: InternalError}, "a/update", "InternalError a a", 2},
		{"refused twice", Fault{Topic: "a/update", Times: 2, Code: RequestThrottled}, "a/update", "RequestThrottled RequestThrottled a", 1},
		{"another topic", Fault{Topic: "start-next", Times: 1, Code: InternalError}, "a/update", "a a a", 3},
		{"another thing", Fault{Thing: "u", Code: InternalError}, "a/update", "a a a", 3},
		{"another job", Fault{JobID: "b", Code: InternalError}, "a/update", "a a a", 3},
		{"another status", Fault{Status: Succeeded, Code: InternalError}, "a/update", "a a a", 3},
		{"this status", Fault{Status: InProgress, Code: InvalidRequest}, "a/update", "InvalidRequest InvalidRequest InvalidRequest", 0},
		{"lost request", Fault{Topic: "update", Times: 1, Lose: true}, "a/update", "- a a", 2},
		{"lost answer", Fault{Topic: "update", Times: 1, Lose: true, Done: true}, "a/update", "- a a", 3},
		{"wrong answer", Fault{Topic: "update", Times: 1, Code: InternalError, Done: true}, "a/update", "InternalError a a", 3},
		{"doubled", Fault{Topic: "update", Times: 1, Duplicate: 2}, "a/update", "aaa a a", 3},
	}
	for _, tt := range tests {
		s, _ := newService(t, Options{})
		createJob(t, s, "a")
		s.Faults().Add(tt.fault)
		if got := verdicts(t, s, tt.tail, `{"status":"IN_PROGRESS"}`, 3); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
		if e, _ := s.DescribeJobExecution("a", "t", 0); e.Version != int64(1+tt.count) {
			t.Errorf("%s: version %d; want %d updates carried out", tt.name, e.Version, tt.count)
		}
	}
}

func TestRule(t *testing.T) {
	s, _ := newService(t, Options{})
	r := s.Faults().Reject(2, "start-next", InternalError)
	ask(t, s, "start-next", `{}`)
	select {
	case <-r.Spent():
		t.Error("spent after one of two")
	default:
	}
	ask(t, s, "start-next", `{}`)
	<-r.Spent()
	if r.Hits() != 2 {
		t.Errorf("%d hits; want 2", r.Hits())
	}
	r = s.Faults().LoseAnswer(0, "start-next")
	if got := verdicts(t, s, "start-next", `{}`, 2); got != "- -" {
		t.Errorf("without an end: %s", got)
	}
	r.Remove()
	<-r.Spent()
	r = s.Faults().Throttle(time.Hour)
	s.Faults().Clear()
	<-r.Spent()
	if got := verdicts(t, s, "start-next", `{}`, 1); got != "a" {
		t.Errorf("after Clear: %s", got)
	}
}

func TestThrottleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t, Options{})
		s.Faults().Throttle(time.Minute)
		time.Sleep(59 * time.Second)
		if got := verdicts(t, s, "start-next", `{}`, 1); got != "RequestThrottled" {
			t.Errorf("after 59s: %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := verdicts(t, s, "start-next", `{}`, 1); got != "a" {
			t.Errorf("after 61s: %s", got)
		}
	})
}

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, in := newService(t, Options{})
		s.Faults().Add(Fault{Topic: "start-next", Delay: time.Minute, Times: 1})
		s.Faults().Add(Fault{Topic: "notify-next", Delay: time.Hour, Times: 1})
		start := time.Now()
		var mu sync.Mutex
		var answered []time.Duration
		answer := func(Message) {
			mu.Lock()
			defer mu.Unlock()
			answered = append(answered, time.Since(start))
		}
		for range 2 {
			s.Serve("$aws/things/t/jobs/start-next", []byte(`{}`), answer)
		}
		createJob(t, s, "a")
		synctest.Wait()
		if got := in.take(); got != "notify a:QUEUED" {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := in.take(); got != "next a/1 QUEUED" {
			t.Errorf("late: %q", got)
		}
		if len(answered) != 2 || answered[0] != 0 || answered[1] != time.Minute {
			t.Errorf("answers after %v; want the second request's at once, the first one's after a minute", answered)
		}
	})
}

func TestNotificationFaults(t *testing.T) {
	s, in := newService(t, Options{})
	f := s.Faults()
	f.Add(Fault{Topic: "notify-next", Times: 1, Lose: true})
	f.Add(Fault{Topic: "notify", Times: 1, Duplicate: 1})
	createJob(t, s, "a")
	if got := in.take(); got != "notify a:QUEUED; notify a:QUEUED" {
		t.Errorf("lost and doubled: %q", got)
	}
	f.Add(Fault{Topic: "notify-next", Times: 1, Swap: true})
	f.Add(Fault{Topic: "notify", Lose: true})
	s.CancelJob("a", CancelJobInput{})
	createJob(t, s, "b")
	if got := in.take(); got != "next b/1 QUEUED; next -" {
		t.Errorf("swapped: %q", got)
	}
	if err := f.Replay("t", "notify-next", -1); err != nil {
		t.Error(err)
	}
	if err := f.Replay("t", "notify-next", 0); err != nil {
		t.Error(err)
	}
	if got := in.take(); got != "next -; next b/1 QUEUED" {
		t.Errorf("replayed: %q", got)
	}
	if err := f.Replay("t", "notify-next", 99); err == nil {
		t.Error("replay of a notification that never was")
	}
	f.Inject(Message{"$aws/things/t/jobs/notify-next", []byte(`{"execution":{"jobId":"x","executionNumber":7,"status":"QUEUED"}}`)})
	if got := in.take(); got != "next x/7 QUEUED" {
		t.Errorf("injected: %q", got)
	}
}

// What a fault holds back is not lost when the faults are cleared.
func TestClearReleases(t *testing.T) {
	s, in := newService(t, Options{})
	s.Faults().Add(Fault{Topic: "notify-next", Swap: true})
	createJob(t, s, "a")
	in.take()
	s.Faults().Clear()
	if got := in.take(); got != "next a/1 QUEUED" {
		t.Errorf("after Clear: %q", got)
	}
}

func TestServeOrder(t *testing.T) {
	for _, first := range []bool{false, true} {
		s, _ := newService(t, Options{})
		createJob(t, s, "a")
		s.Faults().NotifyFirst(first)
		var order []string
		s.OnNotify(func(m Message) { order = append(order, "n") })
		s.Serve("$aws/things/t/jobs/a/update", []byte(`{"status":"FAILED"}`), func(Message) { order = append(order, "a") })
		want := map[bool]string{false: "ann", true: "nna"}[first]
		if got := strings.Join(order, ""); got != want {
			t.Errorf("NotifyFirst(%v): %s; want %s", first, got, want)
		}
	}
}
