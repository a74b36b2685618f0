package mqtt

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"time"
)

// retryRefused is when refused subscriptions are asked for again, at least and
// at most: a policy may have been mended, and nobody tells us.
const (
	retryRefused    = 30 * time.Minute
	retryRefusedMax = 60 * time.Minute
)

// serve runs a connected session to its end: subscribe, announce, wait.
func (c *Client) serve(ctx context.Context, s *session) (time.Duration, error) {
	missing, err := c.subs.subscribe(ctx, s, s.setup.Subscriptions)
	if err != nil {
		if ctx.Err() != nil {
			s.disconnect()
		}
		return 0, err
	}
	c.sayConnected(s)
	begun := time.Now()
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		s.write()
	}()
	c.setSession(s)
	c.queue.connected()

	err = c.wait(ctx, s, missing)

	lasted := time.Since(begun)
	c.setSession(nil)
	if ctx.Err() == nil {
		err = c.explainLoss(s, err, lasted)
	}
	c.queue.lost(err)
	s.close()
	<-writing
	return max(lasted, 1), err
}

// wait returns why the session is over.
func (c *Client) wait(ctx context.Context, s *session, missing []string) error {
	retry := time.NewTimer(retryDelay())
	defer retry.Stop()
	for {
		if len(missing) == 0 {
			retry.Stop()
		}
		select {
		case <-ctx.Done():
			s.disconnect()
			return context.Cause(ctx)
		case <-s.guard.done:
			return s.ended()
		case err := <-s.lost:
			return s.reason(err)
		case <-retry.C:
			retry.Reset(retryDelay())
		}
		left, err := c.subs.retry(ctx, s, missing)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if len(left) < len(missing) {
			c.queue.sayMissed()
		}
		missing = left
	}
}

func retryDelay() time.Duration { return retryRefused + rand.N(retryRefusedMax-retryRefused) }

func (c *Client) sayConnected(s *session) {
	logf := s.setup.Log.Infof
	if c.flaps >= manyFlaps {
		logf = s.setup.Log.Debugf // every other second, by now
	}
	through := ""
	if s.setup.Proxy != nil {
		through = " through proxy " + s.setup.Proxy.String()
	}
	if s.resumed {
		through += ", session resumed"
	}
	logf("mqtt: connected to %s%s", s.setup.address(), through)
}

// closedByBroker says whether an error is the other side's doing, and not
// silence, a limit or a fault of the network on our side.
func closedByBroker(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
