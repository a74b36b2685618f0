package broker

import (
	"slices"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// session is what a broker remembers of a client. All fields are guarded by
// Broker.mu.
type session struct {
	id    string
	thing string
	clean bool
	subs  map[string]byte // QoS by filter
	queue []*outgoing     // in order of arrival; QoS 1 stays until acknowledged
	left  time.Time       // when the client went away

	conn   *conn         // nil while away, and until CONNACK was sent
	wake   chan struct{} // signals the writer
	lastID uint16
}

// outgoing is one message to a client.
type outgoing struct {
	Topic   string
	Payload []byte
	QoS     byte
	ID      uint16    // 0 until sent
	Sent    bool      // at least once: a resend has DUP set
	At      time.Time // when it came

	onWire bool // on the present connection
}

func (s *session) online() bool { return s.conn != nil }

// granted is the highest QoS at which a topic is subscribed to.
func (s *session) granted(topic string) (qos byte, ok bool) {
	for filter, q := range s.subs {
		if matches(filter, topic) {
			qos, ok = max(qos, q), true
		}
	}
	return qos, ok
}

// push queues a message. One of QoS 0 for a client that is away is dropped.
func (s *session) push(m *outgoing) {
	if m.QoS == 0 && !s.online() {
		return
	}
	s.queue = append(s.queue, m)
	s.signal()
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next is the message to write now, with its packet id, or nil.
func (s *session) next(inFlight int) *outgoing {
	waiting := 0
	for i, m := range s.queue {
		switch {
		case m.onWire:
			waiting++
		case m.QoS == 0:
			s.queue = slices.Delete(s.queue, i, i+1)
			return m
		case waiting >= inFlight:
			return nil
		default:
			if m.ID == 0 {
				m.ID = s.freeID()
			}
			m.onWire = true
			return m
		}
	}
	return nil
}

// freeID is a packet id that no message of the session has.
func (s *session) freeID() uint16 {
	for {
		s.lastID++
		taken := slices.ContainsFunc(s.queue, func(m *outgoing) bool { return m.ID == s.lastID })
		if s.lastID != 0 && !taken {
			return s.lastID
		}
	}
}

// ack takes an acknowledged message off the queue.
func (s *session) ack(id uint16) *outgoing {
	i := slices.IndexFunc(s.queue, func(m *outgoing) bool { return m.ID == id && m.onWire })
	if i < 0 {
		return nil
	}
	m := s.queue[i]
	s.queue = slices.Delete(s.queue, i, i+1)
	s.signal()
	return m
}

// expire drops what has been kept for too long.
func (s *session) expire(now time.Time, retention time.Duration) {
	s.queue = slices.DeleteFunc(s.queue, func(m *outgoing) bool { return now.Sub(m.At) > retention })
}

// resume makes everything unsent again for a new connection.
func (s *session) resume(renumber bool) {
	s.queue = slices.DeleteFunc(s.queue, func(m *outgoing) bool { return m.QoS == 0 })
	for _, m := range s.queue {
		m.onWire = false
		if renumber {
			m.ID, m.Sent = 0, false
		}
	}
}

// claim gives a connecting client its session, kicks an older connection of
// the same client id, and says whether there was a session.
func (b *Broker) claim(c *conn, cl *mqtt.Client) {
	b.mu.Lock()
	c.client = cl
	old := b.sessions[cl.ID]
	var kicked *conn
	if old != nil {
		kicked = old.conn
		old.conn = nil
	}
	expired := old != nil && kicked == nil && time.Since(old.left) > b.limits.Retention
	c.present = old != nil && !c.clean && !old.clean && !expired
	s := old
	if !c.present {
		s = &session{id: cl.ID, clean: c.clean, subs: map[string]byte{}, wake: make(chan struct{}, 1)}
		b.sessions[cl.ID] = s
	}
	s.thing, s.left, c.session = c.thing, time.Now(), s
	b.mu.Unlock()
	if kicked != nil {
		kicked.end("another connection with the same client id")
		kicked.client.Stop(packets.ErrSessionTakenOver)
	}
}

// attach starts delivery to a client that has had its CONNACK.
func (b *Broker) attach(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := c.session
	if b.sessions[s.id] != s || c.ended() {
		return // kicked meanwhile
	}
	s.conn = c
	s.expire(time.Now(), b.limits.Retention)
	s.resume(b.faults.renumbering())
	b.workers.Add(1)
	go b.write(c, s)
	s.signal()
}

func (c *conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// detach ends a client's connection as far as its session is concerned.
func (b *Broker) detach(c *conn, cause error) {
	c.Close()
	if c.client == nil {
		if !c.refused {
			b.events.add(Event{Kind: Refused, Reason: c.why(cause)})
		}
		return
	}
	b.mu.Lock()
	if s := c.session; s != nil && s.conn == c {
		s.conn, s.left = nil, time.Now()
		if s.clean {
			delete(b.sessions, s.id)
		}
	}
	b.mu.Unlock()
	why := c.why(cause)
	b.events.add(Event{Kind: Disconnected, Client: c.client.ID, Reason: why})
	b.options.Log("broker: %s disconnected: %s", c.client.ID, why)
	for _, answer := range c.deferred { // carried out, though never acknowledged
		answer()
	}
}

func (c *conn) why(cause error) string {
	if reason := c.reason.Load(); reason != nil {
		return *reason
	}
	if cause == nil {
		return "DISCONNECT"
	}
	return cause.Error()
}

// write sends a session's messages until its connection ends.
func (b *Broker) write(c *conn, s *session) {
	defer b.workers.Done()
	for {
		select {
		case <-s.wake:
		case <-c.done:
			return
		}
		for b.writeNext(c, s) {
		}
	}
}

func (b *Broker) writeNext(c *conn, s *session) bool {
	b.mu.Lock()
	if s.conn != c {
		b.mu.Unlock()
		return false
	}
	m := s.next(b.limits.InFlight)
	if m == nil {
		b.mu.Unlock()
		return false
	}
	p := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: m.QoS, Dup: m.QoS > 0 && m.Sent},
		TopicName:   m.Topic,
		Payload:     m.Payload,
		PacketID:    m.ID,
	}
	m.Sent = true
	b.mu.Unlock()
	if err := c.client.WritePacket(p); err != nil {
		c.end("write: " + err.Error())
		return false
	}
	b.events.add(Event{Kind: Delivered, Client: s.id, Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Dup: p.FixedHeader.Dup, PacketID: m.ID})
	if b.faults.afterDelivery(s.id, m.Topic) {
		c.end("fault: cut after delivery")
		return false
	}
	return true
}
