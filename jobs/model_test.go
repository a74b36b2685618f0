package jobs

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"jobbox/exec"
)

var (
	modelSeed = flag.Uint64("model.seed", 0, "replay one sequence of the model test")
	modelRuns = flag.Uint64("model.runs", 1000, "how many random sequences the model test tries")
)

// TestModel drives the state machine with random sequences of everything that
// can happen to it, and checks after each that no step ran twice, that no two
// ran at once, that what was reported is true; and at the end, that every job
// has come to its end.
func TestModel(t *testing.T) {
	first, last := uint64(1), *modelRuns
	if testing.Short() {
		last = min(last, 100) // emulated cores are slow
	}
	if *modelSeed != 0 {
		first, last = *modelSeed, *modelSeed
	}
	for seed := first; seed <= last; seed++ {
		w := newWorld(seed, *modelSeed != 0, t)
		if problem := w.live(); problem != "" {
			t.Fatalf("%s\nreplay: go test ./jobs -run TestModel -args -model.seed=%d", problem, seed)
		}
	}
}

// modelStep is one step ID as the runner knows it.
type modelStep struct {
	step   exec.Step
	runner exec.Identity
	result *exec.Result
	gone   bool // its result was lost with the machine

	forgotten bool // the agent had its result's files removed
}

type world struct {
	*rand.Rand
	t         *testing.T
	verbose   bool
	service   *modelService
	toService []modelRequest
	toDevice  []event
	agent     State
	rules     Rules
	disk      []byte
	armed     map[eventKind]bool
	local     []event // what the agent's own goroutines are about to push
	boot      int
	cuts      int // of the power, or of the runner's life
	runner    exec.Identity
	steps     map[string]*modelStep
	order     []string // step IDs as they were begun
	watched   string   // the step that the agent waits for
	jobs      int
	problem   string
	crashes   bool // the agent may die between any two actions
}

func newWorld(seed uint64, verbose bool, t *testing.T) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 0)), t: t, verbose: verbose,
		service: &modelService{finals: map[ID]int{}},
		rules:   Rules{Policy: AllowAll, Self: "root", BuiltIn: func(string) bool { return false }, MaxAttempts: 3},
		steps:   map[string]*modelStep{}, boot: 1,
	}
	w.service.notify = func(x *Execution) { w.toDevice = append(w.toDevice, event{kind: notified, execution: x}) }
	w.restart()
	return w
}

func (w *world) bootID() string { return fmt.Sprintf("boot-%d", w.boot) }

func (w *world) fail(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
}

// restart is a new agent, with what is on disk.
func (w *world) restart() {
	loaded := State{}
	if w.disk != nil {
		var err error
		if loaded, err = decodeState(w.disk); err != nil {
			w.fail("the journal cannot be read: %v\n%s", err, w.disk)
			return
		}
	}
	loaded.session = fmt.Sprintf("s%d", w.Uint32())
	w.armed, w.local, w.watched = map[eventKind]bool{}, nil, ""
	s, actions := resume(loaded, w.rules, event{boot: w.bootID()})
	w.agent = s
	if died := w.carryOut(actions); died {
		w.revive()
	}
}

func (w *world) feed(e event) {
	e.boot = w.bootID()
	if w.verbose {
		w.t.Logf("phase %d: event %d token %q code %q exec %v", w.agent.phase, e.kind, e.token, e.code, e.execution)
	}
	s, actions := next(w.agent, e, w.rules)
	w.agent = s
	if died := w.carryOut(actions); died {
		w.revive()
	}
}

// revive is what comes after the agent died in the middle of its actions.
func (w *world) revive() {
	if w.IntN(2) == 0 {
		w.powerCut()
		return
	}
	w.restart()
}

