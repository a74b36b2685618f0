package jobs

import (
	"math/rand/v2"
	"time"
)

const (
	// answerWithin is how long an answer of the service is waited for.
	answerWithin = 10 * time.Second
	// maxPause is the longest back-off.
	maxPause = 128 * time.Second
	// lookEvery is the slow timer: notify-next is silent while the head of the
	// queue stays the same, so the queue is asked for now and then.
	lookEvery = time.Hour
	// rebootWithin is how long a reboot may take to bring the agent down.
	rebootWithin = 5 * time.Minute
)

// timers are the loop's; each stands for one kind of event.
type timers struct{ ask, update, look, reboot *time.Timer }

func newTimers() timers {
	t := timers{stopped(), stopped(), stopped(), stopped()}
	t.lookAgain()
	return t
}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func (t timers) stop() {
	for _, timer := range []*time.Timer{t.ask, t.update, t.look, t.reboot} {
		timer.Stop()
	}
}

// lookAgain spreads a fleet that was started at once over a fifth of the time.
func (t timers) lookAgain() {
	t.look.Reset(lookEvery - lookEvery/10 + rand.N(lookEvery/5))
}

func (t timers) awaitReboot() { t.reboot.Reset(rebootWithin) }

func (t timers) arm(a action) {
	switch a.kind {
	case waitAsk:
		t.ask.Reset(answerWithin + jitter(a.tries))
	case waitUpdate:
		t.update.Reset(answerWithin + jitter(a.tries))
	case pauseAsk:
		t.ask.Reset(jitter(a.tries))
	case pauseUpdate:
		t.update.Reset(jitter(a.tries))
	}
}

// jitter is exponential back-off with full jitter: anything up to 1 s, 2 s,
// 4 s, ... 128 s after one, two, three failures.
func jitter(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	most := maxPause
	if tries < 8 {
		most = time.Second << (tries - 1)
	}
	return rand.N(most)
}
