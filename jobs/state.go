package jobs

import (
	"slices"

	"jobbox/exec"
	"jobbox/internal/jsontext"
)

// State is where the agent stands. What of it survives a restart is the
// journal's: job and recent.
type State struct {
	phase     phase
	connected bool
	quitting  bool // SIGINT: leave once the job has been ended and reported

	ask     request // start-next
	update  request // the update under way: a final status, or the question whether the job is still ours
	later   bool    // start-next is to be asked when a back-off is over
	drops   int     // what went wrong in a row with what start-next answered
	seq     uint64  // numbers the requests
	session string  // of this process, so that no request has the token of an earlier one

	job    *Job
	recent []Done // the last executions, newest last
}

// request is one that waits for its answer; without a token there is none.
type request struct {
	token string
	tries int
	stale bool // asking: something was queued since it was sent
}

func (r request) pending() bool { return r.token != "" }

// Job is the one execution that the agent works on.
type Job struct {
	ID
	doc  Document
	text []byte // the document as it came, for the journal

	step    int            // index into doc.Steps: running, or next
	attempt int            // 1, 2, ...
	begun   *exec.Identity // the runner that was asked to run the step, once it was
	reboot  string         // boot id under which the step asked for a reboot
	reboots int            // how often the reboot command has been run for it

	stdout, stderr string   // tails of all the steps so far, fit to be sent
	ignored        []string // failures that ignoreStepFailure took back

	final *Final
}

// Final is the status that an execution ends in, as it is owed to the service.
type Final struct {
	Status   Status
	Details  Details
	fallback fallback
}

// Done remembers a finished execution: what `jobbox status` shows, and what
// keeps an execution from being run twice.
type Done struct {
	ID
	Status    Status
	Reason    string
	At        int64 // seconds since the epoch, by the device's clock
	Delivered bool  // false where the service would not take it
}

// maxRecent is how many finished executions the journal remembers.
const maxRecent = 8

func (s *State) remember(d Done) {
	s.recent = append(s.recent, d)
	if n := len(s.recent) - maxRecent; n > 0 {
		s.recent = s.recent[n:]
	}
}

// finished finds an execution that has been run to its end.
func (s *State) finished(id ID) (Done, bool) {
	for _, d := range slices.Backward(s.recent) {
		if d.ID == id {
			return d, true
		}
	}
	return Done{}, false
}

// Rules is what the configuration and the device say about running jobs.
type Rules struct {
	Policy      Policy
	Self        string                 // the agent's own user
	BuiltIn     func(name string) bool // would a handler of that name be jobbox's own?
	StepTimeout int64                  // seconds, 0 for none
	MaxAttempts int
	LogOutput   bool
}

// read is the document of an execution, if this device may run it.
func (r Rules) read(e *Execution) (Document, jsontext.Value, error) {
	v, err := e.document()
	if err != nil {
		return Document{}, v, err
	}
	doc, err := parseDocument(v)
	if err != nil {
		return Document{}, v, err
	}
	return doc, v, r.Policy.check(doc, r.Self, r.BuiltIn)
}
