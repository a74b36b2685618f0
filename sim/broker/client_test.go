package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/sim/pki"
)

const patience = 60 * time.Second

// bench is a broker with its authority, and a service that answers "accepted"
// to whatever is published to a topic that ends in /start-next or /update.
type bench struct {
	*Broker
	t  *testing.T
	ca *pki.Authority
}

func newBench(t *testing.T, options ...func(*Options)) *bench {
	t.Helper()
	ca, err := pki.NewAuthority("test CA")
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ca.ServerTLS(server)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{TLS: config, Serve: acceptAll}
	for _, option := range options {
		option(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &bench{b, t, ca}
}

func acceptAll(topic string, payload []byte, answer func(string, []byte)) bool {
	if !strings.HasSuffix(topic, "/start-next") && !strings.HasSuffix(topic, "/update") {
		return false
	}
	answer(topic+"/accepted", payload)
	return true
}

// client is a device at the level of packets.
type client struct {
	net.Conn
	t      *testing.T
	thing  string
	nextID uint16
}

func jobs(thing, tail string) string { return "$aws/things/" + thing + "/jobs/" + tail }

func (b *bench) clientTLS(thing string) *tls.Config {
	b.t.Helper()
	pair, err := b.ca.Device(thing)
	if err != nil {
		b.t.Fatal(err)
	}
	config, err := b.ca.ClientTLS(pair)
	if err != nil {
		b.t.Fatal(err)
	}
	return config
}

// dial connects a thing's device over TLS.
func (b *bench) dial(thing string) *client {
	b.t.Helper()
	conn, err := tls.Dial("tcp", b.Addr().String(), b.clientTLS(thing))
	if err != nil {
		b.t.Fatal(err)
	}
	return newClient(b.t, conn, thing)
}

func newClient(t *testing.T, conn net.Conn, thing string) *client {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{Conn: conn, t: t, thing: thing}
}

// connect connects a thing with itself as client id and a persistent session.
func (b *bench) connect(thing string, options ...func(*packets.ConnectPacket)) *client {
	b.t.Helper()
	c := b.dial(thing)
	if code, _ := c.hello(options...); code != 0 {
		b.t.Fatalf("CONNECT: return code %d", code)
	}
	return c
}

func clean(p *packets.ConnectPacket) { p.CleanSession = true }

// hello sends CONNECT and returns what CONNACK says.
func (c *client) hello(options ...func(*packets.ConnectPacket)) (code byte, present bool) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier, p.Keepalive = "MQTT", 4, c.thing, 60
	for _, option := range options {
		option(p)
	}
	c.send(p)
	ack := read[*packets.ConnackPacket](c)
	return ack.ReturnCode, ack.SessionPresent
}

func (c *client) send(p packets.ControlPacket) {
	c.t.Helper()
	if err := p.Write(c); err != nil {
		c.t.Fatalf("send %v: %v", p, err)
	}
}

// read expects a packet of one kind.
func read[T packets.ControlPacket](c *client) T {
	c.t.Helper()
	p, err := packets.ReadPacket(c)
	got, ok := p.(T)
	if err != nil || !ok {
		c.t.Fatalf("read %v, %v; want a %T", p, err, got)
	}
	return got
}

// publish sends a message of QoS 1 and returns its packet id.
func (c *client) publish(topic, payload string) uint16 {
	c.t.Helper()
	return c.publishAs(topic, []byte(payload), 1, false)
}

func (c *client) publishAs(topic string, payload []byte, qos byte, retain bool) uint16 {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.Retain = topic, payload, qos, retain
	if qos > 0 {
		c.nextID++
		p.MessageID = c.nextID
	}
	c.send(p)
	return p.MessageID
}

// subscribe sends one SUBSCRIBE.
func (c *client) subscribe(qos byte, filters ...string) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	c.nextID++
	p.MessageID, p.Topics = c.nextID, filters
	for range filters {
		p.Qoss = append(p.Qoss, qos)
	}
	c.send(p)
}

// subscribed subscribes and expects return codes.
func (c *client) subscribed(filters ...string) []byte {
	c.t.Helper()
	c.subscribe(1, filters...)
	return read[*packets.SubackPacket](c).ReturnCodes
}

// receive expects a message and acknowledges it.
func (c *client) receive() *packets.PublishPacket {
	c.t.Helper()
	m := read[*packets.PublishPacket](c)
	c.ack(m)
	return m
}

func (c *client) ack(m *packets.PublishPacket) {
	c.t.Helper()
	if m.Qos == 0 {
		return
	}
	p := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	p.MessageID = m.MessageID
	c.send(p)
}

// ping shows that the connection lives, and that nothing else came before.
func (c *client) ping() {
	c.t.Helper()
	c.send(packets.NewControlPacket(packets.Pingreq))
	read[*packets.PingrespPacket](c)
}

// gone expects the end of the connection with nothing before it.
func (c *client) gone() {
	c.t.Helper()
	p, err := packets.ReadPacket(c)
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("read %v, %v; want the end of the connection", p, err)
	}
}

// disconnect ends the connection in good order.
func (c *client) disconnect() {
	c.t.Helper()
	c.send(packets.NewControlPacket(packets.Disconnect))
	if _, err := io.Copy(io.Discard, c); err != nil {
		c.t.Logf("after DISCONNECT: %v", err) // the broker need not say goodbye in TLS
	}
}

// await waits for an event at the broker.
func (b *bench) await(kind Kind, client string) Event {
	b.t.Helper()
	return b.awaitAfter(0, func(e Event) bool { return e.Kind == kind && e.Client == client })
}

// awaitAfter waits for an event after the one numbered after.
func (b *bench) awaitAfter(after int, match func(Event) bool) Event {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := b.Await(ctx, after, match)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}
