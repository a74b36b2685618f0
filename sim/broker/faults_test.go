package broker

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// payloads are the next n messages to a client, acknowledged.
func (c *client) payloads(n int) string {
	c.t.Helper()
	got := ""
	for range n {
		got += string(c.receive().Payload)
	}
	return got
}

func TestMessageFaultsToDevice(t *testing.T) {
	topic := jobs("me", "notify-next")
	tests := []struct {
		name string
		rule Rule
		want string // of the messages 1 to 4
	}{
		{"lose", Rule{Action: Lose, Times: 2}, "34"},
		{"lose the second", Rule{Action: Lose, Skip: 1, Times: 1}, "134"},
		{"duplicate", Rule{Action: Duplicate, Times: 1}, "11234"},
		{"hold", Rule{Action: Hold, Times: 1}, "2134"},
		{"hold two", Rule{Action: Hold, Times: 2}, "2143"},
		{"another topic", Rule{Action: Lose, Topic: jobs("me", "start-next/accepted")}, "1234"},
		{"another client", Rule{Action: Lose, Client: "you"}, "1234"},
		{"the other direction", Rule{Action: Lose, Direction: FromDevice}, "1234"},
		{"by filter", Rule{Action: Lose, Topic: "$aws/things/+/jobs/notify-next", Times: 3}, "4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			c := b.connect("me")
			c.subscribed(topic)
			rule := b.Faults().Add(tt.rule)
			for _, s := range []string{"1", "2", "3", "4"} {
				b.Publish(topic, []byte(s))
			}
			if got := c.payloads(len(tt.want)); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
			c.ping()
			if tt.rule.Times > 0 && rule.Hits() != tt.rule.Times {
				t.Errorf("%d hits; want %d", rule.Hits(), tt.rule.Times)
			}
		})
	}
}

func TestDelayAndHeldEnds(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	b.Faults().Add(Rule{Action: Delay, Delay: 50 * time.Millisecond, Times: 1})
	b.Publish(topic, []byte("late"))
	b.Publish(topic, []byte("early "))
	if got := c.payloads(2); got != "early late" {
		t.Errorf("got %q; want the second to overtake the first", got)
	}
	b.Faults().Add(Rule{Action: Hold, Delay: time.Millisecond, Times: 1})
	b.Publish(topic, []byte("a"))
	if got := c.payloads(1); got != "a" { // nothing else comes, but its time does
		t.Errorf("got %q; want a", got)
	}
	b.Faults().Add(Rule{Action: Hold, Times: 1})
	b.Publish(topic, []byte("b"))
	c.ping()
	b.Faults().Clear()
	if got := c.payloads(1); got != "b" {
		t.Errorf("got %q; want b", got)
	}
}

// recorder is a service that notes what it is asked.
type recorder struct {
	mu  sync.Mutex
	got string
}

func (r *recorder) serve(topic string, payload []byte, answer func(string, []byte)) bool {
	r.mu.Lock()
	r.got += string(payload)
	r.mu.Unlock()
	return acceptAll(topic, payload, answer)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func TestMessageFaultsFromDevice(t *testing.T) {
	topic := jobs("me", "job-1/update")
	tests := []struct {
		name   string
		action Action
		acks   int
		want   string // what the service was asked by 1, 2, 3
	}{
		{"lose", Lose, 3, "23"},
		{"unacknowledged", Unacknowledged, 2, "23"},
		{"duplicate", Duplicate, 3, "1123"},
		{"hold", Hold, 3, "213"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{}
			b := newBench(t, func(o *Options) { o.Serve = r.serve })
			b.Faults().Unsolicited(false)
			c := b.connect("me")
			b.Faults().Add(Rule{Action: tt.action, Direction: FromDevice, Times: 1})
			for _, s := range []string{"1", "2", "3"} {
				c.publish(topic, s)
			}
			for range tt.acks {
				read[*packets.PubackPacket](c)
			}
			c.ping()
			if got := r.text(); got != tt.want {
				t.Errorf("the service was asked %q; want %q", got, tt.want)
			}
		})
	}
}

// The two sides of a connection that ends around a message: before it, it had
// no effect; after it, it had, but nobody was told.
func TestCutFromDevice(t *testing.T) {
	for action, want := range map[Action]string{Cut: "", CutAfter: "1"} {
		r := &recorder{}
		b := newBench(t, func(o *Options) { o.Serve = r.serve })
		b.Faults().Add(Rule{Action: action, Direction: FromDevice, Times: 1})
		c := b.connect("me")
		c.subscribed(jobs("me", "+/update/accepted"))
		c.publish(jobs("me", "job-1/update"), "1")
		c.gone()
		b.await(Disconnected, "me")
		if got := r.text(); got != want {
			t.Errorf("action %d: the service was asked %q; want %q", action, got, want)
		}
		c = b.connect("me")
		if action == CutAfter {
			if got := c.payloads(1); got != "1" { // the answer has waited
				t.Errorf("answer %q; want 1", got)
			}
		}
		c.ping()
	}
}

func TestCutToDevice(t *testing.T) {
	topic := jobs("me", "notify-next")
	for _, action := range []Action{Cut, CutAfter} {
		b := newBench(t)
		c := b.connect("me")
		c.subscribed(topic)
		b.Faults().Add(Rule{Action: action, Times: 1})
		b.Publish(topic, []byte("x"))
		if action == CutAfter {
			read[*packets.PublishPacket](c)
		}
		c.gone()
		if m := b.connect("me").receive(); string(m.Payload) != "x" || m.Dup != (action == CutAfter) {
			t.Errorf("action %d: redelivery %v", action, m)
		}
	}
}

func TestDropAndRefuse(t *testing.T) {
	b := newBench(t)
	me, you := b.connect("me"), b.connect("you")
	if n := b.Faults().Drop("me"); n != 1 {
		t.Errorf("Drop = %d; want 1", n)
	}
	me.gone()
	you.ping()
	b.Faults().Refuse(true)
	you.ping()
	if conn, err := tls.Dial("tcp", b.Addr().String(), b.clientTLS("me")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("dial: %v, %v; want a reset connection", conn, err)
	}
	b.Restart(true)
	you.gone()
	if _, err := tls.Dial("tcp", b.Addr().String(), b.clientTLS("me")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a restart has ended the refusal: %v", err)
	}
	b.Faults().Refuse(false)
	b.connect("me").ping()
}

func TestStalls(t *testing.T) {
	b := newBench(t)
	silent := func(conn net.Conn) {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(make([]byte, 1))
		var timeout net.Error
		if n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read %d, %v; want silence", n, err)
		}
	}
	b.Faults().Stall(StallTCP, true)
	raw, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	silent(raw)
	b.Faults().Stall(StallTCP, false)

	b.Faults().Stall(StallTLS, true)
	c := b.dial("me")
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier = "MQTT", 4, "me"
	c.send(p)
	silent(c)
	b.Faults().Stall(StallTLS, false)

	c = b.connect("me")
	b.Faults().Stall(StallMQTT, true)
	c.send(packets.NewControlPacket(packets.Pingreq))
	time.AfterFunc(50*time.Millisecond, func() { b.Faults().Stall(StallMQTT, false) })
	read[*packets.PingrespPacket](c) // comes when the stall ends
}

func TestCloseWhileStalled(t *testing.T) {
	b := newBench(t)
	c := b.connect("me")
	for _, stage := range []Stage{StallTCP, StallTLS, StallMQTT} {
		b.Faults().Stall(stage, true)
	}
	c.send(packets.NewControlPacket(packets.Pingreq))
	held, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
