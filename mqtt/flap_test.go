//go:build go1.25

package mqtt

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/internal/logging"
)

// The broker ends sessions as they begin: suspect another client with our id,
// slow down, and do not fill the log.
func TestFlapping(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			time.AfterFunc(5*time.Second, func() { p.Close() })
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		for range 30 {
			later(t, c, Connected)
			later(t, c, Lost)
		}
		stop()
		if d.log.count(logging.Warn, `is there another client with the id "thing"?`) != 1 {
			t.Error("the log does not suspect another client once")
		}
		if n := d.log.count(logging.Warn, "") + d.log.count(logging.Info, ""); n > 10 {
			t.Errorf("%d lines in the log", n)
		}
		if dials := d.attempts(); dials[len(dials)-1].Sub(dials[0]) < 10*time.Minute {
			t.Errorf("30 sessions within 10m")
		}
	})
}

// AWS IoT closes the connection over a PUBLISH that the policy forbids.
func TestDropOnPublish(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.published = func(*packets.PublishPacket) bool { p.Close(); return false }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		c.Publish("a/start-next", nil)
		if e := later(t, c, Lost); !strings.Contains(e.Err.Error(), "iot:Publish on topic/a/start-next") {
			t.Errorf("lost: %v", e.Err)
		}
		stop()
	})
}

// A reload interrupts whatever is going on: a session, a wait, an attempt.
func TestReloadAtAnyTime(t *testing.T) {
	bubble(t, nil, func(t *testing.T, c *Client, d *desk) {
		d.raw = func(n int, conn net.Conn) {
			switch n {
			case 1:
				hang(conn) // a stalled attempt
			case 2, 3, 4, 5, 6, 7, 8: // refused, until the wait is long
			default:
				d.overTLS(n, conn)
			}
		}
		stop := start(t, c)
		later(t, c, Connected)
		o := c.currentSetup().Options
		for i := range 3 {
			o.KeepAlive += time.Second
			if err := c.Reload(o); err != nil {
				t.Fatal(err)
			}
			switch i {
			case 0:
				if e := later(t, c, Lost); e.Err != errReload {
					t.Errorf("lost: %v", e.Err)
				}
				time.Sleep(10 * time.Second)
			case 1:
				for len(d.attempts()) < 9 {
					time.Sleep(time.Second)
				}
				synctest.Wait()
			case 2:
				began := time.Now()
				later(t, c, Connected)
				if d := time.Since(began); d > connectSpacing {
					t.Errorf("connected %v after the reload", d)
				}
			}
		}
		dials := d.attempts()
		for i := 1; i < len(dials); i++ {
			if gap := dials[i].Sub(dials[i-1]); gap < connectSpacing {
				t.Errorf("attempt %d after %v", i, gap)
			}
		}
		stop()
	})
}
