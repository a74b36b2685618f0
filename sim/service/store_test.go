package service

import (
	"testing"
	"time"
)

func reopen(t *testing.T, s *Service, dir string, o Options) *Service {
	t.Helper()
	if s != nil {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// dump is everything that has to survive a restart, as text.
func dump(t *testing.T, s *Service) string {
	t.Helper()
	all := map[string]any{"things": s.ListThings(), "jobs": s.ListJobs()}
	for _, thing := range s.ListThings() {
		executions, err := s.ListJobExecutionsForThing(thing.Name)
		if err != nil {
			t.Fatal(err)
		}
		inProgress, queued, err := s.Pending(thing.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[thing.Name] = []any{executions, inProgress, queued}
	}
	return string(encode(all))
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir, Options{})
	s.CreateThing("t", "lamp", map[string]string{"room": "hall"})
	s.CreateThing("u", "", nil)
	for _, job := range []string{"z", "b", "c", "d", "e"} {
		createJob(t, s, job, func(in *CreateJobInput) {
			in.Targets = append(in.Targets, target+"u")
			in.RetryConfig = &RetryConfig{[]RetryCriteria{{"ALL", 2}}}
			in.TimeoutConfig = &TimeoutConfig{minutes(5)}
		})
	}
	ask(t, s, "start-next", `{"stepTimeoutInMinutes":2,"statusDetails":{"k":"é\n"}}`)
	ask(t, s, "b/update", `{"status":"FAILED","statusDetails":{"reason":"r"}}`)
	s.CancelJobExecution("c", "t", CancelExecutionInput{})
	s.DeleteJob("d", true)
	s.DeleteJobExecution("e", "t", 1, true)
	want := dump(t, s)
	s = reopen(t, s, dir, Options{})
	if got := dump(t, s); got != want {
		t.Errorf("after a restart:\n got %s\nwant %s", got, want)
	}
	createJob(t, s, "new")
	_, queued, _ := s.Pending("t")
	if last := queued[len(queued)-1]; last.JobID != "new" {
		t.Errorf("the newest job is not the last: %s", encode(queued))
	}
}

func TestTimeOutWhileClosed(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir, Options{Minute: time.Nanosecond})
	s.CreateThing("t", "", nil)
	createJob(t, s, "a")
	s.o.Minute = time.Hour // the timer is set, and does not fire before the restart
	ask(t, s, "start-next", `{"stepTimeoutInMinutes":1}`)
	s.mu.Lock()
	e := s.queues["t"][0]
	e.StepDeadline = time.Now().Add(-time.Second)
	err := s.store.write([]put{{executionBucket, executionKey(e), *e}})
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir, Options{})
	if e, err := s.DescribeJobExecution("a", "t", 0); err != nil || e.Status != TimedOut {
		t.Errorf("execution %v, %v; want TIMED_OUT", e.Status, err)
	}
}

func TestClosed(t *testing.T) {
	s := reopen(t, nil, t.TempDir(), Options{})
	changes, stop := s.Watch("", "")
	defer stop()
	s.Close()
	if _, ok := <-changes; ok {
		t.Error("a watch outlives its service")
	}
	if _, err := s.CreateThing("t", "", nil); codeOf(t, err) != InternalError {
		t.Errorf("CreateThing on a closed service: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	if _, err := Open("/dev/null/x", Options{}); err == nil {
		t.Error("Open below a file succeeded")
	}
}
