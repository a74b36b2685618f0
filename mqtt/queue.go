package mqtt

import (
	"context"
	"sync"

	"jobbox/internal/logging"
)

// What may wait for a slow reader of Events: bursts after a reconnection are
// far smaller, and a broker gone mad must not fill a small device's memory.
const (
	maxQueued      = 64
	maxQueuedBytes = 1 << 20
)

// A queue takes events without ever blocking and hands them out in order.
// Messages beyond its bounds are dropped, which a Missed event tells.
type queue struct {
	out  chan Event
	wake chan struct{} // has room for one
	log  *logging.Logger

	mu       sync.Mutex
	events   []Event
	messages int // among events
	bytes    int // of their topics and payloads
	dropped  int // since the last Missed was handed out
	missed   bool
}

func newQueue(log *logging.Logger) *queue {
	return &queue{out: make(chan Event), wake: make(chan struct{}, 1), log: log}
}

// received never blocks: paho's reader is what calls it.
func (q *queue) received(m Message) {
	q.mu.Lock()
	size := len(m.Topic) + len(m.Payload)
	if q.messages >= maxQueued || q.bytes+size > maxQueuedBytes {
		q.dropped++
		q.missedLocked()
	} else {
		q.messages++
		q.bytes += size
		q.events = append(q.events, Event{Kind: Received, Message: m})
	}
	q.mu.Unlock()
	q.poke()
}

func (q *queue) connected() { q.add(Event{Kind: Connected}) }

// lost takes back a Connected that nobody has seen yet, so that a reader who
// never comes costs no memory however often the connection flaps.
func (q *queue) lost(err error) {
	q.mu.Lock()
	if n := len(q.events); n > 0 && q.events[n-1].Kind == Connected {
		q.events = q.events[:n-1]
		q.mu.Unlock()
		return
	}
	q.mu.Unlock()
	q.add(Event{Kind: Lost, Err: err})
}

func (q *queue) add(e Event) {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	q.poke()
}

func (q *queue) sayMissed() {
	q.mu.Lock()
	q.missedLocked()
	q.mu.Unlock()
	q.poke()
}

// missedLocked queues one Missed however many were dropped: the question that
// follows it is asked after all of them.
func (q *queue) missedLocked() {
	if !q.missed {
		q.missed = true
		q.events = append(q.events, Event{Kind: Missed})
	}
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pump hands events to the reader until ctx is done.
func (q *queue) pump(ctx context.Context) {
	for {
		e, ok := q.pop()
		if !ok {
			select {
			case <-q.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case q.out <- e:
		case <-ctx.Done():
			return
		}
	}
}

func (q *queue) pop() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		q.events = nil // give a burst's memory back
		return Event{}, false
	}
	e := q.events[0]
	q.events[0] = Event{}
	q.events = q.events[1:]
	switch e.Kind {
	case Received:
		q.messages--
		q.bytes -= len(e.Message.Topic) + len(e.Message.Payload)
	case Missed:
		q.missed = false
		if q.dropped > 0 {
			q.log.Warnf("mqtt: %d messages dropped: they came faster than they were handled", q.dropped)
		}
		q.dropped = 0
	}
	return e, true
}
