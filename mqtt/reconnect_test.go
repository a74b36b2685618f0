//go:build go1.25

package mqtt

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"jobbox/internal/logging"
)

// Full jitter, 1 s to 128 s, never two attempts within a second; said once.
func TestReconnectionDelays(t *testing.T) {
	bubble(t, nil, func(t *testing.T, c *Client, d *desk) {
		refused := errors.New("no route to host")
		c.dial = func(context.Context, string, string) (net.Conn, error) {
			d.attempted()
			return nil, refused
		}
		stop := start(t, c)
		time.Sleep(24 * time.Hour)
		stopsWithin(t, stop, 0)
		dials := d.attempts()
		for i := 1; i < len(dials); i++ {
			gap, limit := dials[i].Sub(dials[i-1]), min(time.Second<<min(i-1, 7), lastDelay)
			if gap < connectSpacing || gap > max(limit, connectSpacing) {
				t.Errorf("attempt %d after %v; want 1s to %v", i, gap, limit)
			}
		}
		// 64 s on average, once the delays have grown.
		if n := len(d.attempts()); n < 1000 || n > 1800 {
			t.Errorf("%d attempts in a day", n)
		}
		if d.log.count(logging.Warn, "") != 1 {
			t.Error("the same failure is said more than once")
		}
	})
}

// The reason is said again when it changes, and delays start over once a
// connection has held.
func TestDelaysStartOver(t *testing.T) {
	long := 10 * time.Minute
	serve := func(o *Options, d *desk) {
		d.serve = func(n int, p *peer) {
			switch {
			case n == 8:
				p.accept(0)
				time.AfterFunc(long, func() { p.Close() })
				p.serve()
			case n < 8:
				p.accept(3)
			default:
				p.accept(5)
			}
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		later(t, c, Lost)
		lost := time.Now()
		for len(d.attempts()) < 12 {
			time.Sleep(time.Second)
		}
		stop()
		if gap := d.attempts()[9].Sub(lost); gap > firstDelay {
			t.Errorf("%v after a connection that held; want at most %v", gap, firstDelay)
		}
		for text, want := range map[string]int{"CONNACK code 3": 1, "connection lost": 1, "iot:Connect on client/thing": 1} {
			if got := d.log.count(logging.Warn, text); got != want {
				t.Errorf("%q is said %d times; want %d", text, got, want)
			}
		}
	})
}
