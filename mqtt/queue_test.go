package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"jobbox/internal/logging"
)

// drain pops everything; a message is its payload's first bytes.
func drain(q *queue) string {
	var got []string
	for {
		e, ok := q.pop()
		if !ok {
			return strings.Join(got, " ")
		}
		s := e.Kind.String()
		if e.Kind == Received {
			s = string(e.Message.Payload[:min(3, len(e.Message.Payload))])
		}
		got = append(got, s)
	}
}

func message(i int) Message { return Message{Topic: "t", Payload: fmt.Append(nil, i)} }

func TestQueueKeepsOrder(t *testing.T) {
	q := newQueue(nil)
	q.received(message(1))
	q.connected()
	q.received(message(2))
	q.lost(errors.New("x"))
	if got := drain(q); got != "1 Connected 2 Lost" {
		t.Errorf("got %q", got)
	}
}

// A session that nobody has seen leaves nothing behind.
func TestQueueForgetsUnseenSessions(t *testing.T) {
	q := newQueue(nil)
	for range 1000 {
		q.connected()
		q.lost(errors.New("x"))
	}
	q.connected()
	if got := drain(q); got != "Connected" {
		t.Errorf("got %q", got)
	}
}

func TestQueueDropsAndSaysSoOnce(t *testing.T) {
	var log logbook
	q := newQueue(log.logger())
	for i := range maxQueued + 100 {
		q.received(message(i))
	}
	got := drain(q)
	if !strings.HasPrefix(got, "0 1 2 ") || !strings.HasSuffix(got, fmt.Sprintf(" %d Missed", maxQueued-1)) {
		t.Errorf("got %q", got)
	}
	if log.count(logging.Warn, "100 messages dropped") != 1 || len(log.lines) != 1 {
		t.Errorf("the log says:\n%s", log.String())
	}
	q.received(message(7)) // room again
	if got := drain(q); got != "7" {
		t.Errorf("after the flood: %q", got)
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	q := newQueue(nil)
	big := Message{Topic: "t", Payload: bytes.Repeat([]byte("x"), maxQueuedBytes/4)}
	for range 5 {
		q.received(big)
	}
	if got := drain(q); got != "xxx xxx xxx Missed" { // the topics take the fourth's room
		t.Errorf("got %q", got)
	}
	if q.bytes != 0 || q.messages != 0 {
		t.Errorf("an empty queue counts %d messages, %d bytes", q.messages, q.bytes)
	}
}

func TestPumpEndsWithItsContext(t *testing.T) {
	for _, events := range []int{0, 1} { // waiting for an event, and for a reader
		q := newQueue(nil)
		for range events {
			q.connected()
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		q.pump(ctx)
	}
}
