package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// command is a document with one runCommand step.
func command(words ...string) map[string]any {
	return map[string]any{
		"version": "1.0", "includeStdOut": true,
		"steps": []any{map[string]any{"action": map[string]any{
			"name": "step", "type": "runCommand", "input": map[string]any{"command": strings.Join(words, ",")},
		}}},
	}
}

// count is a document whose step adds a line to file each time it runs.
func count(file string) map[string]any { return command("sh", "-c", "echo ran >> "+file) }

func runs(t *testing.T, file string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(data), "ran\n")
}

// TestTopics: SPEC 2, those topics are all there are; client id, QoS, tokens.
func TestTopics(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("topics")
	l.WaitFinal(l.CreateJob(command("true")))
	l.WaitFinal(l.CreateJob(command("false")))
	d.Stop()
	prefix := "$aws/things/topics/jobs/"
	var filters []string
	for _, e := range l.Broker.Events(0) {
		switch e.Kind {
		case broker.Violation, broker.Refused:
			t.Errorf("the broker saw %v", e)
		case broker.Connected:
			if e.Client != "topics" {
				t.Errorf("client id %q; want the thing's name", e.Client)
			}
		case broker.Subscribed:
			filters = append(filters, strings.TrimPrefix(e.Topic, prefix))
		case broker.Published:
			checkRequest(t, strings.TrimPrefix(e.Topic, prefix), e)
		}
	}
	slices.Sort(filters) // the order within one SUBSCRIBE means nothing
	want := []string{"+/update/accepted", "+/update/rejected", "notify-next", "start-next/accepted", "start-next/rejected"}
	if !slices.Equal(filters, want) {
		t.Errorf("subscribed to %q; want %q", filters, want)
	}
}

// hangUp has the agent read its configuration again.
const hangUp = syscall.SIGHUP

var (
	requestTopic = regexp.MustCompile(`^(start-next|job-[0-9]+/update)$`)
	clientToken  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
)

func checkRequest(t *testing.T, topic string, e broker.Event) {
	t.Helper()
	var body struct {
		ClientToken     string
		Status          string
		ExecutionNumber int64
	}
	if err := json.Unmarshal(e.Payload, &body); err != nil {
		t.Errorf("publish on %s: %v: %s", topic, err, e.Payload)
	}
	if !requestTopic.MatchString(topic) || e.QoS != 1 || !clientToken.MatchString(body.ClientToken) {
		t.Errorf("published %v", e)
	}
	if strings.HasSuffix(topic, "/update") && (body.ExecutionNumber != 1 || body.Status == "") {
		t.Errorf("update %s; want executionNumber 1 and a status", e.Payload)
	}
}

// TestOneAtATimeInOrder: SPEC 3, in the order in which the service offers them.
func TestOneAtATimeInOrder(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	dir := scratch(t)
	d := l.Device("order")
	var ids []string
	for i := range 5 {
		ids = append(ids, l.CreateJob(command("sh", "-c", fmt.Sprintf("echo begin %d >> %s/order; sleep 0.1; echo end %d >> %s/order", i, dir, i, dir))))
	}
	d.Start()
	want := ""
	for i, id := range ids {
		if got := l.WaitFinal(id); got.Status != service.Succeeded {
			t.Errorf("%s: %s %q", id, got.Status, got.Details)
		}
		want += fmt.Sprintf("begin %d\nend %d\n", i, i)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "order"))
	if string(got) != want {
		t.Errorf("ran as\n%swant\n%s", got, want)
	}
}

