package jobs

import (
	"fmt"
	"os"
	"time"

	"jobbox/exec"
	"jobbox/internal/jsontext"
)

// CheckDocument says why a job document would be rejected, without regard to a
// device's policy; nil where it would be taken.
func CheckDocument(data []byte) error {
	v, err := jsontext.ParseEnvelope(data, MaxDocument)
	if err != nil {
		return err
	}
	_, err = parseDocument(v)
	return err
}

// Local runs a job document's steps here and now, with no cloud, no journal and
// no second attempt: what the agent would run, and what it would report. It
// calls run for each step and said after it.
func Local(data []byte, r Rules, run func(exec.Step) exec.Result, said func(line string)) (Status, Details) {
	v, err := jsontext.ParseEnvelope(data, MaxDocument)
	if err != nil {
		return Rejected, Details{Reason: line(err.Error())}
	}
	doc, err := parseDocument(v)
	if err == nil {
		err = r.Policy.check(doc, r.Self, r.BuiltIn)
	}
	if err != nil {
		return Rejected, Details{Reason: line(err.Error())}
	}
	// A name of its own, so that no file of another run is in the way.
	j := &Job{ID: ID{fmt.Sprintf("local-%d", os.Getpid()), time.Now().Unix()}, doc: doc, attempt: 1}
	for ; j.step < len(doc.Steps); j.step++ {
		result := run(j.plan(r))
		ok, how := doc.Steps[j.step].judge(result)
		said(j.title() + ": " + how)
		j.take(result)
		switch {
		case ok:
		case doc.Steps[j.step].IgnoreFailure:
			j.ignored = append(j.ignored, j.title()+": "+how)
		default:
			return Failed, j.details(fmt.Sprintf("%s (%s)", how, j.title()))
		}
	}
	return Succeeded, j.details(j.succeeded())
}

// Report is the journal as a person reads it.
type Report struct {
	Job    string // the job at work, "" for none
	Number int64
	Doing  string // where it stands
	Recent []Done
}

// ReadReport reads the journal of a state directory; it disturbs no agent.
func ReadReport(stateDir string) (Report, error) {
	s, err := newJournal(stateDir).load()
	if err != nil {
		return Report{}, err
	}
	r := Report{Recent: s.recent}
	if j := s.job; j != nil {
		r.Job, r.Number, r.Doing = j.Job, j.Number, j.doing()
	}
	return r, nil
}

func (j *Job) doing() string {
	switch {
	case j.final != nil:
		return fmt.Sprintf("%s is owed to the service: %s", j.final.Status, j.final.Details.Reason)
	case j.reboot != "":
		return j.title() + " waits for a reboot"
	case j.begun != nil:
		return fmt.Sprintf("%s, attempt %d, begun", j.title(), j.attempt)
	}
	return j.title() + " is next"
}
