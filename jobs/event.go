package jobs

import (
	"jobbox/exec"
)

// eventKind is what can happen to the agent.
type eventKind uint8

const (
	connected    eventKind = iota // a session with the broker stands
	lost                          // it is gone
	notified                      // notify-next: execution is next in line, nil for none
	received                      // start-next's answer holds an execution
	noJob                         // start-next's answer holds none
	notAsked                      // start-next was refused
	accepted                      // our update was accepted
	refused                       // our update was refused
	ready                         // a runner serves (identity), or cannot be had (err)
	ended                         // the running step has ended (result)
	askDue                        // no answer to start-next, or time to ask again
	updateDue                     // no answer to the update, or time to send it again
	lookDue                       // the slow timer
	rebootDue                     // a reboot that was asked for should have happened
	rebootFailed                  // the reboot command failed (err)
	interrupted                   // SIGINT
	numEvents
)

// event is one of them, with what belongs to it.
type event struct {
	kind      eventKind
	token     string
	execution *Execution
	code      string
	message   string
	state     Status
	identity  exec.Identity
	result    exec.Result
	err       error
	boot      string // boot id now
	now       int64  // seconds since the epoch
}

// actionKind is what the machine has the loop do.
type actionKind uint8

const (
	save        actionKind = iota // the journal, before what follows
	askNext                       // publish start-next
	sendUpdate                    // publish an update: of the final status, or IN_PROGRESS to see whether the job is still ours
	waitAsk                       // arm the timer of askDue for an answer that does not come
	waitUpdate                    // the same for updateDue
	pauseAsk                      // arm the timer of askDue for a back-off; tries sets how long
	pauseUpdate                   // the same for updateDue
	makeReady                     // have a runner serve
	runStep                       // run the job's present step, or take it up
	endStep                       // end it
	forgetStep                    // its result is in the journal
	rebootNow                     // run the reboot command
	quit                          // leave
	logInfo                       // one line each
	logWarn
	logError
)

// action is one of them. The state that next returns beside it holds the rest.
type action struct {
	kind  actionKind
	step  string // forgetStep, endStep: the step's ID
	tries int    // waiting and pausing: how often it went wrong before
	text  string // log lines
}
