//go:build go1.25

package mqtt

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A broker that acknowledges nothing cannot hold more of us than its window, and
// is given up on.
func TestNoPuback(t *testing.T) {
	var published atomic.Int64
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.published = func(*packets.PublishPacket) bool { published.Add(1); return false }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		queued := 0
		for c.Publish("x", nil) == nil {
			queued++
			synctest.Wait() // the writer has done what it can
		}
		if n := published.Load(); n != maxUnacked || queued != maxUnacked+1+maxUnsent {
			t.Errorf("%d queued, %d sent; want %d sent and %d waiting", queued, n, maxUnacked, maxUnsent)
		}
		if err := c.Publish("x", nil); err != ErrBusy {
			t.Errorf("Publish = %v; want ErrBusy", err)
		}
		if e := later(t, c, Lost); !strings.Contains(e.Err.Error(), `no PUBACK in 1m0s for "x" and 49 more`) {
			t.Errorf("lost: %v", e.Err)
		}
		stop()
	})
}

// A broker that takes no bytes: Publish returns, the connection ends, stopping is quick.
func TestBrokerTakesNothing(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			if packet, err := packets.ReadPacket(p); err == nil {
				id := packet.Details().MessageID
				p.Write([]byte{0x90, 4, byte(id >> 8), byte(id), 1, 1})
			}
			time.Sleep(time.Hour)
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		began := time.Now()
		c.Publish("x", nil)
		if e := later(t, c, Lost); e.Err == nil || !strings.Contains(e.Err.Error(), "timeout") {
			t.Errorf("lost: %v", e.Err)
		}
		if d := time.Since(began); d != writeTimeout {
			t.Errorf("lost after %v; want %v", d, writeTimeout)
		}
		later(t, c, Connected)
		c.Publish("x", nil)
		synctest.Wait()
		stopsWithin(t, stop, 2*time.Second)
		time.Sleep(time.Hour)
	})
}
