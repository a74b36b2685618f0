package service

import (
	"sync"
	"time"
)

// listNoteLocked is jobs/notify: the first ten executions of the queue.
func (s *Service) listNoteLocked(thing string, now time.Time) note {
	jobs := map[Status][]wireSummary{}
	for i, e := range s.pendingLocked(thing) {
		if i == maxNotifyJobs {
			break
		}
		jobs[e.Status] = append(jobs[e.Status], s.summaryLocked(e))
	}
	body := struct {
		Timestamp int64                    `json:"timestamp"`
		Jobs      map[Status][]wireSummary `json:"jobs"`
	}{s.stampLocked(now), jobs}
	return note{topicOf(thing, "notify"), encode(body)}
}

// nextNoteLocked is jobs/notify-next: the execution that is next, without its
// thing's name as AWS has it, or none.
func (s *Service) nextNoteLocked(thing string, now time.Time) note {
	body := struct {
		Timestamp int64          `json:"timestamp"`
		Execution *wireExecution `json:"execution,omitempty"`
	}{Timestamp: s.stampLocked(now)}
	if e := s.headLocked(thing); e != nil {
		body.Execution = s.wireLocked(e, true)
		body.Execution.ThingName = ""
	}
	return note{topicOf(thing, "notify-next"), encode(body)}
}

func topicOf(thing, tail string) string { return "$aws/things/" + thing + "/jobs/" + tail }

const maxKept = 10000 // messages and events remembered for tests

// outbox delivers notifications in order, one at a time, outside all locks.
type outbox struct {
	faults *Faults

	mu        sync.Mutex
	receivers []func(Message)
	queue     []outgoing
	held      []outgoing // by Fault.Swap, until another one has passed
	busy      bool
	sent      []Message // to replay
}

type outgoing struct {
	Message
	direct bool // sent as it is: the faults have had their turn
}

func (o *outbox) register(f func(Message)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.receivers = append(o.receivers, f)
}

func (o *outbox) add(notes []note) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range notes {
		o.queue = append(o.queue, outgoing{Message: Message{n.topic, n.payload}})
	}
}

// flush sends what is queued. A receiver may come back into the service: its
// own notifications are sent by the flush that is under way.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy {
		return
	}
	o.busy = true
	for len(o.queue) > 0 {
		m := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		o.deliver(m)
		o.mu.Lock()
	}
	o.busy = false
}

func (o *outbox) deliver(m outgoing) {
	if m.direct {
		o.send(m.Message)
		return
	}
	f := o.faults.forNotification(m.Topic)
	m.direct = true
	switch {
	case f.lose:
	case f.swap:
		o.hold(m)
	case f.delay > 0:
		time.AfterFunc(f.delay, func() { o.inject(m.Message) })
	default:
		for range 1 + f.duplicate {
			o.send(m.Message)
		}
		o.release()
	}
}

func (o *outbox) send(m Message) {
	o.mu.Lock()
	o.sent = keep(o.sent, m)
	receivers := o.receivers
	o.mu.Unlock()
	for _, f := range receivers {
		f(m)
	}
}

func (o *outbox) hold(m outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = append(o.held, m)
}

func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.held, o.queue...)
	o.held = nil
}

// inject sends a message past the faults.
func (o *outbox) inject(m Message) {
	o.mu.Lock()
	o.queue = append(o.queue, outgoing{m, true})
	o.mu.Unlock()
	o.flush()
}

// keep appends to a list that holds the last maxKept entries.
func keep[T any](list []T, one T) []T {
	if len(list) >= 2*maxKept {
		list = append([]T(nil), list[len(list)-maxKept:]...)
	}
	return append(list, one)
}
