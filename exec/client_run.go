package exec

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errAgain says that a runner could not be asked, and that it is worth another
// look at who serves.
var errAgain = errors.New("ask again")

// An errand is one call of Run: one step to be brought to its result.
type errand struct {
	c      *Client
	opts   Options
	step   Step
	runner *Identity // who may have begun the step; nil: nobody
	lines  lineSink
}

// Run runs step under the runner and returns how it ended. It may be called
// again for the same step ID, by a later agent too: a step that has ended is not
// run again, one that runs is waited for. begun is nil where the journal has
// never recorded the step as begun; else the runner that Ready named before.
//
// The end of ctx leaves the step running and is the only error: all that can
// happen to a step is in its Result.
func (c *Client) Run(ctx context.Context, step Step, begun *Identity) (Result, error) {
	if err := errors.Join(checkID(step.ID), step.check()); err != nil {
		return failed(err), nil
	}
	e := &errand{c: c, opts: c.options(), step: step, runner: begun}
	e.lines = logLines(e.opts.Log, step)
	e.step.LogOutput = wantsLines(e.opts.Log, step)
	for {
		r, err := e.once(ctx)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		pause(ctx, readyPause)
	}
}

// once takes the step as far as it can with who serves now.
func (e *errand) once(ctx context.Context) (Result, error) {
	if r, err := readResult(e.opts.RunDir, e.step.ID); err == nil {
		return r, nil
	}
	if e.runner == nil {
		return e.first(ctx)
	}
	if !e.runner.Alive() {
		return e.interrupted(ctx)
	}
	l, err := dial(ctx, e.opts)
	if err != nil {
		return e.elsewhere(ctx)
	}
	defer l.Close()
	if l.hello.runner != *e.runner {
		return e.elsewhere(ctx)
	}
	return e.ask(ctx, l)
}

// first is for a step that nobody has been asked to run.
func (e *errand) first(ctx context.Context) (Result, error) {
	l, err := e.c.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return failed(err), nil
	}
	defer l.Close()
	e.runner = &l.hello.runner
	return e.ask(ctx, l)
}

// ask asks the runner for the step and waits for its result.
func (e *errand) ask(ctx context.Context, l *link) (Result, error) {
	stop := context.AfterFunc(ctx, l.Close)
	defer stop()
	if err := l.send(request{op: "run", step: e.step}.encode()); err != nil {
		return Result{}, errAgain
	}
	e.c.drop() // this connection keeps it from now on
	for {
		ev, err := l.next()
		if err != nil {
			return Result{}, errAgain
		}
		if ev.id != "" && ev.id != e.step.ID {
			continue
		}
		switch ev.name {
		case "line":
			e.lines(ev.stream, ev.text, int(ev.dropped))
		case "result":
			return ev.result, nil
		case "busy":
			return Result{}, errAgain
		case "error":
			return failed(fmt.Errorf("the runner cannot run it: %s", ev.text)), nil
		}
	}
}

// How long a step's runner may be out of reach without a trace of the step
// before the step counts as interrupted, and how long an agent looks whether it
// is being shut down itself before it says so.
const (
	traceTime = 6 * time.Second // a runner whose directory has gone is back in 2 s
	lookTime  = time.Second
)

// elsewhere is for a runner that lives and does not serve: it has been retired
// and has nothing to do with us any more, or somebody has cleaned up its run
// directory and it will be back, or write its result there.
func (e *errand) elsewhere(ctx context.Context) (Result, error) {
	for waited := time.Duration(0); waited < traceTime; waited += readyPause {
		if ctx.Err() != nil || !e.runner.Alive() || begun(e.opts.RunDir, e.step.ID) {
			return Result{}, errAgain
		}
		if l, err := dial(ctx, e.opts); err == nil {
			l.Close()
			if l.hello.runner == *e.runner {
				return Result{}, errAgain
			}
		}
		pause(ctx, readyPause)
	}
	return e.interrupted(ctx)
}

// interrupted ends what is left of a step whose runner is gone. Its result may
// have been written at the last moment.
func (e *errand) interrupted(ctx context.Context) (Result, error) {
	m, err := readMarker(e.opts.RunDir, e.step.ID)
	if err != nil || m.runner != *e.runner {
		m = marker{runner: *e.runner}
	}
	m.step = e.step
	endLeftovers(m, e.opts.grace())
	if r, err := readResult(e.opts.RunDir, e.step.ID); err == nil {
		return r, nil
	}
	if e.runner.BootID == BootID() {
		// Where the machine goes down we are told so too, in a moment.
		pause(ctx, lookTime)
	}
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	return Result{Interrupted: true}, nil
}
