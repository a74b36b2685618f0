package broker

import (
	"errors"
	"fmt"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hook is where mochi-mqtt asks us.
type hook struct {
	mqtt.HookBase
	b *Broker
}

// CONNACK return codes (MQTT 3.1.1, section 3.2.2.3). AWS refuses what a
// policy does not allow with a code of its own (developer guide, "MQTT": "error
// code 7 instead of 5").
const (
	connackProtocol      = 1
	connackIdentifier    = 2
	connackUnavailable   = 3
	connackNotAuthorized = 7
)

var errRefused = errors.New("connection refused")

// Provides lists the hooks that are implemented.
func (h *hook) Provides(which byte) bool {
	switch which {
	case mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablished,
		mqtt.OnACLCheck, mqtt.OnSubscribed, mqtt.OnUnsubscribed, mqtt.OnPublish, mqtt.OnPublished:
		return true
	}
	return false
}

// OnPacketRead checks every packet before mochi-mqtt acts on it. The only
// error that it heeds is ErrRejectPacket, which ends the connection.
func (h *hook) OnPacketRead(cl *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	c := cl.Net.Conn.(*conn)
	var refusal string
	switch p.FixedHeader.Type {
	case packets.Connect:
		c.clean = p.Connect.Clean
		p.Connect.Clean = true // sessions are ours
	case packets.Publish:
		refusal = h.b.checkPublish(c, p)
	case packets.Subscribe:
		refusal = h.b.checkSubscribe(c, p)
	case packets.Puback:
		h.b.acknowledge(c, p.PacketID)
	}
	if refusal == "" {
		return p, nil
	}
	h.b.events.add(Event{Kind: Violation, Client: cl.ID, Topic: p.TopicName, Reason: refusal})
	h.b.options.Log("broker: %s: %s: disconnecting it", cl.ID, refusal)
	c.end(refusal)
	return p, packets.ErrRejectPacket
}

// OnConnect admits a client or sends a CONNACK that refuses it.
func (h *hook) OnConnect(cl *mqtt.Client, p packets.Packet) error {
	c := cl.Net.Conn.(*conn)
	if code, reason := h.b.checkConnect(c, cl, p); code != 0 {
		h.b.events.add(Event{Kind: Refused, Client: cl.ID, Reason: reason})
		h.b.options.Log("broker: CONNECT of %q refused with %d: %s", cl.ID, code, reason)
		c.refused = true
		connack := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connack}, ReasonCode: code}
		return errors.Join(errRefused, cl.WritePacket(connack))
	}
	cl.State.Keepalive = h.b.limits.keepAlive(p.Connect.Keepalive)
	h.b.claim(c, cl)
	return nil
}

func (b *Broker) checkConnect(c *conn, cl *mqtt.Client, p packets.Packet) (code byte, reason string) {
	who := Identity{Thing: c.thing, ClientID: cl.ID}
	switch {
	case p.ProtocolVersion != 4:
		return connackProtocol, "protocol version is not 4 (MQTT 3.1.1)"
	case p.Connect.ClientIdentifier == "":
		return connackIdentifier, "no client id"
	case !b.currentPolicy().Allows(who, "iot:Connect", "client/"+cl.ID):
		return connackNotAuthorized, fmt.Sprintf("iot:Connect on client/%s is not allowed to thing %q", cl.ID, c.thing)
	case b.tooSoon(cl.ID):
		return connackUnavailable, "more than one CONNECT in " + b.limits.ConnectInterval.String()
	}
	if code := b.faults.connack(); code != 0 {
		return code, "fault"
	}
	return 0, ""
}

func (b *Broker) tooSoon(clientID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, now := b.connects[clientID], time.Now()
	b.connects[clientID] = now
	return b.limits.ConnectInterval > 0 && now.Sub(last) < b.limits.ConnectInterval
}

// OnConnectAuthenticate agrees: TLS and OnConnect have done it.
func (h *hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnPacketEncode puts our knowledge of the session into CONNACK.
func (h *hook) OnPacketEncode(cl *mqtt.Client, p packets.Packet) packets.Packet {
	if p.FixedHeader.Type == packets.Connack && p.ReasonCode == 0 {
		p.SessionPresent = cl.Net.Conn.(*conn).present
	}
	return p
}

// OnSessionEstablished starts delivery.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	c := cl.Net.Conn.(*conn)
	h.b.events.add(Event{Kind: Connected, Client: cl.ID, Present: c.present})
	h.b.options.Log("broker: %s connected from %v as thing %q, session present %v", cl.ID, cl.Net.Remote, c.thing, c.present)
	h.b.attach(c)
}

// OnACLCheck decides on single filters of a SUBSCRIBE: what ends the
// connection instead has done so in OnPacketRead.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	if write {
		return true
	}
	c := cl.Net.Conn.(*conn)
	return h.b.currentPolicy().Allows(c.identity(), "iot:Subscribe", "topicfilter/"+topic) && !h.b.faults.refusesFilter(topic)
}

// OnSubscribed notes what was granted.
func (h *hook) OnSubscribed(cl *mqtt.Client, p packets.Packet, codes []byte) {
	c := cl.Net.Conn.(*conn)
	for i, sub := range p.Filters {
		granted := codes[i] <= 1
		if granted {
			h.b.mu.Lock()
			c.session.subs[sub.Filter] = codes[i]
			h.b.mu.Unlock()
		}
		h.b.events.add(Event{Kind: Subscribed, Client: cl.ID, Topic: sub.Filter, QoS: codes[i]})
	}
}

// OnUnsubscribed forgets filters. mochi-mqtt calls it at a connection's end as
// well, which is no business of a session's.
func (h *hook) OnUnsubscribed(cl *mqtt.Client, p packets.Packet) {
	c := cl.Net.Conn.(*conn)
	if p.PacketID == 0 || c.session == nil {
		return
	}
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	for _, sub := range p.Filters {
		delete(c.session.subs, sub.Filter)
	}
}
