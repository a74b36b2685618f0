package proof

import (
	"os"
	"slices"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// A story is a job, how it must end whatever happens to the agent, and what the
// world does meanwhile.
type story struct {
	name     string
	document func(d *lab.Device, marks string) string
	outcome
	// points is how many there are at least: fewer, and the build has lost some.
	points int
	// happens, where set, is looked at all the time for what the world does
	// next; it returns true for a reboot of the machine.
	happens func(t *testing.T, r *run) (reboot bool)
	// unasked, where set, is the standard output when a power cut has come
	// before the step that asks for a reboot had ended: what it said is dropped,
	// and its next attempt asks for none.
	unasked string
}

// stories are what a journal is written for: steps, a failure, a refusal, a
// reboot, a cancel. A journal's write has 5 points, every other act 2.
var stories = []story{
	{
		name: "three steps", outcome: succeeded,
		document: func(_ *lab.Device, m string) string { return threeSteps(m) },
		points:   2 + (5 + 2) + 2*(5+2+2) + (5 + 2 + 2) + (5 + 2), // asked, begun, next and next, ended, delivered
	},
	{
		name: "the second fails", outcome: outcome{service.Failed, "out 1\nout 2\n", "1 1\n2 1\n"},
		document: func(_ *lab.Device, m string) string {
			return document(mark(m, "true"), mark(m, "exit 7"), mark(m, "true"))
		},
		points: 2 + (5 + 2) + (5 + 2 + 2) + (5 + 2 + 2) + (5 + 2),
	},
	{
		name: "rejected", outcome: outcome{service.Rejected, "", ""},
		document: func(_ *lab.Device, m string) string { return document(mark(m, "true"), `{"action":{}}`) },
		points:   2 + (5 + 2) + (5 + 2),
	},
	{
		name: "a reboot", outcome: outcome{service.Succeeded, "out 1\nout 2\nout 2\nout 3\n", "1 1\n2 1\n2 2\n3 1\n"},
		document: func(_ *lab.Device, m string) string {
			return document(mark(m, "true"), mark(m, "[ $JOBBOX_ATTEMPT -gt 1 ] || exit 194"), mark(m, "true"))
		},
		// As three steps; and the status 194, the command, asked again.
		points:  2 + (5 + 2) + 2*(5+2+2) + (5 + 2 + 2) + (5 + 2) + (5 + 2 + 2) + 2,
		happens: whenAsked,
		unasked: succeeded.stdout,
	},
	{
		name: "cancelled", outcome: outcome{service.Canceled, "", "1 1\n"},
		document: func(d *lab.Device, m string) string {
			return document(mark(m, "echo $$ > "+d.Path("pid")+"; sleep 600 & wait"), mark(m, "true"))
		},
		// Asked, begun; the question, the end, what is noted; and the next job.
		points:  2 + (5 + 2) + 2 + 2 + (5 + 2 + 2) + (5 + 2) + (5 + 2 + 2) + (5 + 2),
		happens: whenBegun,
	},
}

// whenAsked has the machine go down once the reboot command has been run, but
// not before the agent has died where it is to die.
func whenAsked(t *testing.T, r *run) bool {
	passed := r.passed(t)
	if r.rebooted || r.dies(passed) || !slices.Contains(passed, "reboot asked for") {
		return false
	}
	r.rebooted = true
	return true
}

// whenBegun cancels the job once its step runs.
func whenBegun(t *testing.T, r *run) bool {
	if _, err := os.Stat(r.d.Path("pid")); err != nil || r.cancelled {
		return false
	}
	r.cancelled = true
	must(t, r.l.Service.CancelJobExecution(r.id, r.d.Thing, service.CancelExecutionInput{Force: true}))
	return false
}
