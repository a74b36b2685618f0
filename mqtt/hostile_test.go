//go:build go1.25

package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A packet beyond the limit ends the connection before its body is read, and
// what paho cannot read ends it too, with a reason.
func TestBadPackets(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"256 MB", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, "268435455 bytes; the limit is 262144"},
		{"a topic longer than its packet", []byte{0x30, 4, 0xff, 0xff, 'a', 'b'}, "payload length < 0"},
		{"QoS 2", []byte{0x34, 5, 0, 1, 'a', 0, 1}, "protocol error"},
		{"SUBACK out of the blue", []byte{0x90, 3, 0, 1, 1}, "protocol error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			serve := func(_ *Options, d *desk) {
				d.serve = func(n int, p *peer) {
					p.accept(0)
					if n == 0 {
						time.AfterFunc(time.Second, func() { p.Write(tt.in) })
					}
					p.serve()
				}
			}
			bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				later(t, c, Connected)
				if e := later(t, c, Lost); e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) {
					t.Errorf("lost: %v; want %q", e.Err, tt.want)
				}
				later(t, c, Connected)
				stop()
			})
		})
	}
}

// Thousands of messages and nobody takes them: every one is acknowledged, the
// connection lives, and what was lost is told once.
func TestFloodWithASlowReader(t *testing.T) {
	const flood = 5000
	acked := make(chan int, 1)
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			go func() {
				time.Sleep(time.Second)
				for i := range flood {
					p.Write(publishBytes("a/b", fmt.Append(nil, i), uint16(i+1)))
				}
			}()
			n := 0
			for {
				packet, err := packets.ReadPacket(p)
				if err != nil {
					acked <- n
					return
				}
				switch m := packet.(type) {
				case *packets.SubscribePacket:
					p.Write([]byte{0x90, 4, byte(m.MessageID >> 8), byte(m.MessageID), 1, 1})
				case *packets.PubackPacket:
					n++
				case *packets.PingreqPacket:
					p.Write([]byte{typePingresp << 4, 0})
				}
			}
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		time.Sleep(time.Hour) // and PINGREQ goes on
		got := 0
		for e := range c.Events() {
			if e.Kind == Missed {
				break
			}
			if want := fmt.Sprint(got); e.Kind != Received || string(e.Message.Payload) != want {
				t.Fatalf("event %v %q; want message %s", e.Kind, e.Message, want)
			}
			got++
		}
		// One more may have waited in the pump's hand.
		if got < maxQueued || got > maxQueued+1 {
			t.Errorf("%d messages came through; want %d", got, maxQueued)
		}
		stop()
		if n := <-acked; n != flood {
			t.Errorf("%d of %d messages were acknowledged", n, flood)
		}
		if len(d.attempts()) != 1 {
			t.Errorf("%d connections; want 1", len(d.attempts()))
		}
	})
}
