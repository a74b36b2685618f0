package jobs

import (
	"fmt"
	"strconv"
)

// A phase is where the agent stands with its one job.
//
//	idle <── none, refused ── asking <───────────────── delivered, or never taken ──┐
//	  └── connected, notified, ─^ │                                                 │
//	      timer                   │ received                                        │
//	                              ├──────── bad document ──────────────────> reporting
//	                              v                                              ^
//	       ┌─ attempts left ── readying <── still ours ── holding                │
//	       │                      │ runner serves            ^                   │
//	  interrupted                 v                          │ between steps,    │
//	       └─────────────────  running ── step succeeded ────┤ a cancel in doubt │
//	                            │ │ ^                        │                   │
//	                   exit 194 │ │ └──────── next step ─────┘                   │
//	                            │ └────────── last step, or a failure ───────────┤
//	                            v                                                │
//	                        rebooting ── new boot: readying; no reboot: ─────────┘
//
// From readying, running, holding and rebooting, a cancel in the cloud leads to
// asking, by way of ending while a step runs. Cancelled means: notify-next or
// start-next named another execution, and an update for ours was refused. A
// phase that runs something keeps on with it whether the network is there or not.
type phase uint8

const (
	idle      phase = iota // nothing to do
	asking                 // start-next is out
	readying               // a runner is being started for the job's next step
	running                // the runner has the step
	holding                // between steps, until the service says that the job is still ours
	ending                 // cancelled: the step is being ended
	rebooting              // the step asked for a reboot
	reporting              // the final status is owed
	numPhases
)

// machine is one call of next: the state being changed and what is to be done.
type machine struct {
	State
	rules   Rules
	event   event
	actions []action
}

// table is the whole machine. A pair that is missing is a late or doubled
// event, or one that does not matter there: the state stays as it is.
var table = [numPhases][numEvents]func(*machine){
	idle: {
		connected: (*machine).askNow, notified: (*machine).askIfQueued, askDue: (*machine).askAfterPause, lookDue: (*machine).askNow,
		interrupted: (*machine).leave,
	},
	asking: {
		connected: (*machine).askNow, lost: (*machine).rest, notified: (*machine).askAgainLater,
		received: (*machine).begin, noJob: (*machine).none, notAsked: (*machine).askRefused, askDue: (*machine).askOnceMore,
		interrupted: (*machine).leave,
	},
	readying: {
		connected: (*machine).check, notified: (*machine).suspect, received: (*machine).suspect, noJob: (*machine).suspect,
		notAsked: (*machine).checkRefused, askDue: (*machine).askOnceMore, lookDue: (*machine).check,
		accepted: (*machine).stillOurs, refused: (*machine).perhapsCancelled, updateDue: (*machine).questionDue,
		ready: (*machine).run, interrupted: (*machine).leaveWithJob,
	},
	running: {
		connected: (*machine).check, notified: (*machine).suspect, received: (*machine).suspect, noJob: (*machine).suspect,
		notAsked: (*machine).checkRefused, askDue: (*machine).askOnceMore, lookDue: (*machine).check,
		accepted: (*machine).stillOurs, refused: (*machine).perhapsCancelled, updateDue: (*machine).questionDue,
		ended: (*machine).stepEnded, interrupted: (*machine).endForQuit,
	},
	holding: {
		connected: (*machine).check, lost: (*machine).release, notified: (*machine).suspect, received: (*machine).suspect, noJob: (*machine).suspect,
		notAsked: (*machine).checkRefused, askDue: (*machine).askOnceMore, lookDue: (*machine).check,
		accepted: (*machine).stillOurs, refused: (*machine).perhapsCancelled, updateDue: (*machine).questionDue,
		interrupted: (*machine).leaveWithJob,
	},
	ending: {
		ended: (*machine).cancelled, interrupted: (*machine).leaveAfter,
	},
	rebooting: {
		connected: (*machine).check, notified: (*machine).suspect, received: (*machine).suspect, noJob: (*machine).suspect,
		notAsked: (*machine).checkRefused, askDue: (*machine).askOnceMore, lookDue: (*machine).check,
		accepted: (*machine).stillOurs, refused: (*machine).perhapsCancelled, updateDue: (*machine).questionDue,
		rebootDue: (*machine).rebootAgain, rebootFailed: (*machine).noReboot, interrupted: (*machine).leaveWithJob,
	},
	reporting: {
		connected: (*machine).report, updateDue: (*machine).reportOnceMore,
		accepted: (*machine).delivered, refused: (*machine).reportRefused,
		interrupted: (*machine).leaveSoon,
	},
}

// next is the whole decision: what becomes of the state at an event, and what
// is to be done, in order. It changes nothing that s refers to.
func next(s State, e event, r Rules) (State, []action) {
	m := &machine{State: s, rules: r, event: e}
	if s.job != nil {
		job := *s.job
		m.job = &job
	}
	switch e.kind {
	case connected:
		m.connected = true
	case lost:
		// Answers to what was sent may still come from the persistent session:
		// they are no longer waited for.
		m.connected, m.ask, m.update = false, request{}, request{}
	}
	if m.expected() {
		if act := table[m.phase][e.kind]; act != nil {
			act(m)
		}
	}
	return m.State, m.actions
}

// expected drops answers that nothing waits for, and settles the request that
// an answer is to.
func (m *machine) expected() bool {
	switch m.event.kind {
	case received, noJob, notAsked:
		return m.ask.pending() && m.event.token == m.ask.token
	case accepted, refused:
		return m.update.pending() && m.event.token == m.update.token
	}
	return true
}

func (m *machine) do(kind actionKind) { m.actions = append(m.actions, action{kind: kind}) }

func (m *machine) doStep(kind actionKind, step string) {
	m.actions = append(m.actions, action{kind: kind, step: step})
}

func (m *machine) wait(kind actionKind, tries int) {
	m.actions = append(m.actions, action{kind: kind, tries: tries})
}

// pause waits before a request that was refused for now is sent again.
func (m *machine) pause(kind actionKind, r *request) {
	r.tries++
	m.wait(kind, r.tries)
}

// log writes about the job.
func (m *machine) log(kind actionKind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if m.job != nil {
		text = "job " + m.job.Job + ": " + text
	}
	m.actions = append(m.actions, action{kind: kind, text: text})
}

// token names a new request: [a-zA-Z0-9_-]{1,64}.
func (m *machine) token() string {
	m.seq++
	return m.session + "-" + strconv.FormatUint(m.seq, 10)
}
