// Package proof shows on the built binary that no job is lost, run twice or
// left running: SPEC section 3, with everything going wrong that can.
package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// A story is a job, and how it must end whatever happens to the agent.
type story struct {
	name     string
	document func(marks string) string
	status   service.Status
	stdout   string
	marks    string // one line for each step that ran: its number, its attempt
}

// mark is a step that says in a file that it ran, and on standard output.
func mark(marks, then string) string {
	return fmt.Sprintf(`{"action":{"name":"s","type":"runCommand","input":{"command":"sh,-c,echo $JOBBOX_STEP $JOBBOX_ATTEMPT >> %s; echo out $JOBBOX_STEP; %s"}}}`, marks, then)
}

func document(steps ...string) string {
	return `{"version":"1.0","includeStdOut":true,"steps":[` + strings.Join(steps, ",") + `]}`
}

var stories = []story{
	{"three steps", func(m string) string { return document(mark(m, "true"), mark(m, "true"), mark(m, "true")) },
		service.Succeeded, "out 1\nout 2\nout 3\n", "1 1\n2 1\n3 1\n"},
	{"the second fails", func(m string) string { return document(mark(m, "true"), mark(m, "exit 7"), mark(m, "true")) },
		service.Failed, "out 1\nout 2\n", "1 1\n2 1\n"},
	{"rejected", func(m string) string { return document(mark(m, "true"), `{"action":{}}`) },
		service.Rejected, "", ""},
}

// crashDevice is a device whose agent is built to die at a given point.
func crashDevice(t *testing.T, l *lab.Lab, at int) (d *lab.Device, log string) {
	d = l.Device("crash")
	d.Bin = lab.Build(t, "crashpoints")
	log = d.Path("points")
	d.Env = []string{fmt.Sprintf("JOBBOX_CRASH_AT=%d", at), "JOBBOX_CRASH_LOG=" + log}
	return d, log
}

// points is how many points an undisturbed run of the story passes.
func points(t *testing.T, s story) int {
	l := lab.New(t)
	d, log := crashDevice(t, l, 0)
	marks := d.Path("marks")
	d.StartAndWait()
	checkEnd(t, l, d, l.CreateJob(s.document(marks)), marks, s)
	d.Stop()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}

// checkEnd waits for the job's end and holds it against the story.
func checkEnd(t *testing.T, l *lab.Lab, d *lab.Device, id, marks string, s story) {
	t.Helper()
	got := l.WaitFinal(id, d)
	if got.Status != s.status || got.Details["stdout"] != s.stdout {
		t.Errorf("%s %q; want %s, stdout %q", got.Status, got.Details, s.status, s.stdout)
	}
	if n := l.FinalCount(id, d); n != 1 {
		t.Errorf("%d final statuses; want 1", n)
	}
	if ran := read(t, marks); ran != s.marks {
		t.Errorf("ran %q; want %q", ran, s.marks)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// TestCrashPoints kills the agent at every write of its journal and at every
// publish, before and after, one point a run: every step runs exactly once, and
// there is one final status, the right one.
func TestCrashPoints(t *testing.T) {
	for _, s := range stories {
		total := points(t, s)
		t.Logf("%s: %d points", s.name, total)
		if total < 8 {
			t.Errorf("%s: only %d points; the build has lost its trace", s.name, total)
		}
		for at := 1; at <= total; at++ {
			t.Run(fmt.Sprintf("%s/%d", s.name, at), func(t *testing.T) {
				t.Parallel()
				crashAt(t, s, at)
			})
		}
	}
}

func crashAt(t *testing.T, s story, at int) {
	l := lab.New(t)
	d, _ := crashDevice(t, l, at)
	marks := d.Path("marks")
	id := l.CreateJob(s.document(marks))
	d.Start()
	lab.Eventually(t, "the agent dies or is done", func() bool { return !d.Running() || l.FinalCount(id, d) > 0 })
	if d.Running() {
		d.Kill9() // it had fewer requests to make than the undisturbed one
	}
	d.Env = nil
	d.Start()
	checkEnd(t, l, d, id, marks, s)
}

// bootID has the agent see a boot id of the test's own: a reboot is a change of
// that file.
func bootID(t *testing.T, d *lab.Device, id string) {
	t.Helper()
	file := d.Path("boot_id")
	if err := os.WriteFile(file, []byte(id+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Prefix = []string{"unshare", "-m", "sh", "-c",
		`mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`, file}
}

// powerCut takes everything down that is not on disk: agent, runner and steps,
// and what was in /run.
func powerCut(t *testing.T, d *lab.Device, nextBoot string) {
	t.Helper()
	d.PowerCut()
	entries, err := filepath.Glob(filepath.Join(d.RunDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(e); err != nil {
			t.Fatal(err)
		}
	}
	bootID(t, d, nextBoot)
}

// TestPowerCutPoints cuts the power at the same points: no step that the
// journal knows to have ended runs again; the one that was interrupted does,
// with the next attempt; the job ends as it should.
func TestPowerCutPoints(t *testing.T) {
	s := stories[0]
	total := points(t, s)
	for at := 1; at <= total; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			d, _ := crashDevice(t, l, at)
			bootID(t, d, "boot-one")
			marks := d.Path("marks")
			id := l.CreateJob(s.document(marks))
			d.Start()
			lab.Eventually(t, "the agent dies or is done", func() bool { return !d.Running() || l.FinalCount(id, d) > 0 })
			powerCut(t, d, "boot-two")
			d.Env = nil
			d.Start()
			got := l.WaitFinal(id, d)
			if got.Status != service.Succeeded || l.FinalCount(id, d) != 1 {
				t.Errorf("%s %q, %d final statuses", got.Status, got.Details, l.FinalCount(id, d))
			}
			checkMarks(t, read(t, marks))
		})
	}
}

// oneCut is what may have run with one power cut in between: each step in its
// turn, one of them at most a second time, as attempt 2. An attempt that the
// journal had begun and that the cut was faster than leaves no mark.
var oneCut = regexp.MustCompile(`^(1 1\n(1 2\n)?|1 2\n)(2 1\n(2 2\n)?|2 2\n)(3 1\n(3 2\n)?|3 2\n)$`)

func checkMarks(t *testing.T, ran string) {
	t.Helper()
	if !oneCut.MatchString(ran) || strings.Count(ran, " 2\n") > 1 {
		t.Errorf("ran %q; want each step once, and at most one of them again", ran)
	}
}
