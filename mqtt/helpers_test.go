package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/internal/logging"
)

// patience is for what surely comes, on a machine that may be slow.
const patience = 60 * time.Second

// A logbook keeps log lines.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) logger() *logging.Logger {
	return logging.New(logging.Debug, func(level logging.Level, line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, level.String()+" "+line)
	})
}

// count is how many lines of the level hold the text.
func (l *logbook) count(level logging.Level, text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		if strings.HasPrefix(line, level.String()+" ") && strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// start runs a client until the test ends; stop may end it sooner.
func start(t *testing.T, c *Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

// next is the next event, which must be of the kind.
func next(t *testing.T, c *Client, kind EventKind) Event {
	t.Helper()
	return nextWithin(t, c, kind, patience)
}

func nextWithin(t *testing.T, c *Client, kind EventKind, patience time.Duration) Event {
	t.Helper()
	select {
	case e := <-c.Events():
		if e.Kind != kind {
			t.Fatalf("event %v %q %v; want %v", e.Kind, e.Message, e.Err, kind)
		}
		return e
	case <-time.After(patience):
		t.Fatalf("no event in %v; want %v", patience, kind)
	}
	panic("not reached")
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// A peer is the broker's end of a connection, byte by byte.
type peer struct {
	net.Conn
	connect *packets.ConnectPacket
	// subscribed and published, where set, see what comes; a SUBACK's codes are
	// what subscribed returns, and no PUBACK is sent where published returns false.
	subscribed func(filters []string) []byte
	published  func(*packets.PublishPacket) bool
	pinged     func() bool
}

// accept reads CONNECT and answers it.
func (p *peer) accept(code byte) bool {
	packet, err := packets.ReadPacket(p)
	if err != nil {
		return false
	}
	p.connect, _ = packet.(*packets.ConnectPacket)
	if p.connect == nil {
		panic(fmt.Sprintf("first packet is %v", packet))
	}
	_, err = p.Write([]byte{typeConnack << 4, 2, 0, code})
	return err == nil
}

// serve answers until the connection ends. DISCONNECT is its result where there was one.
func (p *peer) serve() (disconnected bool) {
	for {
		packet, err := packets.ReadPacket(p)
		if err != nil {
			return false
		}
		var answer packets.ControlPacket
		switch m := packet.(type) {
		case *packets.SubscribePacket:
			a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			a.MessageID, a.ReturnCodes = m.MessageID, m.Qoss
			if p.subscribed != nil {
				if a.ReturnCodes = p.subscribed(m.Topics); a.ReturnCodes == nil {
					return false
				}
			}
			answer = a
		case *packets.PublishPacket:
			a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			a.MessageID = m.MessageID
			if p.published == nil || p.published(m) {
				answer = a
			}
		case *packets.PingreqPacket:
			if p.pinged == nil || p.pinged() {
				answer = packets.NewControlPacket(packets.Pingresp)
			}
		case *packets.DisconnectPacket:
			return true
		}
		if answer != nil && answer.Write(p) != nil {
			return false
		}
	}
}

// publishBytes is a PUBLISH of QoS 1.
func publishBytes(topic string, payload []byte, id uint16) []byte {
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.Qos, m.TopicName, m.Payload, m.MessageID = 1, topic, payload, id
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}
