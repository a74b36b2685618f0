package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"syscall"
	"time"

	"jobbox/internal/logging"
)

// How often Ready tries, and how long it waits in between: a runner may end, or
// another agent's may begin, between one look and the next.
const (
	readyTries = 5
	readyPause = 100 * time.Millisecond
)

// Ready makes sure that a runner serves, starting one if none does, and says
// which. That runner waits for a step for two minutes at least.
func (c *Client) Ready(ctx context.Context) (Identity, error) {
	l, err := c.connect(ctx)
	if err != nil {
		return Identity{}, err
	}
	c.hold(l)
	return l.hello.runner, nil
}

// connect returns a connection to a runner that serves, started if need be.
func (c *Client) connect(ctx context.Context) (*link, error) {
	o := c.options()
	var failure error
	for try := range readyTries {
		l, err := dial(ctx, o)
		if err == nil && !replace(ctx, l, o) {
			return l, nil
		}
		if err == nil {
			l.Close()
			err = errNoRunner
		}
		if failure = err; errors.Is(err, errNoRunner) {
			failure = startRunner(ctx, o)
		}
		if failure != nil && try < readyTries-1 {
			pause(ctx, readyPause<<try)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if failure == nil {
		failure = errors.New("it ends as soon as it is started")
	}
	return nil, fmt.Errorf("start the runner: %w", failure)
}

// replace says that an idle runner with other settings than ours has made room
// for a new one. One that does not understand the question stays.
func replace(ctx context.Context, l *link, o Options) bool {
	if l.hello.steps > 0 || l.hello.config == runnerConfig(o) {
		return false
	}
	e, err := l.ask(ctx, request{op: "retire"})
	return err != nil || e.name == "ok"
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// startTime bounds the time that a runner takes until it serves.
const startTime = time.Minute

// startRunner starts a runner and waits until it serves, or another does.
func startRunner(ctx context.Context, o Options) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := runnerCommand(o, w)
	keepInherited()
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	go cmd.Wait() // so that it doesn't stay a zombie while we live
	r.SetReadDeadline(time.Now().Add(startTime))
	stop := context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Now()) })
	defer stop()
	return readStart(bufio.NewReader(r))
}

// runnerCommand is a runner to be: in a session of its own, so that what is
// done to the agent's is not done to it, and with nothing of the agent's.
func runnerCommand(o Options, answer *os.File) *osexec.Cmd {
	exe := exeOf(o)
	return &osexec.Cmd{
		Path:        exe[0],
		Args:        append(append([]string{RunnerName}, exe[1:]...), runnerConfig(o)),
		Env:         runnerEnviron(),
		Dir:         "/",
		Stdout:      answer,
		Stderr:      answer,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
}

// readStart reads a new runner's one message. Anything else is what a program
// says that isn't one, or that died: worth a line of its own.
func readStart(r *bufio.Reader) error {
	line, err := readLine(r, maxMessage)
	if err != nil {
		return fmt.Errorf("it ended, or said nothing for %v: %w", startTime, err)
	}
	e, err := parseEvent(line)
	switch {
	case err != nil:
		return fmt.Errorf("it said %q", line[:min(len(line), 200)])
	case e.name == "error":
		return errors.New(e.text)
	}
	return nil
}

// wantsLines says whether a step's lines would be written at all.
func wantsLines(log *logging.Logger, s Step) bool { return s.LogOutput && log.On(logging.Debug) }
