//go:build go1.25

package mqtt

import (
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A connection whose other end has gone is found out by the keep-alive.
func TestHalfOpen(t *testing.T) {
	var pings []time.Time
	serve := func(_ *Options, d *desk) {
		d.serve = func(n int, p *peer) {
			p.accept(0)
			p.pinged = func() bool {
				pings = append(pings, time.Now())
				return n > 0 || len(pings) < 3 // after that, nothing comes back
			}
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		began := time.Now()
		later(t, c, Connected)
		e := later(t, c, Lost)
		if e.Err == nil || !strings.Contains(e.Err.Error(), "no PINGRESP in 30s") {
			t.Errorf("lost: %v", e.Err)
		}
		// Two pings are answered, the third is not.
		if d := time.Since(began); d != 3*2*time.Minute+pingTimeout {
			t.Errorf("found out after %v", d)
		}
		later(t, c, Connected)
		time.Sleep(10 * time.Minute)
		stopsWithin(t, stop, time.Second)
		for i := 1; i < len(pings); i++ {
			if gap := pings[i].Sub(pings[i-1]); gap < time.Minute || gap > 3*time.Minute {
				t.Errorf("%v between two PINGREQ with a keep-alive of 2m", gap)
			}
		}
	})
}

// While there is traffic both ways, no PINGREQ is sent; while there is only
// one way's, there is.
func TestPingOnlyWhenIdle(t *testing.T) {
	pings := 0
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.pinged = func() bool { pings++; return true }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		for range 20 {
			time.Sleep(time.Minute)
			if err := c.Publish("x", nil); err != nil {
				t.Fatal(err)
			}
		}
		if pings != 0 {
			t.Errorf("%d PINGREQ in 20 minutes of traffic; want none", pings)
		}
		stop()
	})
}

func TestConnectPacket(t *testing.T) {
	var got *packets.ConnectPacket
	said := make(chan bool, 1)
	serve := func(o *Options, d *desk) {
		o.KeepAlive = 20 * time.Minute
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			got = p.connect
			said <- p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		stop()
		if !<-said {
			t.Error("no DISCONNECT at the end")
		}
		if got.Keepalive != 1200 || got.ClientIdentifier != "thing" || got.CleanSession || got.ProtocolVersion != 4 ||
			got.ProtocolName != "MQTT" || got.UsernameFlag || got.PasswordFlag || got.WillFlag {
			t.Errorf("CONNECT %v", got)
		}
	})
}
