package exec

import (
	"encoding/base64"
	"errors"
	"syscall"
	"time"

	"jobbox/internal/jsontext"
)

// protocol is the version of what client and runner say to each other. Either
// may be older than the other, since a runner outlives an upgrade: fields and
// operations are only ever added, what is not known is ignored, and what
// changes its meaning gets a new name. So nobody needs to decide on this number;
// it is there for who reads a file or a trace.
const protocol = 1

// maxMessage bounds one line: a job document is 32 KiB, each byte of which can
// take six in JSON.
const maxMessage = 512 << 10

// A request is what a client asks of the runner.
type request struct {
	op   string // hello, run, end, forget, retire
	id   string
	step Step
}

// An event is what the runner answers.
type event struct {
	name    string // hello, line, result, ok, unknown, busy, error
	id      string
	runner  Identity // hello
	config  string   // hello: what the runner was started with
	steps   int64    // hello: how many run now
	stream  string   // line
	text    string   // line, error
	dropped int64    // line
	result  Result   // result
}

func (q request) encode() []byte {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putText(&w, "op", q.op)
	if q.id != "" {
		putText(&w, "id", q.id)
	}
	if q.op == "run" {
		w.Key("step")
		q.step.encode(&w)
	}
	w.EndObject()
	return w.Bytes()
}

func (s Step) encode(w *jsontext.Writer) {
	w.BeginObject()
	putText(w, "id", s.ID)
	putText(w, "jobId", s.JobID)
	putInt(w, "number", int64(s.Number))
	putInt(w, "attempt", int64(s.Attempt))
	putText(w, "source", s.Source.String())
	putText(w, "program", s.Program)
	putText(w, "dir", s.Dir)
	w.Key("args")
	w.BeginArray()
	for _, arg := range s.Args {
		w.String(arg)
	}
	w.EndArray()
	putText(w, "user", s.User)
	putInt(w, "timeoutUs", (s.Timeout + time.Microsecond - 1).Microseconds()) // never 0 where there is one
	w.Key("logOutput")
	w.Bool(s.LogOutput)
	w.EndObject()
}

func parseRequest(line []byte) (request, error) {
	v, err := jsontext.Parse(line, maxMessage)
	if err != nil {
		return request{}, err
	}
	f := fields{v: v}
	q := request{op: f.text("op"), id: f.textOr("id")}
	if q.op == "run" {
		q.step, err = parseStep(v.Get("step"))
		q.id = q.step.ID
	}
	return q, errors.Join(f.err, err)
}

func parseStep(v jsontext.Value) (Step, error) {
	f := fields{v: v}
	s := Step{
		ID: f.text("id"), JobID: f.text("jobId"),
		Number: int(f.int("number")), Attempt: int(f.int("attempt")),
		Program: f.text("program"), Dir: f.textOr("dir"), Args: f.texts("args"), User: f.textOr("user"),
		Timeout: f.micros("timeoutUs"), LogOutput: f.boolOr("logOutput"),
	}
	source, err := parseSource(f.text("source"))
	s.Source = source
	return s, errors.Join(f.err, err)
}

func (e event) encode() []byte {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putText(&w, "event", e.name)
	if e.id != "" {
		putText(&w, "id", e.id)
	}
	switch e.name {
	case "hello":
		putIdentity(&w, e.runner)
		putText(&w, "config", e.config)
		putInt(&w, "steps", e.steps)
	case "line":
		putText(&w, "stream", e.stream)
		putText(&w, "text", e.text)
		putInt(&w, "dropped", e.dropped)
	case "error":
		putText(&w, "text", e.text)
	case "result":
		w.Key("result")
		e.result.encode(&w)
	}
	w.EndObject()
	return w.Bytes()
}

func parseEvent(line []byte) (event, error) {
	v, err := jsontext.Parse(line, maxMessage)
	if err != nil {
		return event{}, err
	}
	f := fields{v: v}
	e := event{name: f.text("event"), id: f.textOr("id")}
	switch e.name {
	case "hello":
		e.runner, e.config, e.steps = f.identity(), f.textOr("config"), f.intOr("steps")
	case "line":
		e.stream, e.text, e.dropped = f.text("stream"), f.text("text"), f.intOr("dropped")
	case "error":
		e.text = f.text("text")
	case "result":
		e.result, err = parseResult(v.Get("result"))
	}
	return e, errors.Join(f.err, err)
}

func (r Result) encode(w *jsontext.Writer) {
	w.BeginObject()
	putText(w, "kind", r.Kind().String())
	putInt(w, "code", int64(r.Code))
	putInt(w, "signal", int64(r.Signal))
	putText(w, "failure", r.Failure)
	w.Key("held")
	w.Bool(r.Held)
	// base64: output need not be UTF-8, and what it was must come through.
	putText(w, "stdout", base64.StdEncoding.EncodeToString([]byte(r.Stdout)))
	putText(w, "stderr", base64.StdEncoding.EncodeToString([]byte(r.Stderr)))
	putInt(w, "stdoutBytes", r.StdoutBytes)
	putInt(w, "stderrLines", r.StderrLines)
	putInt(w, "timeoutUs", r.Timeout.Microseconds())
	putInt(w, "durationUs", r.Duration.Microseconds())
	w.EndObject()
}

// parseResult takes nothing for granted: what is read wrong here would be
// reported as what a step did.
func parseResult(v jsontext.Value) (Result, error) {
	f := fields{v: v}
	r := Result{
		Held: f.boolOr("held"), Stdout: f.base64("stdout"), Stderr: f.base64("stderr"),
		StdoutBytes: f.intOr("stdoutBytes"), StderrLines: f.intOr("stderrLines"),
		Timeout: f.micros("timeoutUs"), Duration: f.micros("durationUs"),
	}
	code, signal, failure := f.intOr("code"), f.intOr("signal"), f.textOr("failure")
	kind := f.text("kind")
	switch kind {
	case KindExited.String():
		r.Code = int(code)
	case KindSignalled.String():
		r.Signal = syscall.Signal(signal)
	case KindTimedOut.String():
		r.TimedOut = true
	case KindEnded.String():
		r.Ended = true
	case KindFailed.String():
		r.Failure = failure
	case KindInterrupted.String():
		r.Interrupted = true
	}
	switch {
	case f.err != nil:
		return Result{}, f.err
	case r.Kind().String() != kind, code < 0 || code > 255, signal < 0 || signal > 127:
		return Result{}, v.Errorf("kind %q does not go with code %d, signal %d, failure %q", kind, code, signal, failure)
	}
	return r, nil
}
