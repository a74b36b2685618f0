package jobs

import (
	"fmt"
	"strings"

	"jobbox/exec"
)

// live is one sequence: a stretch with everything going wrong, then one in
// which nothing does, by whose end all must be done.
func (w *world) live() string {
	w.connect()
	w.crashes = true
	for range 40 + w.IntN(160) {
		w.disturb()
		w.check()
		if w.problem != "" {
			return w.problem
		}
	}
	w.crashes = false
	for round := 0; w.unfinished() != "" || w.busy(); round++ {
		if round == 2000 {
			return fmt.Sprintf("does not come to an end: %s; phase %d, connected %t", w.unfinished(), w.agent.phase, w.agent.connected)
		}
		w.calm()
		w.check()
		if w.problem != "" {
			return w.problem
		}
	}
	w.verify()
	return w.problem
}

func (w *world) connect() {
	if !w.agent.connected {
		w.feed(event{kind: connected})
	}
}

func (w *world) disconnect() {
	w.toService = nil // what the broker had not got
	if w.Int()%2 == 0 {
		w.toDevice = nil // a session that was lost
	}
	w.feed(event{kind: lost})
}

// disturb is one random thing that happens.
func (w *world) disturb() {
	switch n := w.IntN(100); {
	case n < 6 && w.jobs < 6:
		w.queueJob()
	case n < 8:
		w.cancelOne()
	case n < 11:
		w.disconnect()
	case n < 18:
		w.connect()
	case n < 21:
		w.restart()
	case n < 22:
		w.powerCut()
	case n < 23:
		w.killRunner()
	case n < 25:
		w.repeatOne()
	case n < 27:
		w.loseOne()
	case n < 29:
		w.refuseOne()
	case n < 33:
		w.fireTimer()
	case n < 34:
		w.feed(event{kind: lookDue})
	case n < 45:
		if s := w.runningStep(); s != nil {
			w.finish(s, w.outcome())
		}
	default:
		w.proceed()
	}
}

// calm is one round of an ordinary day: what was sent arrives, what runs ends
// well, timers fire, and a reboot that is asked for happens.
func (w *world) calm() {
	w.connect()
	if s := w.runningStep(); s != nil {
		w.finish(s, exec.Result{})
	}
	if w.agent.phase == rebooting {
		w.powerCut()
		w.connect()
	}
	for range 10 {
		w.proceed()
	}
	w.fireTimer()
	if w.agent.phase == idle {
		w.feed(event{kind: lookDue})
	}
}

// proceed lets one message or result get where it goes.
func (w *world) proceed() {
	switch {
	case len(w.local) > 0 && w.IntN(2) == 0:
		e := w.local[0]
		w.local = w.local[1:]
		w.feed(e)
	case len(w.toService) > 0 && w.IntN(2) == 0:
		r := w.toService[0]
		w.toService = w.toService[1:]
		w.toDevice = append(w.toDevice, w.service.answer(r))
	case len(w.toDevice) > 0 && w.agent.connected:
		e := w.toDevice[0]
		w.toDevice = w.toDevice[1:]
		w.feed(e)
	}
}

func (w *world) queueJob() {
	w.jobs++
	ignore := make([]bool, 1+w.IntN(3))
	for i := range ignore {
		ignore[i] = w.IntN(4) == 0
	}
	w.service.queue(ID{fmt.Sprintf("job%d", w.jobs), 1}, modelDocument(ignore))
}

func (w *world) cancelOne() {
	if n := len(w.service.executions); n > 0 {
		w.service.end(w.service.executions[w.IntN(n)], Canceled)
	}
}

// powerCut takes everything down that is not on disk.
func (w *world) powerCut() {
	w.boot++
	w.cuts++
	w.runner = exec.Identity{}
	for _, s := range w.steps {
		if !w.journalled(s) {
			s.gone = true
		}
	}
	w.restart()
}

