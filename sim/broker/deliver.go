package broker

import (
	"bytes"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// OnPublish carries a client's message out before its PUBACK goes: so a
// message may have had its effect though the client never learns that it
// arrived. What is answered waits for the PUBACK (OnPublished).
func (h *hook) OnPublish(cl *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	c := cl.Net.Conn.(*conn)
	h.b.events.add(Event{Kind: Published, Client: cl.ID, Topic: p.TopicName, Payload: bytes.Clone(p.Payload),
		QoS: p.FixedHeader.Qos, Dup: p.FixedHeader.Dup, PacketID: p.PacketID})
	m := message{client: cl.ID, topic: p.TopicName, payload: bytes.Clone(p.Payload), qos: p.FixedHeader.Qos}
	carryOut := func() { h.b.carryOut(m, func(f func()) { f() }) }
	action, after := h.b.faults.onMessage(FromDevice, m.client, m.topic, carryOut)
	defer after()
	switch action {
	case Unacknowledged:
		return p, packets.ErrRejectPacket // heeded as: no answer, go on
	case Cut:
		c.end("fault: cut before " + p.TopicName)
		return p, packets.ErrRejectPacket
	case Lose, Delay, Hold:
		return p, packets.CodeSuccessIgnore
	case CutAfter:
		c.cutNext = true
	case Duplicate:
		h.b.carryOut(m, c.later)
	}
	h.b.carryOut(m, c.later)
	if c.cutNext {
		c.end("fault: cut after " + p.TopicName)
		return p, packets.ErrRejectPacket
	}
	return p, packets.CodeSuccessIgnore // routing is ours
}

// OnPublished sends the answers, after the PUBACK.
func (h *hook) OnPublished(cl *mqtt.Client, _ packets.Packet) {
	c := cl.Net.Conn.(*conn)
	answers := c.deferred
	c.deferred = nil
	for _, answer := range answers {
		answer()
	}
}

// later puts an answer off until the PUBACK has gone.
func (c *conn) later(answer func()) { c.deferred = append(c.deferred, answer) }

// message is one from a client.
type message struct {
	client, topic string
	payload       []byte
	qos           byte
}

// carryOut gives a message to the service, or routes it if it is an ordinary
// one. The first answers go through send; those that come after carryOut has
// returned go at once.
func (b *Broker) carryOut(m message, send func(func())) {
	if b.options.Serve != nil {
		var returned atomic.Bool
		answer := func(topic string, payload []byte) {
			deliver := func() { b.answer(m.client, topic, payload) }
			if returned.Load() {
				deliver()
				return
			}
			send(deliver)
		}
		served := b.options.Serve(m.topic, m.payload, answer)
		returned.Store(true)
		if served {
			return
		}
	}
	b.route(m.topic, m.payload, m.qos)
}

// answer sends to one client, as AWS does with the answers to Jobs requests:
// also without a subscription, and then to the present connection only.
func (b *Broker) answer(client, topic string, payload []byte) {
	b.spoil(client, topic, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s := b.sessions[client]
		if s == nil || !b.mayReceiveLocked(s, topic) {
			return
		}
		qos, subscribed := s.granted(topic)
		if !subscribed {
			if !s.online() || !b.faults.unsolicited() {
				return
			}
			qos = 1
		}
		s.push(&outgoing{Topic: topic, Payload: payload, QoS: qos, At: time.Now()})
	})
}

// Publish sends a message of QoS 1 to all who subscribe to it, as services of
// AWS do.
func (b *Broker) Publish(topic string, payload []byte) { b.route(topic, payload, 1) }

func (b *Broker) route(topic string, payload []byte, qos byte) {
	for _, client := range b.subscribers(topic) {
		b.spoil(client, topic, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			s := b.sessions[client]
			if s == nil || !b.mayReceiveLocked(s, topic) {
				return
			}
			if granted, ok := s.granted(topic); ok {
				s.push(&outgoing{Topic: topic, Payload: payload, QoS: min(qos, granted), At: time.Now()})
			}
		})
	}
}

func (b *Broker) subscribers(topic string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var clients []string
	for id, s := range b.sessions {
		if _, ok := s.granted(topic); ok {
			clients = append(clients, id)
		}
	}
	return clients
}

func (b *Broker) mayReceiveLocked(s *session, topic string) bool {
	return b.policy.Allows(Identity{Thing: s.thing, ClientID: s.id}, "iot:Receive", "topic/"+topic)
}

// spoil delivers a message to a client as the faults will have it.
func (b *Broker) spoil(client, topic string, deliver func()) {
	action, after := b.faults.onMessage(ToDevice, client, topic, deliver)
	defer after()
	switch action {
	case Lose, Unacknowledged, Delay, Hold:
		return
	case Duplicate:
		deliver() // with a packet id of its own
	case Cut:
		b.faults.Drop(client) // a persistent session keeps it
	}
	deliver()
}

// acknowledge takes a PUBACK.
func (b *Broker) acknowledge(c *conn, id uint16) {
	b.mu.Lock()
	m := c.session.ack(id)
	b.mu.Unlock()
	if m != nil {
		b.events.add(Event{Kind: Acknowledged, Client: c.client.ID, Topic: m.Topic, PacketID: id})
	}
}
