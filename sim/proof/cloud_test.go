package proof

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// begun waits until a step has written a file that holds its pid, and returns it.
func begun(t *testing.T, path string) int {
	t.Helper()
	var pid int
	lab.Eventually(t, "the step has begun", func() bool {
		var err error
		pid, err = strconv.Atoi(strings.TrimSpace(read(t, path)))
		return err == nil
	})
	return pid
}

func gone(t *testing.T, pid int) {
	t.Helper()
	lab.Eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
}

// TestEndedInTheCloud: cancelled, deleted or timed out while it runs: the step's
// whole group is ended, no later step runs, nothing is reported for it, and the
// next job runs.
func TestEndedInTheCloud(t *testing.T) {
	one := int64(1)
	minute := service.TimeoutConfig{InProgressTimeoutInMinutes: &one}
	tests := []struct {
		name, script string
		end          func(s *service.Service, id, thing string) error
		polite       bool // the step hears SIGTERM and says so
	}{
		{"cancelled", "trap 'echo term >> $DIR/term; exit 0' TERM; sleep 600 & echo $! > $DIR/child; echo $$ > $DIR/pid; wait", func(s *service.Service, id, _ string) error {
			_, err := s.CancelJob(id, service.CancelJobInput{Force: true})
			return err
		}, true},
		{"cancelled, deaf to SIGTERM", "trap '' TERM; sleep 600 & echo $! > $DIR/child; echo $$ > $DIR/pid; while :; do sleep 1; done", func(s *service.Service, id, thing string) error {
			return s.CancelJobExecution(id, thing, service.CancelExecutionInput{Force: true})
		}, false},
		{"deleted", "sleep 600 & echo $! > $DIR/child; echo $$ > $DIR/pid; wait", func(s *service.Service, id, _ string) error {
			return s.DeleteJob(id, true)
		}, false},
		{"timed out", "sleep 600 & echo $! > $DIR/child; echo $$ > $DIR/pid; wait", func(s *service.Service, _, _ string) error {
			s.Advance(2 * time.Minute)
			return nil
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			d := l.StartDevice("ended")
			script := strings.ReplaceAll(tt.script, "$DIR", d.Dir)
			doc := document(strings.TrimSuffix(strings.TrimPrefix(command(script), `{"version":"1.0","includeStdOut":true,"steps":[`), `]}`), mark(d.Path("later"), "true"))
			l.CreateJobAs("first", service.CreateJobInput{Document: doc, TimeoutConfig: &minute})
			pid, child := begun(t, d.Path("pid")), begun(t, d.Path("child"))
			if err := tt.end(l.Service, "first", "ended"); err != nil {
				t.Fatal(err)
			}
			if got := l.WaitFinal(l.CreateJob(command("true"))); got.Status != service.Succeeded {
				t.Errorf("the next job: %s %q", got.Status, got.Details)
			}
			gone(t, pid)
			gone(t, child)
			if tt.polite && read(t, d.Path("term")) != "term\n" {
				t.Error("the step did not get SIGTERM first")
			}
			if later := read(t, d.Path("later")); later != "" {
				t.Errorf("a later step ran: %q", later)
			}
			for _, e := range l.Updates("first") {
				if e.Status == service.Succeeded || e.Status == service.Failed || e.Status == service.Rejected {
					t.Errorf("the device set %s", e.Status)
				}
			}
		})
	}
}