// TestRunOnce: SPEC 3, repeats and stale notifications change nothing; a new
// execution number of the same job is a new run.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	file := filepath.Join(scratch(t), "runs")
	l.Service.Faults().Add(service.Fault{Topic: "start-next", Times: 2, Duplicate: 2})
	l.Service.Faults().Add(service.Fault{Topic: "notify-next", Times: 1, Duplicate: 3})
	d := l.StartDevice("once")
	first := l.CreateJob(count(file))
	l.WaitFinal(first)
	for n := range 2 {
		if err := l.Service.Faults().Replay("once", "notify-next", n); err != nil {
			t.Fatal(err)
		}
	}
	l.WaitFinal(l.CreateJob(command("true"))) // after it, the replays have been dealt with
	if n := runs(t, file); n != 1 {
		t.Errorf("ran %d times; want 1", n)
	}
	if _, err := l.Service.Requeue(first, "once"); err != nil {
		t.Fatal(err)
	}
	l.WaitExecution(first, "the second run", func(e service.Execution) bool { return e.Number == 2 && e.Status.Final() })
	if n := runs(t, file); n != 2 {
		t.Errorf("with a new execution number: ran %d times; want 2", n)
	}
	d.Stop()
}

// TestStrictDetails: SPEC 1.5, a result is never lost over its output.
func TestStrictDetails(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Service.SetStrictDetails(true)
	l.StartDevice("strict")
	got := l.WaitFinal(l.CreateJob(command("printf", `one\ntwo\n`)))
	if got.Status != service.Succeeded || got.Details["stdout"] != "one two " {
		t.Errorf("%s %q; want the newlines as spaces", got.Status, got.Details)
	}
	l.Service.Faults().Add(service.Fault{Topic: "update", Times: 2, Code: service.InvalidRequest})
	got = l.WaitFinal(l.CreateJob(command("echo", "x")))
	if _, has := got.Details["stdout"]; got.Status != service.Succeeded || has || got.Details["reason"] == "" {
		t.Errorf("%s %q; want the reason alone", got.Status, got.Details)
	}
	// Refused to the end: dropped, and the next job is asked for.
	l.Service.Faults().Add(service.Fault{Topic: "update", JobID: "never", Times: 3, Code: service.InvalidRequest})
	l.CreateJobAs("never", service.CreateJobInput{Document: `{"version":"1.0","steps":[{"action":{"name":"a","type":"runCommand","input":{"command":"true"}}}]}`})
	if got := l.WaitFinal(l.CreateJob(command("true"))); got.Status != service.Succeeded {
		t.Errorf("the job after: %s %q", got.Status, got.Details)
	}
}

// TestErrorCodes: SPEC 2, only RequestThrottled and InternalError are worth the
// same request again.
func TestErrorCodes(t *testing.T) {
	for _, code := range []service.Code{service.RequestThrottled, service.InternalError} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			l.Service.Faults().Add(service.Fault{Topic: "start-next", Times: 2, Code: code})
			l.Service.Faults().Add(service.Fault{Topic: "update", Times: 2, Code: code})
			l.Device("codes").Start()
			id := l.CreateJob(command("false"))
			if got := l.WaitFinal(id); got.Status != service.Failed || l.FinalCount(id) != 1 {
				t.Errorf("%s %q, %d final statuses", got.Status, got.Details, l.FinalCount(id))
			}
		})
	}
}

