package jobs

import (
	"fmt"
	"strings"
	"time"

	"jobbox/exec"
)

// plan is the job's present step as exec runs it.
func (j *Job) plan(r Rules) exec.Step {
	s := j.doc.Steps[j.step]
	out := exec.Step{
		ID:        fmt.Sprintf("%s-%d-%d-%d", j.Job, j.Number, j.step+1, j.attempt),
		JobID:     j.Job,
		Number:    j.step + 1,
		Attempt:   j.attempt,
		User:      s.RunAsUser,
		Timeout:   time.Duration(r.StepTimeout) * time.Second,
		LogOutput: r.LogOutput,
	}
	if s.Handler == nil {
		out.Source, out.Program, out.Args = exec.Command, s.Command[0], s.Command[1:]
		return out
	}
	out.Source, out.Program, out.Dir = source(s.Handler.Dir, r.Policy), s.Handler.Name, s.Handler.Dir
	// The first argument is always the user: the C++ client's handlers count on it.
	out.Args = append([]string{s.RunAsUser}, s.Handler.Args...)
	return out
}

// source says where a handler is looked for. Without a path it may be any
// program in PATH, unless the device restricts paths.
func source(dir string, p Policy) exec.Source {
	switch {
	case dir == "default", dir == "" && !p.AnyPath:
		return exec.Default
	case dir == "":
		return exec.Search
	}
	return exec.Directory
}

// judge says whether a step succeeded, and in one line how it ended.
func (s Step) judge(r exec.Result) (ok bool, how string) {
	if r.OK() && s.AllowStdErr != noLimit && r.StderrLines > s.AllowStdErr {
		return false, fmt.Sprintf("%s, but wrote %d lines to standard error (allowStdErr: %d)", r.Reason(), r.StderrLines, s.AllowStdErr)
	}
	return r.OK(), r.Reason()
}

// title names a step in the log and in a reason: step 2 of 3 "install".
func (j *Job) title() string {
	return fmt.Sprintf("step %d of %d %q", j.step+1, len(j.doc.Steps), cut(j.doc.Steps[j.step].Name, 128))
}

// take adds a step's output to the job's.
func (j *Job) take(r exec.Result) {
	j.stdout = tail(j.stdout+output(r.Stdout), maxValue)
	j.stderr = tail(j.stderr+output(r.Stderr), maxValue)
}

// details are what is reported with a final status for the given reason.
func (j *Job) details(reason string) Details {
	d := Details{Reason: line(reason), Stderr: j.stderr}
	if j.doc.IncludeStdOut {
		d.Stdout = j.stdout
	}
	return d
}

// succeeded is the reason of a job whose steps all went well, or were forgiven.
func (j *Job) succeeded() string {
	reason := "Exited with status: 0"
	if len(j.ignored) > 0 {
		reason += "; ignored: " + strings.Join(j.ignored, "; ")
	}
	return reason
}