// TestDeletedWhileQueued: nothing of it runs.
func TestDeletedWhileQueued(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("queued")
	first := l.CreateJob(command("echo $$ > " + d.Path("pid") + "; " + until(d.Path("gate"))))
	begun(t, d.Path("pid"))
	second := l.CreateJob(command("echo ran > " + d.Path("second")))
	third := l.CreateJob(command("true"))
	if err := l.Service.DeleteJob(second, true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Path("gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first, third} {
		if got := l.WaitFinal(id); got.Status != service.Succeeded {
			t.Errorf("%s: %s %q", id, got.Status, got.Details)
		}
	}
	if read(t, d.Path("second")) != "" {
		t.Error("a job that was deleted while queued has run")
	}
}

// TestOwed: a result determined while the network is away is delivered exactly
// as it was, once, after two restarts.
func TestOwed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	p := l.Proxy()
	d := l.Device("owed")
	d.Via(p.Addr())
	d.Start()
	marks := d.Path("marks")
	id := l.CreateJob(document(mark(marks, "echo $$ > "+d.Path("pid")+"; until [ -e "+d.Path("gate")+" ]; do sleep 0.05; done; exit 5")))
	begun(t, d.Path("pid"))
	p.Refuse(true)
	p.Cut()
	if err := os.WriteFile(d.Path("gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the result is on disk", func() bool { return strings.Contains(read(t, d.StateDir+"/journal"), `"final"`) })
	d.Kill9()
	d.Start()
	d.WaitLog("FAILED is still owed to the service")
	d.Stop()
	mark := d.LogMark()
	d.Start()
	d.WaitLogFrom(mark, "FAILED is still owed to the service")
	p.Refuse(false)
	checkEnd(t, l, d, id, marks, outcome{status: service.Failed, stdout: "out 1\n", marks: "1 1\n"})
	lab.Eventually(t, "nothing is owed any more", func() bool { return !strings.Contains(read(t, d.StateDir+"/journal"), `"final"`) })
}

// TestReboot: exit status 194: the step is run again only once the boot id has
// changed, whatever happens to the agent meanwhile.
func TestReboot(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("reboot")
	bootID(t, d, "boot-one")
	marks, rebooted := d.Path("marks"), d.Path("rebooted")
	d.Jobs()["reboot-command"] = []string{"sh", "-c", "echo reboot >> " + rebooted}
	d.Start()
	id := l.CreateJob(document(mark(marks, "true"), mark(marks, "[ $JOBBOX_ATTEMPT -gt 1 ] || exit 194"), mark(marks, "true")))
	lab.Eventually(t, "the reboot command has run", func() bool { return read(t, rebooted) == "reboot\n" })
	d.Stop() // SIGTERM by rcK
	mark := d.LogMark()
	d.Start() // the same boot: a service manager's restart
	d.WaitLogFrom(mark, "still waits for the reboot")
	lab.Eventually(t, "the reboot command is run again", func() bool { return read(t, rebooted) == "reboot\nreboot\n" })
	if ran := read(t, marks); ran != "1 1\n2 1\n" {
		t.Errorf("before the reboot ran %q", ran)
	}
	powerCut(t, d, "boot-two")
	d.Start()
	checkEnd(t, l, d, id, marks, outcome{status: service.Succeeded, stdout: "out 1\nout 2\nout 2\nout 3\n", marks: "1 1\n2 1\n2 2\n3 1\n"})
}

// TestNoReboot: a reboot command that fails fails the step.
func TestNoReboot(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("noreboot")
	d.Jobs()["reboot-command"] = []string{"sh", "-c", "echo no way >&2; exit 3"}
	d.Start()
	got := l.WaitFinal(l.CreateJob(command("exit 194")))
	if got.Status != service.Failed || !strings.Contains(got.Details["reason"], "exit status 3: no way") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
}

// TestMaxAttempts: a step that takes the device down with it three times fails.
func TestMaxAttempts(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("attempts")
	bootID(t, d, "boot-0")
	marks := d.Path("marks")
	id := l.CreateJob(document(mark(marks, "sleep 600")))
	for n := 1; n <= 3; n++ {
		d.Start()
		lab.Eventually(t, "the attempt has begun", func() bool { return strings.Count(read(t, marks), "\n") == n })
		powerCut(t, d, fmt.Sprintf("boot-%d", n))
	}
	d.Start()
	got := l.WaitFinal(id)
	if got.Status != service.Failed || !strings.Contains(got.Details["reason"], "interrupted 3 times") || read(t, marks) != "1 1\n1 2\n1 3\n" {
		t.Errorf("%s %q after %q", got.Status, got.Details, read(t, marks))
	}
}

// TestRestartedByItsOwnJob: a step that stops and starts the agent: SUCCEEDED,
// once.
func TestRestartedByItsOwnJob(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("restarts")
	marks := d.Path("marks")
	id := l.CreateJob(document(mark(marks, fmt.Sprintf("kill -TERM %d; while kill -0 %d; do sleep 0.05; done; echo gone > %s; until [ -e %s ]; do sleep 0.05; done",
		d.Pid(), d.Pid(), d.Path("gone"), d.Path("back")))))
	lab.Eventually(t, "the step has stopped the agent", func() bool { return !d.Running() && read(t, d.Path("gone")) != "" })
	d.Start()
	if err := os.WriteFile(d.Path("back"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	checkEnd(t, l, d, id, marks, outcome{status: service.Succeeded, stdout: "out 1\n", marks: "1 1\n"})
}

// TestRunnerKilled: the step counts as interrupted, what is left of it is ended,
// and it is run again.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("orphan")
	marks := d.Path("marks")
	id := l.CreateJob(document(mark(marks, "[ $JOBBOX_ATTEMPT -gt 1 ] && exit 0; sleep 600 & echo $! > "+d.Path("child")+"; wait")))
	child := begun(t, d.Path("child"))
	d.KillRunner()
	checkEnd(t, l, d, id, marks, outcome{status: service.Succeeded, stdout: "out 1\n", marks: "1 1\n1 2\n"})
	gone(t, child)
}

// TestKilledAtRandom kills the agent again and again while one step runs.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.StartDevice("again")
	marks := d.Path("marks")
	id := l.CreateJob(document(mark(marks, "echo $$ > "+d.Path("pid")+"; until [ -e "+d.Path("gate")+" ]; do sleep 0.05; done"), mark(marks, "true")))
	begun(t, d.Path("pid"))
	for range 6 {
		d.Kill9()
		d.StartAndWait()
	}
	if err := os.WriteFile(d.Path("gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	checkEnd(t, l, d, id, marks, outcome{status: service.Succeeded, stdout: "out 1\nout 2\n", marks: "1 1\n2 1\n"})
}