func (w *world) carryOut(actions []action) (died bool) {
	for _, a := range actions {
		if w.crashes && w.IntN(40) == 0 {
			return true
		}
		switch a.kind {
		case save:
			w.disk = encodeState(w.agent)
		case askNext:
			w.send(modelRequest{token: w.agent.ask.token, ask: true})
		case sendUpdate:
			r := modelRequest{token: w.agent.update.token, id: w.agent.job.ID, status: InProgress}
			if f := w.agent.job.final; f != nil {
				r.status, r.detail = f.Status, f.Details.reduce(f.fallback)
			}
			w.send(r)
		case waitAsk, pauseAsk:
			w.armed[askDue] = true
		case waitUpdate, pauseUpdate:
			w.armed[updateDue] = true
		case makeReady:
			w.makeReady()
		case runStep:
			w.runStep(w.agent.job.plan(w.rules), w.agent.job.begun)
		case endStep:
			w.endStep(a.step)
		case forgetStep:
			w.forget(a.step)
		case rebootNow:
			w.armed[rebootDue] = true
		}
		if w.verbose {
			w.t.Logf("    action %d %s", a.kind, a.text)
		}
	}
	return false
}

func (w *world) forget(id string) {
	if s := w.steps[id]; s != nil {
		s.forgotten = true
	}
}

func (w *world) send(r modelRequest) {
	if w.agent.connected {
		w.toService = append(w.toService, r)
	}
}

func (w *world) makeReady() {
	if w.runner.PID == 0 {
		w.runner = exec.Identity{PID: 100 + len(w.order), StartTime: uint64(w.Uint32()), BootID: w.bootID()}
	}
	w.local = append(w.local, event{kind: ready, identity: w.runner})
}

// runStep is exec.Client.Run as its contract has it.
func (w *world) runStep(step exec.Step, begun *exec.Identity) {
	w.watched = step.ID
	known := w.steps[step.ID]
	switch {
	case known != nil && known.forgotten:
		w.fail("step %s is asked for after its result was forgotten", step.ID)
	case known != nil && known.result != nil && !known.gone:
		w.local = append(w.local, event{kind: ended, result: *known.result})
	case known != nil && !known.gone:
	case begun != nil && *begun != w.runner, known != nil:
		w.local = append(w.local, event{kind: ended, result: exec.Result{Interrupted: true}})
	default:
		w.begin(step)
	}
}

// begin checks that this step may run at all.
func (w *world) begin(step exec.Step) {
	for _, s := range w.steps {
		if s.result == nil && !s.gone {
			w.fail("step %s begins while %s runs", step.ID, s.step.ID)
		}
		if s.step.JobID == step.JobID && s.step.Number > step.Number {
			w.fail("step %s begins after %s", step.ID, s.step.ID)
		}
		if s.step.JobID == step.JobID && s.step.Number == step.Number && s.result != nil && !s.gone && s.result.Code != rebootStatus {
			w.fail("step %s runs again although %s ended with %+v", step.ID, s.step.ID, *s.result)
		}
	}
	w.steps[step.ID] = &modelStep{step: step, runner: w.runner}
	w.order = append(w.order, step.ID)
}

func (w *world) runningStep() *modelStep {
	for _, s := range w.steps {
		if s.result == nil && !s.gone {
			return s
		}
	}
	return nil
}

func (w *world) finish(s *modelStep, r exec.Result) {
	s.result = &r
	if w.watched == s.step.ID {
		w.local = append(w.local, event{kind: ended, result: r})
	}
}

func (w *world) endStep(id string) {
	if s := w.steps[id]; s != nil && s.result == nil && !s.gone {
		w.finish(s, exec.Result{Ended: true, Signal: 0})
	}
}

// outcome is one way for a step to end.
func (w *world) outcome() exec.Result {
	switch w.IntN(10) {
	case 0:
		return exec.Result{Code: 1}
	case 1:
		return exec.Result{Signal: syscall.SIGKILL}
	case 2:
		return exec.Result{Code: rebootStatus}
	case 3:
		return exec.Result{Failure: "no such file"}
	}
	return exec.Result{Stdout: "out\n"}
}
