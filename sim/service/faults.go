package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Fault spoils the requests and notifications that match it. Empty fields
// match everything; Times and For bound how long it lasts, and without either
// it lasts until it is removed.
type Fault struct {
	Topic  string // end of the topic: "start-next", "update", "job-1/update", "get", "notify", "notify-next"
	Thing  string
	JobID  string // of a request
	Status Status // that an update asks for
	Times  int
	For    time.Duration

	Code    Code   // answer with this code
	Message string // and this text
	Lose    bool   // no answer, or no notification
	// Done carries the request out before its answer is lost or replaced by
	// Code; else the request itself is what is lost or refused.
	Done      bool
	Delay     time.Duration // of the answer or notification
	Duplicate int           // send the answer or notification so many times more
	Swap      bool          // hold the notification until another one has passed, or Clear
}

// A Rule is a Fault at work.
type Rule struct {
	f     Fault
	until time.Time
	spent chan struct{}
	once  sync.Once
	set   *Faults

	hits int // guarded by set.mu
}

// Faults are the faults of one service.
type Faults struct {
	s *Service

	mu          sync.Mutex
	rules       []*Rule
	notifyFirst bool
}

// effect is what the faults make of one message.
type effect struct {
	code        Code
	message     string
	lose        bool
	done        bool
	delay       time.Duration
	duplicate   int
	swap        bool
	notifyFirst bool
}

// Faults are the switches for what goes wrong.
func (s *Service) Faults() *Faults { return s.faults }

// Add puts a fault to work. Where several match, the one added first counts.
func (f *Faults) Add(fault Fault) *Rule {
	r := &Rule{f: fault, set: f, spent: make(chan struct{})}
	if fault.For > 0 {
		r.until = time.Now().Add(fault.For)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, r)
	return r
}

// Reject refuses the next n requests whose topic ends in topic with a code.
func (f *Faults) Reject(n int, topic string, code Code) *Rule {
	return f.Add(Fault{Topic: topic, Times: n, Code: code})
}

// Throttle refuses all requests for a while with RequestThrottled.
func (f *Faults) Throttle(d time.Duration) *Rule {
	return f.Add(Fault{For: d, Code: RequestThrottled, Message: "Rate exceeded"})
}

// LoseAnswer carries out the next n requests whose topic ends in topic and
// never answers them.
func (f *Faults) LoseAnswer(n int, topic string) *Rule {
	return f.Add(Fault{Topic: topic, Times: n, Lose: true, Done: true})
}

// NotifyFirst makes Serve send the notifications that follow from a request
// before its answer. AWS promises no order.
func (f *Faults) NotifyFirst(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notifyFirst = on
}

// Clear removes all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	rules := f.rules
	f.rules, f.notifyFirst = nil, false
	f.mu.Unlock()
	for _, r := range rules {
		r.end()
	}
	f.s.out.release()
	f.s.out.flush()
}

// Inject sends any message to the device's broker as a notification.
func (f *Faults) Inject(m Message) { f.s.out.inject(m) }

// Replay sends a notification again that was sent to a thing before: n counts
// from the first, or from the last when negative (-1); topic is "notify" or
// "notify-next".
func (f *Faults) Replay(thing, topic string, n int) error {
	f.s.out.mu.Lock()
	var old []Message
	for _, m := range f.s.out.sent {
		if m.Topic == topicOf(thing, topic) {
			old = append(old, m)
		}
	}
	f.s.out.mu.Unlock()
	if n < 0 {
		n += len(old)
	}
	if n < 0 || n >= len(old) {
		return fmt.Errorf("replay: thing %q has been sent %d messages on %q, there is no such one", thing, len(old), topic)
	}
	f.s.out.inject(old[n])
	return nil
}

// Hits is how many messages a rule has spoilt.
func (r *Rule) Hits() int {
	r.set.mu.Lock()
	defer r.set.mu.Unlock()
	return r.hits
}

// Spent is closed when a rule has come to its end: its Times are used up, or
// it was removed.
func (r *Rule) Spent() <-chan struct{} { return r.spent }

// Remove ends a rule.
func (r *Rule) Remove() {
	r.set.mu.Lock()
	r.set.rules = slices.DeleteFunc(r.set.rules, func(o *Rule) bool { return o == r })
	r.set.mu.Unlock()
	r.end()
}

func (r *Rule) end() { r.once.Do(func() { close(r.spent) }) }

func (f *Faults) forRequest(q *request) effect {
	var status Status
	q.field("status", &status)
	return f.apply(func(x Fault) bool {
		return endsIn(q.topic, x.Topic) && match(x.Thing, q.thing) && match(x.JobID, q.jobID) && match(string(x.Status), string(status)) && !x.Swap
	})
}

// forNotification matches notifications only with a fault that asks for them
// by topic: what is meant for requests leaves them alone.
func (f *Faults) forNotification(topic string) effect {
	thing := strings.Split(topic, "/")[2]
	return f.apply(func(x Fault) bool {
		return strings.HasPrefix(x.Topic, "notify") && endsIn(topic, x.Topic) && match(x.Thing, thing)
	})
}

func match(want, got string) bool { return want == "" || want == got }

func endsIn(topic, end string) bool { return end == "" || strings.HasSuffix(topic, "/"+end) }

func (f *Faults) apply(matches func(Fault) bool) effect {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expireLocked()
	i := slices.IndexFunc(f.rules, func(r *Rule) bool { return matches(r.f) })
	if i < 0 {
		return effect{notifyFirst: f.notifyFirst}
	}
	r := f.rules[i]
	r.hits++
	if r.f.Times > 0 && r.hits >= r.f.Times {
		f.rules = slices.Delete(f.rules, i, i+1)
		r.end()
	}
	message := cmp.Or(r.f.Message, "simulated fault")
	return effect{r.f.Code, message, r.f.Lose, r.f.Done, r.f.Delay, r.f.Duplicate, r.f.Swap, f.notifyFirst}
}

func (f *Faults) expireLocked() {
	now := time.Now()
	f.rules = slices.DeleteFunc(f.rules, func(r *Rule) bool {
		over := !r.until.IsZero() && now.After(r.until)
		if over {
			r.end()
		}
		return over
	})
}
