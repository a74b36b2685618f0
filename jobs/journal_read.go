package jobs

import (
	"math"

	"jobbox/exec"
	"jobbox/internal/jsontext"
)

// reader takes fields from a journal and keeps the first thing that is wrong.
type reader struct{ err error }

func (r *reader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

// str is a string that may be absent.
func (r *reader) str(v jsontext.Value) string {
	s, err := optional(v)
	r.note(err)
	return s
}

// num is a number from min up that must be there.
func (r *reader) num(v jsontext.Value, min, max int64) int64 {
	n, err := v.Int()
	r.note(err)
	if err == nil && (n < min || n > max) {
		r.note(v.Errorf("want %d to %d, got %d", min, max, n))
	}
	return n
}

func (r *reader) id(v jsontext.Value) ID {
	id := ID{r.str(v.Get("jobId")), r.num(v.Get("executionNumber"), math.MinInt64, math.MaxInt64)}
	if !validJobID(id.Job) {
		r.note(v.Get("jobId").Errorf("not a job id"))
	}
	return id
}

func decodeState(data []byte) (State, error) {
	v, err := jsontext.Parse(data, maxJournal)
	if err != nil {
		return State{}, err
	}
	var r reader
	if version := r.num(v.Get("version"), 1, math.MaxInt64); version > 1 {
		r.note(v.Get("version").Errorf("written by a later jobbox (%d): not used", version))
	}
	s := State{recent: r.recent(v.Get("recent"))}
	if job := v.Get("job"); job.Exists() {
		s.job = r.job(job)
	}
	if r.err != nil {
		return State{}, r.err
	}
	return s, nil
}

func (r *reader) recent(v jsontext.Value) []Done {
	items, err := v.Array()
	r.note(err)
	if len(items) > maxRecent {
		items = items[len(items)-maxRecent:]
	}
	out := make([]Done, 0, len(items))
	for _, item := range items {
		delivered, err := item.Get("delivered").Bool()
		r.note(err)
		out = append(out, Done{
			ID: r.id(item), Status: Status(r.str(item.Get("status"))), Reason: r.str(item.Get("reason")),
			At: r.num(item.Get("at"), math.MinInt64, math.MaxInt64), Delivered: delivered,
		})
	}
	return out
}

func (r *reader) job(v jsontext.Value) *Job {
	j := &Job{ID: r.id(v)}
	if final := v.Get("final"); final.Exists() {
		j.final = r.final(final)
		return j
	}
	document := v.Get("document").Root()
	doc, err := parseDocument(document)
	r.note(err)
	if r.err != nil {
		return nil
	}
	j.doc, j.text = doc, document.JSON()
	j.step = int(r.num(v.Get("step"), 0, int64(len(doc.Steps)-1)))
	j.attempt = int(r.num(v.Get("attempt"), 1, math.MaxInt32))
	j.reboot, j.reboots = r.str(v.Get("reboot")), int(r.num(v.Get("reboots"), 0, math.MaxInt32))
	j.stdout, j.stderr = r.str(v.Get("stdout")), r.str(v.Get("stderr"))
	j.ignored, err = optionalTexts(v.Get("ignored"))
	r.note(err)
	if begun := v.Get("begun"); begun.Exists() {
		j.begun = r.identity(begun)
	}
	return j
}

func (r *reader) identity(v jsontext.Value) *exec.Identity {
	return &exec.Identity{
		PID:       int(r.num(v.Get("pid"), 1, math.MaxInt32)),
		StartTime: uint64(r.num(v.Get("startTime"), 0, math.MaxInt64)),
		BootID:    r.str(v.Get("bootId")),
	}
}

func (r *reader) final(v jsontext.Value) *Final {
	status := Status(r.str(v.Get("status")))
	switch status {
	case Succeeded, Failed, Rejected:
	default:
		r.note(v.Get("status").Errorf("want a final status, got %q", string(status)))
	}
	return &Final{
		Status:  status,
		Details: Details{r.str(v.Get("reason")), r.str(v.Get("stdout")), r.str(v.Get("stderr"))},
	}
}
