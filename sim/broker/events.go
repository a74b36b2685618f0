package broker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Kind is what an Event tells of.
type Kind string

// The kinds of events.
const (
	HandshakeFailed Kind = "handshake failed"
	Refused         Kind = "refused"      // CONNECT answered with a refusal, or none came
	Connected       Kind = "connected"    // CONNACK sent
	Disconnected    Kind = "disconnected" // for Reason
	Violation       Kind = "violation"    // of the policy or a limit; the client is being disconnected
	Subscribed      Kind = "subscribed"   // QoS is the return code of SUBACK
	Published       Kind = "published"    // by the client
	Delivered       Kind = "delivered"    // written to the client
	Acknowledged    Kind = "acknowledged" // by the client
)

// Event is something that the broker saw.
type Event struct {
	Seq      int // from 1, without gaps
	At       time.Time
	Kind     Kind
	Client   string
	Topic    string
	Payload  []byte
	QoS      byte
	Dup      bool
	PacketID uint16
	Present  bool // Connected: with a session
	Reason   string
}

// String is one line.
func (e Event) String() string {
	return fmt.Sprintf("%d %s %s %s %q qos=%d dup=%v id=%d %s", e.Seq, e.Client, e.Kind, e.Topic, e.Payload, e.QoS, e.Dup, e.PacketID, e.Reason)
}

const maxEvents = 50000 // remembered; older ones are forgotten

// events remembers what happened and wakes those who wait for more.
type events struct {
	mu    sync.Mutex
	list  []Event
	seq   int
	added chan struct{}
}

func newEvents() *events { return &events{added: make(chan struct{})} }

func (v *events) add(e Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seq++
	e.Seq, e.At = v.seq, time.Now()
	if len(v.list) >= maxEvents {
		v.list = slices.Delete(v.list, 0, maxEvents/10)
	}
	v.list = append(v.list, e)
	close(v.added)
	v.added = make(chan struct{})
}

// Events are all events after the one numbered after; 0 for all.
func (b *Broker) Events(after int) []Event {
	list, _ := b.events.since(after)
	return list
}

// Seq is the number of the latest event: what happens from now on comes after.
func (b *Broker) Seq() int {
	b.events.mu.Lock()
	defer b.events.mu.Unlock()
	return b.events.seq
}

func (v *events) since(after int) ([]Event, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i, _ := slices.BinarySearchFunc(v.list, after+1, func(e Event, seq int) int { return e.Seq - seq })
	return slices.Clone(v.list[i:]), v.added
}

// Await waits for an event after the one numbered after that satisfies match.
func (b *Broker) Await(ctx context.Context, after int, match func(Event) bool) (Event, error) {
	for {
		list, more := b.events.since(after)
		for _, e := range list {
			if match(e) {
				return e, nil
			}
			after = e.Seq
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("await an event at the broker: %w; the latest: %v", ctx.Err(), tail(b.Events(0), 5))
		}
	}
}

func tail(list []Event, n int) []Event { return list[max(0, len(list)-n):] }
