package jobs

import (
	"strings"
	"testing"

	"jobbox/exec"
	"jobbox/internal/jsontext"
)

func TestEveryPhaseHasAWayOut(t *testing.T) {
	for p := idle; p < numPhases; p++ {
		n := 0
		for _, act := range table[p] {
			if act != nil {
				n++
			}
		}
		if n == 0 {
			t.Errorf("phase %d answers to no event", p)
		}
	}
}

// TestEveryPhaseIsReached walks the machine through an ordinary life and counts.
func TestEveryPhaseIsReached(t *testing.T) {
	reached := map[phase]bool{}
	for seed := uint64(1); seed <= 200 && len(reached) < int(numPhases); seed++ {
		w := newWorld(seed, false, t)
		w.connect()
		for range 300 {
			w.disturb()
			reached[w.agent.phase] = true
		}
	}
	for p := idle; p < numPhases; p++ {
		if !reached[p] {
			t.Errorf("phase %d is out of reach", p)
		}
	}
}

var testRules = Rules{Policy: AllowAll, Self: "root", BuiltIn: func(string) bool { return false }, MaxAttempts: 3}

// script feeds events and says in words what the machine wants done: the
// actions of the last event, and the phase.
type script struct {
	t *testing.T
	s State
}

var actionNames = map[actionKind]string{
	save: "save", askNext: "ask", sendUpdate: "update", pauseAsk: "pauseAsk", pauseUpdate: "pauseUpdate",
	makeReady: "ready", runStep: "run", endStep: "end", rebootNow: "reboot", quit: "quit", forgetStep: "forget",
}

func (x *script) feed(e event) string {
	s, actions := next(x.s, e, testRules)
	x.s = s
	var words []string
	for _, a := range actions {
		if name := actionNames[a.kind]; name != "" {
			words = append(words, name)
		}
	}
	return strings.Join(words, " ")
}

// want feeds an event and compares what is done.
func (x *script) want(name string, e event, want string) {
	x.t.Helper()
	switch e.kind {
	case received, noJob, notAsked:
		e.token = x.s.ask.token
	case accepted, refused:
		e.token = x.s.update.token
	}
	if got := x.feed(e); got != want {
		x.t.Fatalf("%s: does %q; want %q (phase %d)", name, got, want, x.s.phase)
	}
}

func execution(id string, document string) *Execution {
	v, err := jsontext.Parse([]byte(document), MaxDocument)
	if err != nil {
		panic(err)
	}
	return &Execution{ID: ID{id, 1}, Status: InProgress, Document: v}
}

var twoSteps = modelDocument([]bool{false, false})

// running is a machine with the first of two steps of job "a" begun.
func runningScript(t *testing.T) *script {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	x.want("job", event{kind: received, execution: execution("a", twoSteps)}, "ready")
	x.want("runner", event{kind: ready, identity: exec.Identity{PID: 1}}, "save run")
	return x
}

func TestJobRunsThrough(t *testing.T) {
	x := runningScript(t)
	x.want("step 1", event{kind: ended}, "save run forget")
	x.want("step 2", event{kind: ended}, "save update forget")
	x.want("delivered", event{kind: accepted}, "save ask")
	x.want("nothing more", event{kind: noJob}, "")
	if d := x.s.recent[0]; d.Status != Succeeded || d.Reason != "Exited with status: 0" || !d.Delivered {
		t.Errorf("remembered %+v", d)
	}
}

func TestQueuedWhileAsking(t *testing.T) {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	x.want("queued meanwhile", event{kind: notified, execution: execution("a", twoSteps)}, "")
	x.want("the answer did not know", event{kind: noJob}, "ask")
}

func TestAnswersOfOthersChangeNothing(t *testing.T) {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	if got := x.feed(event{kind: received, token: "another", execution: execution("a", twoSteps)}); got != "" || x.s.phase != asking {
		t.Errorf("a stray answer does %q", got)
	}
	if got := x.feed(event{kind: received, execution: execution("a", twoSteps)}); got != "" || x.s.phase != asking {
		t.Errorf("an answer without a token does %q", got)
	}
}

func TestThrottled(t *testing.T) {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	x.want("throttled", event{kind: notAsked, code: codeRequestThrottled}, "pauseAsk")
	x.want("after the pause", event{kind: askDue}, "ask")
	x.want("refused for good", event{kind: notAsked, code: "ResourceNotFound"}, "")
	x = runningScript(t)
	x.want("fails", event{kind: ended, result: exec.Result{Code: 1}}, "save update forget")
	x.want("throttled", event{kind: refused, code: codeRequestThrottled}, "pauseUpdate")
	x.want("after the pause", event{kind: updateDue}, "update")
}

