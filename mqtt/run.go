package mqtt

import (
	"context"
	"errors"
	"time"
)

// Run connects, and connects again whenever the connection ends, until ctx is
// done. Then it sends DISCONNECT and returns ctx's error, within about two seconds.
func (c *Client) Run(ctx context.Context) error {
	pumping := make(chan struct{})
	go func() {
		defer close(pumping)
		c.queue.pump(ctx)
	}()
	var l loop
	for ctx.Err() == nil {
		began := time.Now()
		lasted, err := c.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := l.after(c, err, lasted, time.Since(began))
		if sleep(ctx, wait, c.reload) {
			l.reset(c)
			sleep(ctx, connectSpacing-time.Since(began), nil)
		}
	}
	<-pumping
	return ctx.Err()
}

// A loop is what Run remembers from one attempt to the next.
type loop struct {
	backoff backoff
	said    string // gist of the failure that is in the log
}

// reset makes the next failure a first one.
func (l *loop) reset(c *Client) {
	*l = loop{}
	c.subs = subscriptions{}
	c.flaps = 0
}

// after says how long to wait after an attempt that began `since` ago, and logs
// why there is no connection: the first time, and again when the reason changes.
func (l *loop) after(c *Client, err error, lasted, since time.Duration) time.Duration {
	s := c.currentSetup()
	if errors.Is(err, errReload) {
		l.reset(c)
		s.Log.Infof("mqtt: %v; connecting anew", err)
		return connectSpacing - since
	}
	if held(lasted, s.KeepAlive) {
		*l = loop{}
	}
	wait := l.backoff.next(since)
	logf := s.Log.Warnf
	if now := gist(err); now == l.said {
		logf = s.Log.Debugf
	} else {
		l.said = now
	}
	what := "cannot connect to " + s.address()
	if lasted > 0 {
		what = "connection lost"
	}
	logf("mqtt: %s: %v; again in %v", what, err, wait.Round(100*time.Millisecond))
	return wait
}

// attempt is one connection from its first packet to its end: how long the
// session lasted (0: it never came to be), and why it is over.
func (c *Client) attempt(parent context.Context) (lasted time.Duration, err error) {
	setup := c.currentSetup()
	ctx, cancel := context.WithCancelCause(parent)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-c.reload:
			cancel(errReload)
		case <-ctx.Done():
		}
	}()
	defer func() {
		cancel(err)
		<-watching
		if errors.Is(context.Cause(ctx), errReload) {
			err = errReload // also where the connection ended in the same moment
		}
	}()
	c.sayClock(&setup)
	s := newSession(&setup, c.queue)
	defer s.close()
	if err := s.connect(ctx, &dialer{&setup, c.dial, c.now}); err != nil {
		return 0, setup.explain(err, c.now())
	}
	return c.serve(ctx, s)
}
