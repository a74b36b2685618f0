package broker

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func TestAnswersGoToThePublisher(t *testing.T) {
	b := newBench(t)
	b.SetPolicy(AllJobs())
	asking := b.connect("me")
	other := b.dial("me")
	other.hello(func(p *packets.ConnectPacket) { p.ClientIdentifier = "second" })
	for _, c := range []*client{asking, other} {
		c.subscribed(jobs("me", "start-next/accepted"))
	}
	id := asking.publish(jobs("me", "start-next"), "question")
	if ack := read[*packets.PubackPacket](asking); ack.MessageID != id {
		t.Errorf("PUBACK of %d; want %d", ack.MessageID, id)
	}
	if m := asking.receive(); m.TopicName != jobs("me", "start-next/accepted") || string(m.Payload) != "question" || m.Qos != 1 {
		t.Errorf("answer %v", m)
	}
	other.ping() // and nothing before it
}

// AWS answers a request also where nobody subscribes to the answer.
func TestUnsolicited(t *testing.T) {
	b := newBench(t)
	c := b.connect("me")
	ask := func() {
		c.publish(jobs("me", "start-next"), "{}")
		read[*packets.PubackPacket](c)
	}
	ask()
	c.receive()
	b.Faults().Unsolicited(false)
	ask()
	c.ping()
	b.Faults().Unsolicited(true)
	b.SetPolicy(Minimal().Deny("iot:Receive", "topic/*"))
	ask()
	c.ping()
}

// Messages of QoS 1 wait for a persistent session, in order, and come again
// until they are acknowledged.
func TestRedelivery(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	b.Publish(topic, []byte("1"))
	if m := read[*packets.PublishPacket](c); m.Dup {
		t.Error("the first delivery has DUP set")
	}
	c.disconnect() // without having acknowledged
	b.await(Disconnected, "me")
	b.Publish(topic, []byte("2"))
	b.Publish(topic, []byte("3"))

	c = b.dial("me")
	if _, present := c.hello(); !present {
		t.Fatal("no session present")
	}
	for i, want := range []struct {
		payload string
		dup     bool
	}{{"1", true}, {"2", false}, {"3", false}} {
		if m := c.receive(); string(m.Payload) != want.payload || m.Dup != want.dup {
			t.Errorf("message %d: %q, DUP %v; want %q, %v", i, m.Payload, m.Dup, want.payload, want.dup)
		}
	}
	c.ping() // the acknowledgements are in
	c.disconnect()

	c = b.connect("me")
	c.ping() // nothing comes a third time
}

func TestRenumber(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	b.Publish(topic, []byte("x"))
	first := read[*packets.PublishPacket](c)
	b.Faults().Renumber(true)
	b.Faults().Drop("me")
	again := b.connect("me").receive()
	if again.MessageID == first.MessageID || again.Dup || string(again.Payload) != "x" {
		t.Errorf("second delivery has id %d (first %d), DUP %v; want another id and no DUP", again.MessageID, first.MessageID, again.Dup)
	}
}

func TestCleanSession(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	c.disconnect()
	b.await(Disconnected, "me")
	b.Publish(topic, []byte("x"))
	c = b.dial("me")
	if _, present := c.hello(clean); present {
		t.Error("a clean session is present")
	}
	c.ping() // neither message nor subscription is left
	b.Publish(topic, []byte("x"))
	c.ping()
	c.disconnect()
	if len(b.Sessions()) != 0 {
		t.Error("a clean session is kept")
	}
}

func TestInFlightLimit(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.InFlight = 3 })
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	for i := range 5 {
		b.Publish(topic, []byte(fmt.Sprint(i)))
	}
	var got []*packets.PublishPacket
	for range 3 {
		got = append(got, read[*packets.PublishPacket](c))
	}
	c.ping() // the fourth waits
	c.ack(got[1])
	if m := read[*packets.PublishPacket](c); string(m.Payload) != "3" {
		t.Errorf("after one acknowledgement: %q; want 3", m.Payload)
	}
	c.ping()
}