func TestDetailsRefused(t *testing.T) {
	x := runningScript(t)
	x.want("fails", event{kind: ended, result: exec.Result{Code: 1, Stderr: "a\nb"}}, "save update forget")
	x.want("first", event{kind: refused, code: codeInvalidRequest}, "update")
	if d := x.s.job.final.Details.reduce(x.s.job.final.fallback); d.Stderr != "a b" {
		t.Errorf("second try sends %q", d)
	}
	x.want("second", event{kind: refused, code: codeInvalidRequest}, "update")
	if d := x.s.job.final.Details.reduce(x.s.job.final.fallback); d.Stderr != "" || d.Reason == "" {
		t.Errorf("third try sends %q", d)
	}
	x.want("never", event{kind: refused, code: codeInvalidRequest}, "save ask")
	x.want("offered again", event{kind: received, execution: execution("a", twoSteps)}, "update")
	x.want("and refused again", event{kind: refused, code: "InvalidJson"}, "save pauseAsk")
}

func TestAnswerToAFinalStatusWasLost(t *testing.T) {
	x := runningScript(t)
	x.want("fails", event{kind: ended, result: exec.Result{Code: 1}}, "save update forget")
	x.want("it had arrived", event{kind: refused, code: "InvalidStateTransition", state: Failed}, "save ask")
	if !x.s.recent[0].Delivered {
		t.Error("is not taken as delivered")
	}
}

func TestCancelled(t *testing.T) {
	other := execution("b", twoSteps)
	x := runningScript(t)
	x.want("another is next", event{kind: notified, execution: other}, "update")
	x.want("old news", event{kind: accepted}, "")
	x.want("none is next", event{kind: notified}, "update")
	x.want("not ours any more", event{kind: refused, code: "TerminalStateReached", state: Canceled}, "end")
	x.want("its end", event{kind: ended, result: exec.Result{Ended: true}}, "save forget ask")
	x.want("the next", event{kind: received, execution: other}, "ready")
}

func TestCancelledBetweenSteps(t *testing.T) {
	x := runningScript(t)
	x.want("none is next", event{kind: notified}, "update")
	x.want("step 1 ends well", event{kind: ended}, "save forget")
	x.want("not ours any more", event{kind: refused, code: "ResourceNotFound"}, "save forget ask")
	x = runningScript(t)
	x.want("none is next", event{kind: notified}, "update")
	x.want("step 1 ends well", event{kind: ended}, "save forget")
	x.want("still ours", event{kind: accepted}, "ready")
}

func TestNewExecutionNumberIsANewRun(t *testing.T) {
	x := runningScript(t)
	x.want("fails", event{kind: ended, result: exec.Result{Code: 1}}, "save update forget")
	x.want("delivered", event{kind: accepted}, "save ask")
	retry := execution("a", twoSteps)
	retry.Number = 2
	x.want("again, number 2", event{kind: received, execution: retry}, "ready")
}

func TestRebootOnlyByBootID(t *testing.T) {
	x := runningScript(t)
	x.want("194", event{kind: ended, boot: "one", result: exec.Result{Code: 194}}, "save forget reboot")
	onDisk, err := decodeState(encodeState(x.s))
	if err != nil {
		t.Fatal(err)
	}
	for boot, want := range map[string]string{"one": "save reboot", "two": "ready"} {
		y := &script{t: t}
		s, actions := resume(onDisk, testRules, event{boot: boot})
		y.s = s
		var words []string
		for _, a := range actions {
			if name := actionNames[a.kind]; name != "" {
				words = append(words, name)
			}
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("after a restart with boot id %q: does %q; want %q", boot, got, want)
		}
	}
	x.want("still here", event{kind: rebootDue}, "save reboot")
	x.want("still here", event{kind: rebootDue}, "save reboot")
	x.want("no way", event{kind: rebootDue}, "save update forget")
	if r := x.s.job.final.Details.Reason; !strings.Contains(r, "has not rebooted") || x.s.job.final.Status != Failed {
		t.Errorf("reports %+v", x.s.job.final)
	}
}

func TestInterrupted(t *testing.T) {
	x := runningScript(t)
	x.want("SIGINT", event{kind: interrupted}, "end")
	x.want("its end", event{kind: ended, result: exec.Result{Ended: true}}, "save update forget")
	x.want("delivered", event{kind: accepted}, "save quit")
	if d := x.s.recent[0]; d.Status != Failed {
		t.Errorf("remembered %+v", d)
	}
}

func TestRejected(t *testing.T) {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	x.want("bad", event{kind: received, execution: execution("a", `{"version":"1.0","steps":[]}`)}, "save update")
	if f := x.s.job.final; f.Status != Rejected || f.Details.Reason != "steps: want at least one step, got none" {
		t.Errorf("reports %+v", f)
	}
}

func TestIgnoredFailures(t *testing.T) {
	x := &script{t: t}
	x.want("connect", event{kind: connected}, "ask")
	x.want("job", event{kind: received, execution: execution("a", modelDocument([]bool{true, false}))}, "ready")
	x.want("no runner", event{kind: ready, err: errTest("no memory")}, "save ready forget")
	x.want("runner", event{kind: ready, identity: exec.Identity{PID: 1}}, "save run")
	x.want("well", event{kind: ended}, "save update forget")
	if f := x.s.job.final; f.Status != Succeeded || !strings.Contains(f.Details.Reason, `ignored: step 1 of 2 "s1": no memory`) {
		t.Errorf("reports %+v", f)
	}
}

type errTest string

func (e errTest) Error() string { return string(e) }
