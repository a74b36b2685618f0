package service

import (
	"testing"
	"testing/synctest"
	"time"
)

func minutes(n int64) *int64 { return &n }

func TestTimers(t *testing.T) {
	inProgress := func(in *CreateJobInput) { in.TimeoutConfig = &TimeoutConfig{minutes(10)} }
	tests := []struct {
		name   string
		job    []func(*CreateJobInput)
		ask    []string // tail, payload, ...
		after  time.Duration
		status Status
	}{
		{"no timer", nil, []string{"start-next", `{}`}, 8 * 24 * time.Hour, InProgress},
		{"queued does not run out", []func(*CreateJobInput){inProgress}, nil, time.Hour, Queued},
		{"in time", []func(*CreateJobInput){inProgress}, []string{"start-next", `{}`}, 9*time.Minute + 50*time.Second, InProgress},
		{"in-progress timer", []func(*CreateJobInput){inProgress}, []string{"start-next", `{}`}, 10 * time.Minute, TimedOut},
		{"an update does not extend it", []func(*CreateJobInput){inProgress}, []string{"start-next", `{}`, "+9m", "", "a/update", `{"status":"IN_PROGRESS"}`}, time.Minute, TimedOut},
		{"step timer", nil, []string{"start-next", `{"stepTimeoutInMinutes":2}`}, 2 * time.Minute, TimedOut},
		{"step timer within the other", []func(*CreateJobInput){inProgress}, []string{"start-next", `{"stepTimeoutInMinutes":2}`}, 2 * time.Minute, TimedOut},
		{"step timer beyond the other", []func(*CreateJobInput){inProgress}, []string{"start-next", `{"stepTimeoutInMinutes":20}`}, 10 * time.Minute, TimedOut},
		{"step timer stays with a plain update", nil, []string{"start-next", `{"stepTimeoutInMinutes":2}`, "+1m", "", "a/update", `{"status":"IN_PROGRESS"}`}, time.Minute, TimedOut},
		{"step timer replaced", nil, []string{"start-next", `{"stepTimeoutInMinutes":2}`, "+1m", "", "a/update", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":5}`}, 4 * time.Minute, InProgress},
		{"step timer cleared", nil, []string{"start-next", `{"stepTimeoutInMinutes":2}`, "a/update", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":-1}`}, time.Hour, InProgress},
		{"over before", nil, []string{"start-next", `{"stepTimeoutInMinutes":2}`, "a/update", `{"status":"SUCCEEDED"}`}, time.Hour, Succeeded},
	}
	for _, tt := range tests {
		s, _ := newService(t, Options{})
		createJob(t, s, "a", tt.job...)
		for i := 0; i < len(tt.ask); i += 2 {
			if d, err := time.ParseDuration(tt.ask[i]); err == nil {
				s.Advance(d)
				continue
			}
			if verdict, body := ask(t, s, tt.ask[i], tt.ask[i+1]); verdict != "accepted" {
				t.Fatalf("%s: %v", tt.name, body)
			}
		}
		s.Advance(tt.after)
		if e, _ := s.DescribeJobExecution("a", "t", 0); e.Status != tt.status {
			t.Errorf("%s: %s after %v; want %s", tt.name, e.Status, tt.after, tt.status)
		}
	}
}

// The timer fires by itself, and a minute can be made short.
func TestTimerFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, in := newService(t, Options{Minute: time.Second})
		createJob(t, s, "a")
		createJob(t, s, "b")
		ask(t, s, "start-next", `{"stepTimeoutInMinutes":5}`)
		in.take()
		start := time.Now()
		changes, stop := s.Watch("a", "t")
		defer stop()
		for e := range changes {
			if e.Status == TimedOut {
				break
			}
		}
		synctest.Wait()
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("timed out after %v; want 5s", d)
		}
		if got := in.take(); got != "notify b:QUEUED; next b/1 QUEUED" {
			t.Errorf("notifications %q", got)
		}
		s.Close()
	})
}

