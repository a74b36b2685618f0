package proof

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// A run is a story told once, with an agent that dies at one point and is
// started again by this test, as an init does.
type run struct {
	story
	l     *lab.Lab
	d     *lab.Device
	at    int // the point; 0 for none
	id    string
	next  string // another job, behind it
	marks string
	log   string // the points that were passed

	deaths    int
	boots     int
	rebooted  bool
	cancelled bool
}

func newRun(t *testing.T, s story, at int) *run {
	l := lab.New(t)
	r := &run{story: s, l: l, d: l.Device("crash"), at: at}
	r.marks, r.log = r.d.Path("marks"), r.d.Path("points")
	r.d.Bin = lab.Build(t, "crashpoints")
	r.d.Env = []string{fmt.Sprintf("JOBBOX_CRASH_AT=%d", at), "JOBBOX_CRASH_LOG=" + r.log}
	r.d.Jobs()["reboot-command"] = []string{"sh", "-c", "echo reboot >> " + r.d.Path("reboot")}
	bootID(t, r.d, "boot-0")
	r.id = l.CreateJob(s.document(r.d, r.marks))
	r.next = l.CreateJob(command("true"))
	return r
}

// tell runs the agent until all is done, and starts it again when it dies; with
// cut, not before the power has been off.
func (r *run) tell(t *testing.T, cut bool) {
	t.Helper()
	r.d.Start()
	deadline := time.Now().Add(lab.Patience)
	for !r.done(t) {
		switch {
		case !r.d.Running():
			r.died(t, cut)
		case r.happens != nil && r.happens(t, r):
			r.reboot(t)
		}
		if time.Now().After(deadline) {
			t.Fatalf("not done in %v; points passed: %q", lab.Patience, r.passed(t))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// died starts the agent again.
func (r *run) died(t *testing.T, cut bool) {
	t.Helper()
	if r.deaths++; r.deaths > 1 || len(r.passed(t)) != r.at {
		t.Fatalf("the agent has died of something else: exit status %d", r.d.WaitExit())
	}
	if cut {
		r.reboot(t)
		return
	}
	r.d.Start()
}

// reboot takes the power away and gives it back.
func (r *run) reboot(t *testing.T) {
	t.Helper()
	r.boots++
	powerCut(t, r.d, fmt.Sprintf("boot-%d", r.boots))
	r.d.Start()
}

// passed are the points that have been passed.
func (r *run) passed(t *testing.T) []string {
	t.Helper()
	return strings.FieldsFunc(read(t, r.log), func(c rune) bool { return c == '\n' })
}

// last is the point that the agent is at, "" before the first.
func last(passed []string) string {
	if len(passed) == 0 {
		return ""
	}
	return passed[len(passed)-1]
}

// dies says that the agent is at its point, and may not be dead yet.
func (r *run) dies(passed []string) bool { return len(passed) == r.at && r.deaths == 0 }

// done says that the jobs have ended, the device knows that there are no more,
// and no act is under way; in particular not the one that is to kill it.
func (r *run) done(t *testing.T) bool {
	t.Helper()
	if r.l.FinalCount(r.id, r.d) == 0 || r.l.FinalCount(r.next, r.d) == 0 || !settled(t, r.l, r.d) {
		return false
	}
	passed := r.passed(t)
	return last(passed) == "published" && !r.dies(passed)
}

// check holds against the story what has come of it; ran says whether the
// steps that ran are right.
func (r *run) check(t *testing.T, ran func(got, undisturbed string) error) {
	t.Helper()
	want := r.outcome
	if r.unasked != "" && !r.rebooted && r.l.WaitFinal(r.id, r.d).Details["stdout"] == r.unasked {
		want.stdout = r.unasked
	}
	checkStatus(t, r.l, r.d, r.id, want)
	checkStatus(t, r.l, r.d, r.next, outcome{status: service.Succeeded})
	if err := ran(read(t, r.marks), r.outcome.marks); err != nil {
		t.Error(err)
	}
	checkNothingRuns(t, r.d)
	if passed := len(r.passed(t)); r.at > 0 && passed >= r.at && r.deaths == 0 {
		t.Errorf("%d points were passed, and the agent has not died at %d", passed, r.at)
	}
}

// once is right where nothing but agents has died.
func once(got, undisturbed string) error {
	if got != undisturbed {
		return fmt.Errorf("ran %q; want %q", got, undisturbed)
	}
	return nil
}

// points is how many points an undisturbed run of the story passes.
func points(t *testing.T, s story) int {
	t.Helper()
	r := newRun(t, s, 0)
	r.tell(t, false)
	r.check(t, once)
	total := len(r.passed(t))
	if total < s.points {
		t.Errorf("%s: %d points, want %d at least; the build has lost some: %q", s.name, total, s.points, r.passed(t))
	}
	return total
}

// everywhere tells each story as often as it has points, and has the agent die
// at another one each time. How often it died is counted: a run that does not
// come as far as its point shows nothing.
func everywhere(t *testing.T, cut bool, ran func(got, undisturbed string) error) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			total, deaths := points(t, s), atomic.Int64{}
			t.Run("at", func(t *testing.T) {
				for at := 1; at <= total; at++ {
					t.Run(fmt.Sprint(at), func(t *testing.T) {
						t.Parallel()
						r := newRun(t, s, at)
						r.tell(t, cut)
						r.check(t, ran)
						deaths.Add(int64(r.deaths))
					})
				}
			})
			t.Logf("%d points, %d deaths", total, deaths.Load())
			if deaths.Load() < int64(s.points) {
				t.Errorf("the agent died at %d points; want %d at least", deaths.Load(), s.points)
			}
		})
	}
}

// TestCrashPoints kills the agent at every act of writing its journal and at
// every act that the outside can see, before and after, one point a run: every
// step runs exactly once, and there is one final status, the right one.
func TestCrashPoints(t *testing.T) { everywhere(t, false, once) }

// TestPowerCutPoints takes runner and steps down with it, what is in the run
// directory, and the boot id: no step that the journal knows to have ended runs
// again; the one that was interrupted does, with the next attempt; the job ends
// as it should, with no output twice.
func TestPowerCutPoints(t *testing.T) { everywhere(t, true, onceOrInterrupted) }
