package broker

import (
	"slices"
	"sync"
	"time"
)

// Direction is where a message goes.
type Direction uint8

// The two directions.
const (
	ToDevice Direction = iota
	FromDevice
)

// Action is what a Rule does to a message.
type Action uint8

// The actions.
const (
	none           Action = iota
	Lose                  // it vanishes; from a device: acknowledged all the same
	Unacknowledged        // from a device: it vanishes and no PUBACK comes. To a device: as Lose
	Delay                 // it comes Rule.Delay later; others overtake it
	Duplicate             // it comes twice, to a device with another packet id
	Hold                  // it comes after the next one to or from the same client (or after Rule.Delay, where that is set)
	Cut                   // the connection ends before it: not carried out, or still to be delivered to a persistent session
	CutAfter              // the connection ends after it: carried out but not acknowledged, or written and perhaps unread
)

// Rule spoils messages that match. The zero value of a field matches all.
type Rule struct {
	Direction Direction
	Client    string // client id
	Topic     string // topic filter
	Action    Action
	Delay     time.Duration
	Skip      int // matching messages to let pass first
	Times     int // how many messages to spoil; 0: all
}

// ActiveRule is a Rule at work.
type ActiveRule struct {
	Rule
	faults  *Faults
	seen    int
	hits    int
	held    func()
	heldFor string // client id
	timer   *time.Timer
}

// Stage is where a stalled broker stops answering.
type Stage uint8

// The stages. At the first two a connection that has stalled stays so; at the
// third everything stands still until the stall ends, and then goes on.
const (
	StallTCP  Stage = iota // connections are accepted, the ClientHello is never answered
	StallTLS               // TLS is established, CONNECT is never answered
	StallMQTT              // nothing is read or written any more
)

// Faults are what is wrong with a broker at the moment.
type Faults struct {
	b *Broker

	mu        sync.Mutex
	rules     []*ActiveRule
	refuse    bool
	stall     [3]bool
	open      chan struct{} // closed while MQTT flows
	code      byte
	codeTimes int
	filters   []string
	onlySubs  bool
	renumber  bool
}

func newFaults(b *Broker) *Faults {
	f := &Faults{b: b, open: make(chan struct{})}
	close(f.open)
	return f
}

// Add puts a rule to work. Of several that match a message the first counts.
func (f *Faults) Add(r Rule) *ActiveRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &ActiveRule{Rule: r, faults: f}
	f.rules = append(f.rules, a)
	return a
}

// Hits is how many messages the rule has spoilt.
func (a *ActiveRule) Hits() int {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	return a.hits
}

// Remove ends the rule. A message that it holds goes its way.
func (a *ActiveRule) Remove() {
	f := a.faults
	f.mu.Lock()
	f.rules = slices.DeleteFunc(f.rules, func(r *ActiveRule) bool { return r == a })
	held := a.takeLocked()
	f.mu.Unlock()
	if held != nil {
		held()
	}
}

// Clear ends every fault there is.
func (f *Faults) Clear() {
	f.mu.Lock()
	rules := slices.Clone(f.rules)
	f.refuse, f.stall, f.code, f.filters, f.onlySubs, f.renumber = false, [3]bool{}, 0, nil, false, false
	f.openLocked()
	f.mu.Unlock()
	for _, r := range rules {
		r.Remove()
	}
}

// onMessage finds what is to be done with a message. deliver is kept for later
// where the answer is Delay or Hold; after is to be called when the message
// has been dealt with, and lets go of what it has overtaken.
func (f *Faults) onMessage(d Direction, client, topic string, deliver func()) (action Action, after func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	action = f.decideLocked(d, client, topic, deliver)
	var held []func()
	if action != Hold {
		held = f.overtakenLocked(d, client)
	}
	return action, func() {
		for _, deliver := range held {
			deliver()
		}
	}
}

func (f *Faults) decideLocked(d Direction, client, topic string, deliver func()) Action {
	for _, r := range f.rules {
		if !r.appliesLocked(d, client, topic) || r.Action == CutAfter && d == ToDevice {
			continue // the latter is for afterDelivery
		}
		if !r.countLocked() {
			continue
		}
		switch r.Action {
		case Delay:
			time.AfterFunc(r.Delay, deliver)
		case Hold:
			r.holdLocked(client, deliver)
		}
		return r.Action
	}
	return none
}

func (r *ActiveRule) appliesLocked(d Direction, client, topic string) bool {
	return r.Direction == d && (r.Client == "" || r.Client == client) && (r.Topic == "" || matches(r.Topic, topic)) &&
		(r.Times == 0 || r.hits < r.Times) && (r.Action != Hold || r.held == nil)
}

// countLocked says whether it is a matching message's turn.
func (r *ActiveRule) countLocked() bool {
	r.seen++
	if r.seen <= r.Skip {
		return false
	}
	r.hits++
	return true
}

func (r *ActiveRule) holdLocked(client string, deliver func()) {
	r.held, r.heldFor = deliver, client
	if r.Delay > 0 {
		r.timer = time.AfterFunc(r.Delay, func() {
			r.faults.mu.Lock()
			held := r.takeLocked()
			r.faults.mu.Unlock()
			if held != nil {
				held()
			}
		})
	}
}

func (r *ActiveRule) takeLocked() func() {
	held := r.held
	r.held = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	return held
}

// overtakenLocked takes out what was held until now.
func (f *Faults) overtakenLocked(d Direction, client string) []func() {
	var held []func()
	for _, r := range f.rules {
		if r.Direction == d && r.heldFor == client && r.held != nil {
			held = append(held, r.takeLocked())
		}
	}
	return held
}

// afterDelivery says whether to cut a connection over which a message has just
// been written.
func (f *Faults) afterDelivery(client, topic string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Action == CutAfter && r.appliesLocked(ToDevice, client, topic) && r.countLocked() {
			return true
		}
	}
	return false
}