func TestRetries(t *testing.T) {
	retry := func(criteria ...RetryCriteria) func(*CreateJobInput) {
		return func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{criteria} }
	}
	tests := []struct {
		name string
		job  func(*CreateJobInput)
		ends []string // in turn
		want int      // runs in all
	}{
		{"none", retry(RetryCriteria{"FAILED", 0}), []string{"FAILED"}, 1},
		{"failed twice, then well", retry(RetryCriteria{"FAILED", 2}), []string{"FAILED", "FAILED", "SUCCEEDED"}, 3},
		{"failed too often", retry(RetryCriteria{"FAILED", 2}), []string{"FAILED", "FAILED", "FAILED"}, 3},
		{"rejected never", retry(RetryCriteria{"ALL", 5}), []string{"REJECTED"}, 1},
		{"another failure", retry(RetryCriteria{"FAILED", 5}), []string{"TIMED_OUT"}, 1},
		{"each its own count", retry(RetryCriteria{"FAILED", 1}, RetryCriteria{"TIMED_OUT", 1}), []string{"FAILED", "TIMED_OUT", "FAILED"}, 3},
		{"ten at most", retry(RetryCriteria{"FAILED", 10}, RetryCriteria{"TIMED_OUT", 10}), alternating(11), 11},
		{"all together", retry(RetryCriteria{"ALL", 2}), []string{"FAILED", "TIMED_OUT", "FAILED"}, 3},
	}
	for _, tt := range tests {
		s, in := newService(t, Options{})
		createJob(t, s, "a", tt.job)
		for i, end := range tt.ends {
			e := started(t, s, `{"stepTimeoutInMinutes":1}`)
			if e["executionNumber"] != float64(i+1) || e["versionNumber"] != 2.0 {
				t.Errorf("%s: run %d is %v", tt.name, i+1, e)
			}
			in.take()
			if end == "TIMED_OUT" {
				s.Advance(time.Minute)
			} else {
				ask(t, s, "a/update", `{"status":"`+end+`"}`)
			}
		}
		all, _ := s.ListJobExecutionsForJob("a")
		j, _, _ := s.DescribeJob("a")
		if len(all) != tt.want || all[0].RetryAttempt != tt.want-1 || j.Status != JobCompleted {
			t.Errorf("%s: %d runs, last attempt %d, job %s; want %d runs of a COMPLETED job", tt.name, len(all), all[0].RetryAttempt, j.Status, tt.want)
		}
		if got := in.take(); got != "notify; next -" {
			t.Errorf("%s: at the end %q", tt.name, got)
		}
	}
}

func alternating(n int) []string {
	var ends []string
	for i := range n {
		ends = append(ends, []string{"FAILED", "TIMED_OUT"}[i%2])
	}
	return ends
}

func TestRetryIsNotified(t *testing.T) {
	s, in := newService(t, Options{})
	createJob(t, s, "a", func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{[]RetryCriteria{{"FAILED", 1}}} })
	in.take()
	ask(t, s, "a/update", `{"status":"FAILED"}`)
	if got := in.take(); got != "notify; next -; notify a:QUEUED; next a/2 QUEUED" {
		t.Errorf("got %q", got)
	}
	if _, body := ask(t, s, "a/update", `{"status":"SUCCEEDED","executionNumber":1}`); body["code"] != "InvalidStateTransition" {
		t.Errorf("update of the first run: %v", body)
	}
	if verdict, body := ask(t, s, "a/update", `{"status":"SUCCEEDED","executionNumber":2}`); verdict != "accepted" {
		t.Errorf("update of the second run: %v", body)
	}
}

func TestRequeue(t *testing.T) {
	s, in := newService(t, Options{})
	createJob(t, s, "a")
	if _, err := s.Requeue("a", "t"); codeOf(t, err) != InvalidStateTransition {
		t.Errorf("Requeue of a queued job: %v", err)
	}
	ask(t, s, "a/update", `{"status":"SUCCEEDED"}`)
	in.take()
	e, err := s.Requeue("a", "t")
	if err != nil || e.Number != 2 || e.Status != Queued {
		t.Errorf("Requeue = %v, %v; want run 2", e, err)
	}
	if got := in.take(); got != "notify a:QUEUED; next a/2 QUEUED" {
		t.Errorf("got %q", got)
	}
}
