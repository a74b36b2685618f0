package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"jobbox/exec"
	"jobbox/internal/logging"
)

// Connection is what jobs needs of the session with the broker.
type Connection interface {
	// Publish hands a message over without waiting. That it arrives is not promised.
	Publish(topic string, payload []byte) error
}

// Runner is what jobs needs of package exec: *exec.Client.
type Runner interface {
	Ready(ctx context.Context) (exec.Identity, error)
	Run(ctx context.Context, step exec.Step, begun *exec.Identity) (exec.Result, error)
	End(ctx context.Context, id string) error
	Forget(id string) error
}

// Options is what an Agent is made of.
type Options struct {
	Thing    string
	StateDir string
	Rules    Rules
	// Reboot runs the reboot command; it returns once that has ended.
	Reboot func(ctx context.Context) error
	// Rested, where set, is called when a job is over.
	Rested func()
	Log    *logging.Logger
}

// Agent is the one loop that takes jobs and sees them through. Connected, Lost
// and Message feed it from another goroutine.
type Agent struct {
	topics  topics
	conn    Connection
	runner  Runner
	reboot  func(ctx context.Context) error
	rested  func()
	log     *logging.Logger
	rules   atomic.Pointer[Rules]
	journal *journal
	events  chan event
	turns   chan struct{}
	done    chan struct{}
	timers  timers
	state   State
}

// New makes an agent; Run starts it.
func New(o Options, conn Connection, runner Runner) *Agent {
	a := &Agent{
		topics: newTopics(o.Thing), conn: conn, runner: runner, reboot: o.Reboot, rested: o.Rested, log: o.Log,
		journal: newJournal(o.StateDir),
		events:  make(chan event, 64),
		turns:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	a.rules.Store(&o.Rules)
	return a
}

// SetRules takes effect with the next event (SIGHUP).
func (a *Agent) SetRules(r Rules) { a.rules.Store(&r) }

// Connected says that a session stands and its subscriptions are made.
func (a *Agent) Connected() { a.push(event{kind: connected}) }

// Lost says that the session is gone.
func (a *Agent) Lost() { a.push(event{kind: lost}) }

// Missed says that messages may have passed us by: whether a job is queued has
// to be asked.
func (a *Agent) Missed() { a.push(event{kind: notified, execution: &Execution{}}) }

// Interrupt is SIGINT: the running step is ended and reported, then Run returns.
func (a *Agent) Interrupt() { a.push(event{kind: interrupted}) }

// Turn returns once the loop has come round, or has ended: one that hangs is not
// alive (watchdog).
func (a *Agent) Turn() {
	select {
	case a.turns <- struct{}{}:
	case <-a.done:
	}
}

func (a *Agent) push(e event) {
	select {
	case a.events <- e:
	case <-a.done:
	}
}

// Message takes a message of the broker; what is not for jobs is logged.
func (a *Agent) Message(topic string, payload []byte) {
	kind, _ := a.topics.classify(topic)
	if kind == unknownMessage {
		a.log.Debugf("jobs: message on topic %q is not for the agent", topic)
		return
	}
	msg, err := parseAnswer(payload)
	if err != nil {
		a.log.Errorf("jobs: message on %s is not understood: %v", topic, err)
	}
	a.push(msg.event(kind, err))
}

// event is what a message means. One that could not be read whole still settles
// the request that its token names.
func (m answer) event(kind messageKind, err error) event {
	e := event{token: m.token, execution: m.execution, code: m.code, message: m.message, state: m.state}
	if err != nil {
		e.execution = nil
	}
	switch kind {
	case askAccepted:
		e.kind = received
		if e.execution == nil {
			e.kind = noJob
		}
	case askRejected:
		e.kind = notAsked
	case notifyNext:
		e.kind = notified
		if err != nil { // somebody is next: ask who
			e.execution = &Execution{}
		}
	case updateAccepted:
		e.kind = accepted
	case updateRejected:
		e.kind = refused
	}
	return e
}

// Run takes up what the journal holds and works until ctx ends, which leaves a
// running step to itself, or until Interrupt has been carried out.
func (a *Agent) Run(ctx context.Context) error {
	defer close(a.done)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := a.start(ctx); err != nil {
		return err
	}
	defer a.timers.stop()
	for {
		e, ok := a.wait(ctx)
		if !ok {
			return nil
		}
		if leave := a.handle(ctx, e); leave {
			return nil
		}
	}
}

func (a *Agent) start(ctx context.Context) error {
	session := make([]byte, 8)
	if _, err := rand.Read(session); err != nil {
		return fmt.Errorf("make up a session name: %w", err)
	}
	loaded, err := a.journal.load()
	if err != nil {
		a.log.Errorf("jobs: journal not used, a job in progress begins anew: %v", err)
	}
	a.journal.survey(a.log)
	loaded.session = hex.EncodeToString(session)
	a.timers = newTimers()
	s, actions := resume(loaded, *a.rules.Load(), a.now(event{}))
	a.state = s
	a.carryOut(ctx, actions)
	return nil
}

// wait is the next thing that happens.
func (a *Agent) wait(ctx context.Context) (event, bool) {
	for {
		select {
		case <-ctx.Done():
			return event{}, false
		case <-a.turns:
		case e := <-a.events:
			return e, true
		case <-a.timers.ask.C:
			return event{kind: askDue}, true
		case <-a.timers.update.C:
			return event{kind: updateDue}, true
		case <-a.timers.look.C:
			a.timers.lookAgain()
			return event{kind: lookDue}, true
		case <-a.timers.reboot.C:
			return event{kind: rebootDue}, true
		}
	}
}

func (a *Agent) now(e event) event {
	e.boot, e.now = exec.BootID(), time.Now().Unix()
	return e
}

func (a *Agent) handle(ctx context.Context, e event) (leave bool) {
	s, actions := next(a.state, a.now(e), *a.rules.Load())
	over := a.state.job != nil && s.job == nil
	a.state = s
	leave = a.carryOut(ctx, actions)
	if over && a.rested != nil {
		a.rested()
	}
	return leave
}
