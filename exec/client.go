package exec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Client is the agent's side: it finds or starts the runner and asks it to run
// steps. Its methods may be called at the same time.
type Client struct {
	mu    sync.Mutex
	opts  Options
	lease *link // keeps the runner that Ready has named from ending idle
	end   *time.Timer
}

// leaseTime is how long Ready keeps its runner waiting for a step: longer than
// the slowest disk takes to sync a journal.
const leaseTime = 2 * time.Minute

// NewClient returns a client; it starts nothing yet.
func NewClient(o Options) *Client { return &Client{opts: o} }

// SetOptions is for a configuration read again: a runner that was started with
// other settings is replaced before the next step, if it is idle then.
func (c *Client) SetOptions(o Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opts = o
}

func (c *Client) options() Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opts
}

// A link is a connection to a runner that has said who it is.
type link struct {
	*wire
	hello event
}

// errNoRunner says that nobody serves in the run directory.
var errNoRunner = errors.New("no runner serves")

// dial connects to the runner and asks who it is.
func dial(ctx context.Context, o Options) (*link, error) {
	dir, err := openOwnDir(o.RunDir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	c, err := new(net.Dialer).DialContext(ctx, "unix", socketPath(dir))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRunner, err)
	}
	w := newWire(c.(*net.UnixConn))
	hello, err := greet(ctx, w)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("%w: %w", errNoRunner, err)
	}
	return &link{w, hello}, nil
}

// greet asks the other end who it is; only root's or our own processes count.
func greet(ctx context.Context, w *wire) (event, error) {
	if err := peerAllowed(w.c); err != nil {
		return event{}, err
	}
	e, err := w.ask(ctx, request{op: "hello"})
	if err != nil {
		return event{}, err
	}
	if e.name != "hello" {
		return event{}, fmt.Errorf("answered hello with %q", e.name)
	}
	return e, nil
}

// ask sends a request and returns the next event that we know.
func (w *wire) ask(ctx context.Context, q request) (event, error) {
	stop := context.AfterFunc(ctx, w.Close)
	defer stop()
	if err := w.send(q.encode()); err != nil {
		return event{}, err
	}
	return w.next()
}

// next returns the next event that we know; a runner of another version may
// send others.
func (w *wire) next() (event, error) {
	for {
		line, err := w.receive()
		if err != nil {
			return event{}, err
		}
		e, err := parseEvent(line)
		if err != nil {
			return event{}, err
		}
		switch e.name {
		case "hello", "line", "result", "ok", "unknown", "busy", "error":
			return e, nil
		}
	}
}

// hold keeps l open for leaseTime, in place of what was held before.
func (c *Client) hold(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked()
	c.lease = l
	c.end = time.AfterFunc(leaseTime, c.drop)
}

// drop lets the runner go that Ready has named.
func (c *Client) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked()
}

func (c *Client) dropLocked() {
	if c.lease != nil {
		c.end.Stop()
		c.lease.Close()
		c.lease = nil
	}
}

// End asks for the end of a running step: SIGTERM to its process group, grace,
// SIGKILL. Run then returns with Ended, or with what truly happened first. A
// step that does not run any more is no error.
func (c *Client) End(ctx context.Context, id string) error {
	l, err := dial(ctx, c.options())
	if errors.Is(err, errNoRunner) {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("end step %q: %w", id, err)
	}
	defer l.Close()
	e, err := l.ask(ctx, request{op: "end", id: id})
	if err == nil && e.name == "error" {
		err = errors.New(e.text)
	}
	if err != nil {
		return fmt.Errorf("end step %q: %w", id, err)
	}
	return nil
}

// Close ends the runner, unless a step runs: for one who has no more to do for it.
func (c *Client) Close() {
	c.drop()
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	if l, err := dial(ctx, c.options()); err == nil {
		_, _ = l.ask(ctx, request{op: "retire"})
		l.Close()
	}
}

// forgetTime bounds how long Forget and Close talk to a runner.
const forgetTime = 5 * time.Second

// Forget removes what a step has left in the run directory: for when its result
// is in the journal.
func (c *Client) Forget(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	o := c.options()
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	if l, err := dial(ctx, o); err == nil {
		_, _ = l.ask(ctx, request{op: "forget", id: id})
		l.Close()
	}
	if err := removeFiles(o.RunDir, id); err != nil {
		return fmt.Errorf("forget step %q: %w", id, err)
	}
	return nil
}