// TestMilliseconds: SPEC 2, times may come in milliseconds.
func TestMilliseconds(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Service.SetMilliseconds(true)
	l.StartDevice("millis")
	if got := l.WaitFinal(l.CreateJob(command("true"))); got.Status != service.Succeeded {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestLargestDocument: SPEC 1, at most 32 KiB.
func TestLargestDocument(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartDevice("large")
	doc := command("true")
	doc["_comment"] = ""
	small, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	doc["_comment"] = strings.Repeat("x", 32*1024-len(small))
	if got := l.WaitFinal(l.CreateJob(doc)); got.Status != service.Succeeded {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestNotificationsMissed: SPEC 3, notifications alone lose jobs: a job whose
// notification never came is found at the next connection.
func TestNotificationsMissed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("missed")
	rule := l.Service.Faults().Add(service.Fault{Topic: "notify-next", Lose: true})
	id := l.CreateJob(command("true"))
	mark := l.Broker.Seq()
	d.Signal(hangUp) // nothing has changed: no reconnection
	rule.Remove()
	d.Restart()
	d.WaitAsked(mark)
	if got := l.WaitFinal(id); got.Status != service.Succeeded {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestStepTimeout: SPEC 4, the time-out of a step ends its whole group.
func TestStepTimeout(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("timeout")
	d.Jobs()["step-timeout"] = 1
	d.StartAndWait()
	file := filepath.Join(scratch(t), "pid")
	got := l.WaitFinal(l.CreateJob(command("sh", "-c", "sleep 600 & echo $! > "+file+"; wait")))
	if got.Status != service.Failed || !strings.HasPrefix(got.Details["reason"], "Timed out after 1s") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the step's child is gone", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)))
		return os.IsNotExist(err)
	})
}

// TestDevicePolicy: SPEC 5, jobs.allow.
func TestDevicePolicy(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("policy")
	d.Jobs()["allow"] = map[string]any{"run-command": false, "paths": "default", "users": []string{"nobody"}, "built-in": false}
	d.Handler("mine.sh", "#!/bin/sh\nid -un\n")
	d.StartAndWait()
	handler := func(name, user, path string) map[string]any {
		return map[string]any{"version": "1.0", "includeStdOut": true, "steps": []any{map[string]any{"action": map[string]any{
			"name": "step", "type": "runHandler", "runAsUser": user, "input": map[string]any{"handler": name, "path": path}}}}}
	}
	for _, tt := range []struct {
		name string
		doc  any
		want string // in the reason of REJECTED, "" for SUCCEEDED
	}{
		{"runCommand", command("true"), "runAsUser"},
		{"another user", handler("mine.sh", "daemon", ""), `runAsUser: this device does not run jobs as "daemon" (jobs.allow.users)`},
		{"the agent's own user", handler("mine.sh", "", ""), "jobs.allow.users"},
		{"another path", handler("true", "nobody", "/bin"), `input.path: this device does not run handlers from "/bin" (jobs.allow.paths)`},
		{"built-in", handler("reboot.sh", "nobody", "default"), "jobs.allow.built-in"},
		{"what is allowed", handler("mine.sh", "nobody", "default"), ""},
	} {
		got := l.WaitFinal(l.CreateJob(tt.doc))
		if tt.want == "" && (got.Status != service.Succeeded || got.Details["stdout"] != "nobody\n") ||
			tt.want != "" && (got.Status != service.Rejected || !strings.Contains(got.Details["reason"], tt.want)) {
			t.Errorf("%s: %s %q; want %q", tt.name, got.Status, got.Details, tt.want)
		}
	}
}

// TestJobsDisabled: SPEC 5, with jobs.enabled false the agent holds its
// connection and subscribes to nothing.
func TestJobsDisabled(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("disabled")
	d.Jobs()["enabled"] = false
	d.Start()
	l.AwaitKind(0, broker.Connected, d)
	d.WaitLog("WARN .*jobs.enabled is false")
	d.WaitLog("connected to")
	d.Stop()
	for _, e := range l.Broker.Events(0) {
		if e.Kind == broker.Subscribed || e.Kind == broker.Published {
			t.Errorf("did %v", e)
		}
	}
}

// TestHangUp: SIGHUP reads configuration and certificates again without
// disturbing a job.
func TestHangUp(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("hangup")
	gate := filepath.Join(scratch(t), "gate")
	id := l.CreateJob(command("sh", "-c", "until [ -e "+gate+" ]; do sleep 0.05; done; echo through"))
	d.WaitLog("attempt 1 begins")
	d.Settings.Section("logging")["level"] = "INFO"
	if err := d.WriteConfig(d.Settings); err != nil {
		t.Fatal(err)
	}
	d.Signal(hangUp)
	d.WaitLog("SIGHUP: configuration and certificates read again")
	d.Settings["port"] = 0
	if err := d.WriteConfig(d.Settings); err != nil {
		t.Fatal(err)
	}
	d.Signal(hangUp)
	d.WaitLog("SIGHUP: the old configuration stays: .*port")
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := l.WaitFinal(id); got.Status != service.Succeeded || got.Details["stdout"] != "through\n" {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestStopsWithinThreeSeconds: SPEC 3, SIGTERM.
func TestStopsWithinThreeSeconds(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("stops")
	gate := filepath.Join(scratch(t), "gate")
	id := l.CreateJob(command("sh", "-c", "until [ -e "+gate+" ]; do sleep 0.05; done; echo through"))
	d.WaitLog("attempt 1 begins")
	begun := time.Now()
	if status := d.Stop(); status != 0 {
		t.Errorf("exit status %d; want 0", status)
	}
	t.Logf("stopped in %v", time.Since(begun).Round(time.Millisecond))
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d.Start()
	if got := l.WaitFinal(id); got.Status != service.Succeeded || got.Details["stdout"] != "through\n" || l.FinalCount(id) != 1 {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestSecondAgent: what a device is told to do happens once, also where its
// agent has been started twice.
func TestSecondAgent(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("twice")
	out, err := exec.Command(lab.Build(t), "agent", "--config-file", d.Files.Config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another jobbox agent works with it") {
		t.Errorf("the second agent: %v: %s", err, out)
	}
	if got := l.WaitFinal(l.CreateJob(command("true"))); got.Status != service.Succeeded {
		t.Errorf("the first goes on: %s %q", got.Status, got.Details)
	}
}

// TestReloadWhileStarting: an agent that still waits for its predecessor's end
// outlives a SIGHUP, with nothing there to start another.
func TestReloadWhileStarting(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("early")
	next := exec.Command(lab.Build(t), "agent", "--config-file", d.Files.Config)
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Process.Kill(); next.Wait() })
	lab.Eventually(t, "the second agent waits for the lock", func() bool {
		locks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", next.Process.Pid))
		return slices.ContainsFunc(locks, func(fd string) bool {
			file, _ := os.Readlink(fd)
			return strings.HasPrefix(file, d.Dir) && filepath.Base(file) == "lock"
		})
	})
	if err := next.Process.Signal(hangUp); err != nil {
		t.Fatal(err)
	}
	mark := l.Broker.Seq()
	d.Stop()
	l.AwaitKind(mark, broker.Connected, d)
	if got := l.WaitFinal(l.CreateJob(command("true"))); got.Status != service.Succeeded {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestStatusConnected: update-jobbox.sh decides by it whether a binary is good.
func TestStatusConnected(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("present")
	ask := func() (string, int) {
		cmd := exec.Command(lab.Build(t), "status", "--connected", "--config-file", d.Files.Config)
		out, _ := cmd.Output() // the exit status is what is looked at
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, status := ask(); out != fmt.Sprintf("connected, pid %d\n", d.Pid()) || status != 0 {
		t.Errorf("connected: %q, exit status %d", out, status)
	}
	d.Kill9()
	if out, status := ask(); out != "not connected\n" || status != 1 {
		t.Errorf("killed: %q, exit status %d", out, status)
	}
}

// TestDeepDocument: SPEC 1, unknown fields are ignored and bad ones rejected,
// however deep they nest; neither stops the jobs behind it.
func TestDeepDocument(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartDevice("deep")
	deep := strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000)
	unknown := l.CreateJob(`{"version":"1.0","later":` + deep + `,"steps":[{"action":{"name":"a","type":"runCommand","input":{"command":"true"}}}]}`)
	if e := l.WaitFinal(unknown); e.Status != service.Succeeded {
		t.Errorf("an unknown field: %s %q", e.Status, e.Details)
	}
	bad := l.CreateJob(`{"version":"1.0","steps":[{"action":{"name":"a","type":"runHandler","input":{"handler":"x","args":[` + deep + `]}}}]}`)
	if e := l.WaitFinal(bad); e.Status != service.Rejected || !strings.Contains(e.Details["reason"], "steps[0].action.input.args[0]: want a string, got an array") {
		t.Errorf("an argument: %s %q", e.Status, e.Details)
	}
}