func TestRetention(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.Retention = time.Nanosecond })
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	c.disconnect()
	b.await(Disconnected, "me")
	b.Publish(topic, []byte("x"))
	c = b.dial("me")
	if _, present := c.hello(); present {
		t.Error("a session is present after its time")
	}
	c.ping()
}

func TestUnsubscribe(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic, jobs("me", "start-next/accepted"))
	p := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
	p.MessageID, p.Topics = 99, []string{topic}
	c.send(p)
	read[*packets.UnsubackPacket](c)
	b.Publish(topic, []byte("x"))
	c.ping()
	if subs := b.Sessions()[0].Subscriptions; len(subs) != 1 {
		t.Errorf("subscriptions left: %v; want one", subs)
	}
}

// Ordinary topics, where a policy allows them, are routed at the lower QoS.
func TestOrdinaryTopics(t *testing.T) {
	policy := Minimal().Allow("iot:Publish", "topic/log").Allow("iot:Subscribe", "topicfilter/log").Allow("iot:Receive", "topic/log")
	b := newBench(t, func(o *Options) { o.Policy = policy })
	a, c := b.connect("a"), b.connect("c")
	c.subscribed("log")
	for _, qos := range []byte{0, 1} {
		a.publishAs("log", []byte("hi"), qos, false)
		if m := c.receive(); m.Qos != qos || string(m.Payload) != "hi" {
			t.Errorf("QoS %d arrives as %v", qos, m)
		}
	}
	read[*packets.PubackPacket](a)
}

func TestRestart(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("keep %v", keep), func(t *testing.T) {
			b := newBench(t)
			c := b.connect("me")
			c.subscribed(jobs("me", "notify-next"))
			b.Restart(keep)
			c.gone()
			c = b.dial("me")
			if _, present := c.hello(); present != keep {
				t.Errorf("session present: %v; want %v", present, keep)
			}
		})
	}
}

// Sessions survive from one broker to the next, through JSON.
func TestSessionsAreKept(t *testing.T) {
	b := newBench(t)
	topic := jobs("me", "notify-next")
	c := b.connect("me")
	c.subscribed(topic)
	b.Publish(topic, []byte("x"))
	read[*packets.PublishPacket](c) // never acknowledged
	b.Close()
	data, err := json.Marshal(b.Sessions())
	if err != nil {
		t.Fatal(err)
	}
	var sessions Sessions
	if err := json.Unmarshal(data, &sessions); err != nil {
		t.Fatal(err)
	}
	next := newBench(t, func(o *Options) { o.Sessions = sessions })
	c = next.dial("me")
	if _, present := c.hello(); !present {
		t.Error("no session present")
	}
	if m := c.receive(); !m.Dup || string(m.Payload) != "x" {
		t.Errorf("redelivery %v; want x with DUP", m)
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/b/c", false},
		{"a/b/c", "a/b", false},
		{"a/+/c", "a/b/c", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"+/b", "/b", true},
		{"a/#", "a/b/c", true},
		{"a/#", "a", true},
		{"a/#", "ab", false},
		{"#", "a/b", true},
		{"#", "$aws/x", false},
		{"+/x", "$aws/x", false},
		{"$aws/#", "$aws/x", true},
		{"$aws/things/+/jobs/+/update", "$aws/things/me/jobs/1/update", true},
		{"$aws/things/+/jobs/+/update", "$aws/things/me/jobs/1/update/accepted", false},
	}
	for _, tt := range tests {
		if got := matches(tt.filter, tt.topic); got != tt.want {
			t.Errorf("matches(%q, %q) = %v; want %v", tt.filter, tt.topic, got, tt.want)
		}
	}
}

func TestFreeID(t *testing.T) {
	s := &session{lastID: 65534, queue: []*outgoing{{ID: 65535}, {ID: 1}}}
	var got []uint16
	for range 3 {
		id := s.freeID()
		s.queue = append(s.queue, &outgoing{ID: id})
		got = append(got, id)
	}
	if want := []uint16{2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("ids %v; want %v: 0 is none, 65535 and 1 are taken", got, want)
	}
}
