package exec

import (
	"fmt"
	"syscall"
	"time"
)

// Result is how a step ended. Exactly one Kind is true of it; the fields that
// belong to another kind are zero.
type Result struct {
	Code        int            // exit status, where it ended by itself
	Signal      syscall.Signal // the signal that ended it, sent by somebody else
	TimedOut    bool           // its time-out passed and its group was ended
	Ended       bool           // ended because End asked for it
	Failure     string         // why nothing could be started, one line, and what to do about it
	Interrupted bool           // it began, and the runner or the machine went down with it

	Held           bool          // a process left in the background kept its output open
	Stdout, Stderr string        // the last bytes, at most 4096 each; not cut inside a UTF-8 character
	StdoutBytes    int64         // all that was written, however much was kept
	StderrLines    int64         // a last line without its newline counts
	Timeout        time.Duration // the step's time-out, where TimedOut
	Duration       time.Duration
}

// Kind is the one thing that is true of a Result.
type Kind uint8

// The ways a step can end.
const (
	KindExited      Kind = iota // by itself: see Code
	KindSignalled               // by a signal: see Signal
	KindTimedOut                // its time-out passed
	KindEnded                   // End asked for it
	KindFailed                  // nothing was started: see Failure
	KindInterrupted             // nobody knows how it ended
)

// The names go over the wire and into result files; they never change.
var kindNames = [...]string{"exited", "signalled", "timed-out", "ended", "failed", "interrupted"}

// String is the kind's name in messages and result files.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Kind says which of the ways to end is this one.
func (r Result) Kind() Kind {
	switch {
	case r.Failure != "":
		return KindFailed
	case r.Interrupted:
		return KindInterrupted
	case r.TimedOut:
		return KindTimedOut
	case r.Ended:
		return KindEnded
	case r.Signal != 0:
		return KindSignalled
	}
	return KindExited
}

// OK says that the step was started and ended by itself, in time, with status 0.
func (r Result) OK() bool { return r.Kind() == KindExited && r.Code == 0 }

// Reason says in one line how the step ended, in the words of SPEC section 1.5.
func (r Result) Reason() string {
	switch r.Kind() {
	case KindFailed:
		return r.Failure
	case KindInterrupted:
		return "Interrupted: the device or the runner went down while it ran"
	case KindTimedOut:
		return "Timed out after " + r.Timeout.String()
	case KindEnded:
		return "Ended on request"
	case KindSignalled:
		return fmt.Sprintf("Killed by signal: %d", int(r.Signal))
	}
	return fmt.Sprintf("Exited with status: %d", r.Code)
}
