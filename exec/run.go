package exec

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An execution is one run of one step, with what its owner wants to know of it.
type execution struct {
	step    Step
	opts    Options
	lines   lineSink      // lines of output, or nil
	started func(pid int) // called once the program runs
	leave   func(*stream) // takes over an output that is still held open; nil closes it

	out, err *stream
}

func failed(err error) Result { return Result{Failure: oneLine(err)} }

func (e *execution) run(ctx context.Context) Result {
	if err := e.step.check(); err != nil {
		return failed(err)
	}
	began := time.Now()
	p, l, err := e.start()
	if err != nil {
		return failed(err)
	}
	defer l.Close()
	if e.started != nil {
		e.started(p.pid)
	}
	r := e.wait(ctx, p)
	r.Duration = time.Since(began)
	return r
}

// start opens the streams, finds the program and starts it.
func (e *execution) start() (*process, *launch, error) {
	a, err := accountFor(e.step.User)
	if err != nil {
		return nil, nil, err
	}
	p, err := makePlan(e.step, a, e.opts)
	if err != nil {
		return nil, nil, err
	}
	defer p.Close()
	return e.startPlan(p, a)
}

func (e *execution) startPlan(p plan, a account) (proc *process, l *launch, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	var outw, errw int
	if e.out, outw, err = newStream("stdout", e.lines); err != nil {
		return nil, nil, err
	}
	defer unix.Close(outw)
	if e.err, errw, err = newStream("stderr", e.lines); err != nil {
		e.out.f.Close()
		return nil, nil, err
	}
	defer unix.Close(errw)
	proc, l, err = startFirst(e.step, p, a, e.opts, environ(e.step, a.User, e.opts), int(null.Fd()), outw, errw)
	if err != nil {
		e.out.f.Close()
		e.err.f.Close()
		return nil, nil, err
	}
	go e.out.drain()
	go e.err.drain()
	return proc, l, nil
}

// wait sees the process to its end, whichever comes first, and then its output.
func (e *execution) wait(ctx context.Context, p *process) Result {
	r := e.end(ctx, p)
	e.collect(&r)
	return r
}

// end waits for the process, or ends it. What is true of the process at the
// moment of asking wins: one that has just ended by itself was not ended by us.
func (e *execution) end(ctx context.Context, p *process) (r Result) {
	var timeout <-chan time.Time
	if e.step.Timeout > 0 {
		t := time.NewTimer(e.step.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-p.exited:
	case <-timeout:
		r.TimedOut = !p.hasExited()
	case <-ctx.Done():
		r.Ended = !p.hasExited()
	}
	if r.TimedOut || r.Ended {
		p.endGroup(e.opts.grace())
	}
	ws, err := p.reap()
	switch {
	case r.TimedOut:
		r.Timeout = e.step.Timeout
	case r.Ended:
	case err != nil: // somebody else has reaped our child: nobody knows
		r.Interrupted = true
	default:
		fromStatus(&r, ws)
	}
	return r
}

func fromStatus(r *Result, ws syscall.WaitStatus) {
	if ws.Signaled() {
		r.Signal = ws.Signal()
		return
	}
	r.Code = ws.ExitStatus()
}

// collect waits for the rest of the output, not for those who hold it open.
func (e *execution) collect(r *Result) {
	end := time.Now().Add(drainTime)
	for _, s := range []*stream{e.out, e.err} {
		s.endBy(end)
	}
	for _, s := range []*stream{e.out, e.err} {
		<-s.done
		r.Held = r.Held || s.held
		if s.held && e.leave != nil {
			e.leave(s)
		} else {
			s.f.Close()
		}
	}
	r.Stdout, r.Stderr = e.out.tail.String(), e.err.tail.String()
	r.StdoutBytes, r.StderrLines = e.out.tail.total, e.err.tail.Lines()
}