func (w *world) killRunner() {
	w.cuts++
	w.runner = exec.Identity{}
	if s := w.runningStep(); s != nil {
		s.gone = true
		if w.watched == s.step.ID {
			w.local = append(w.local, event{kind: ended, result: exec.Result{Interrupted: true}})
		}
	}
}

// journalled says whether what is on disk shows that the agent has s's result:
// it stands at a later step or attempt, at the end, or has no job of that name.
func (w *world) journalled(s *modelStep) bool {
	disk := State{}
	if w.disk != nil {
		disk, _ = decodeState(w.disk)
	}
	j := disk.job
	return s.result != nil && (j == nil || j.Job != s.step.JobID || j.final != nil ||
		j.step+1 > s.step.Number || j.step+1 == s.step.Number && j.attempt > s.step.Attempt)
}

func (w *world) repeatOne() {
	if n := len(w.toDevice); n > 0 {
		w.toDevice = append(w.toDevice, w.toDevice[w.IntN(n)])
	}
}

func (w *world) loseOne() {
	if n := len(w.toDevice); n > 0 {
		i := w.IntN(n)
		w.toDevice = append(w.toDevice[:i:i], w.toDevice[i+1:]...)
	}
}

// refuseOne answers a request with an error that says nothing of the job.
func (w *world) refuseOne() {
	if len(w.toService) == 0 {
		return
	}
	codes := []string{codeRequestThrottled, codeInternalError, codeInvalidRequest, "InvalidTopic", "InvalidJson", "VersionMismatch"}
	r := w.toService[0]
	w.toService = w.toService[1:]
	e := event{kind: refused, token: r.token, code: codes[w.IntN(len(codes))], state: InProgress}
	if r.ask {
		e.kind = notAsked
	}
	w.toDevice = append(w.toDevice, e)
}

func (w *world) fireTimer() {
	for _, kind := range []eventKind{askDue, updateDue, rebootDue} {
		if w.armed[kind] && w.IntN(2) == 0 {
			delete(w.armed, kind)
			w.feed(event{kind: kind})
			return
		}
	}
}

func (w *world) unfinished() string {
	for _, x := range w.service.executions {
		if !x.terminal() {
			return fmt.Sprintf("%s is %s", x.Job, x.status)
		}
	}
	return ""
}

func (w *world) busy() bool { return w.agent.job != nil }

// check holds what must be true at every moment.
func (w *world) check() {
	for id, n := range w.service.finals {
		if n > 1 {
			w.fail("%s has %d final statuses", id.Job, n)
		}
	}
	for _, x := range w.service.executions {
		if x.status == Succeeded && !w.allWell(x) {
			w.fail("%s is SUCCEEDED, which it did not", x.Job)
		}
	}
}

// allWell says whether every step of the job came to an end that counts as success.
func (w *world) allWell(x *modelExecution) bool {
	doc, _ := parseDocument(x.message().Document)
	for i, step := range doc.Steps {
		well := false
		for _, s := range w.steps {
			if s.step.JobID == x.Job && s.step.Number == i+1 && s.result != nil && (s.result.OK() || step.IgnoreFailure) {
				well = true
			}
		}
		if !well && !step.IgnoreFailure { // an ignored one may have had its attempts taken by power cuts
			return false
		}
	}
	return true
}

// verify holds what must be true at the end: a FAILED job has a step that did,
// or whose attempts were all cut short, be it between journal and start.
func (w *world) verify() {
	for _, x := range w.service.executions {
		cutShort := w.cuts >= w.rules.MaxAttempts && strings.HasPrefix(x.details.Reason, "interrupted")
		if x.status == Failed && !cutShort && !w.somethingFailed(x) {
			w.fail("%s is FAILED (%s), but nothing did", x.Job, x.details.Reason)
		}
	}
}

func (w *world) somethingFailed(x *modelExecution) bool {
	for _, s := range w.steps {
		if s.step.JobID == x.Job && (s.gone || s.result != nil && (!s.result.OK() || s.result.Code == rebootStatus)) {
			return true
		}
	}
	return false
}
