package exec

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// A task is a step that runs, or whose remains are being cleared up.
type task struct {
	step     Step
	marker   marker // guarded by the server's lock
	end      context.CancelFunc
	done     chan struct{}
	result   Result // after done
	watchers map[*watcher]struct{}
}

// A watcher is a connection that waits for a task. Lines are for the log only:
// one that does not keep up loses them.
type watcher struct {
	lines chan event
	lost  int
}

// begin starts a step, or finds the one that runs. Where it has ended already,
// its result is returned instead. watch sees what comes from then on, which is all
// of it where the step is started. A step that began under a runner that is gone
// is not started again: what is left of it is ended, and it was interrupted.
func (s *server) begin(step Step, watch *watcher) (*task, Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tasks[step.ID]; t != nil {
		t.watchers[watch] = struct{}{}
		return t, Result{}, nil
	}
	if r, ok := s.unsaved[step.ID]; ok {
		return nil, r, nil
	}
	r, err := readResult(s.opts.RunDir, step.ID)
	if err == nil {
		return nil, r, nil
	}
	if s.retired {
		return nil, Result{}, errRetired
	}
	// A result that cannot be read is none, and its step has run.
	old := begun(s.opts.RunDir, step.ID) || !errors.Is(err, fs.ErrNotExist)
	return s.startLocked(step, old, watch), Result{}, nil
}

var errRetired = errors.New("this runner is retired")

func (s *server) startLocked(step Step, old bool, watch *watcher) *task {
	ctx, end := context.WithCancel(context.Background())
	t := &task{
		step: step, marker: marker{step: step, runner: s.self}, end: end,
		done: make(chan struct{}), watchers: map[*watcher]struct{}{watch: {}},
	}
	s.tasks[step.ID] = t
	s.settleLocked()
	if old {
		go s.bury(t)
	} else {
		// Should the run directory be full, the agent's journal still knows.
		_ = writeMarker(s.opts.RunDir, t.marker)
		go s.work(ctx, t)
	}
	return t
}

func (s *server) work(ctx context.Context, t *task) {
	defer t.end()
	e := execution{
		step: t.step, opts: s.opts,
		started: func(pid int) { s.mark(t, pid) },
		leave:   s.adopt,
	}
	if t.step.LogOutput {
		e.lines = func(stream, line string, dropped int) { s.tell(t, stream, line, dropped) }
	}
	r := e.run(ctx)
	if s.goingDown(r) {
		return // nobody knows how it would have ended; the process goes with the machine
	}
	s.finish(t, r)
}

// mark says in the marker which process it is.
func (s *server) mark(t *task, pid int) {
	id, err := identify(pid)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.marker.process = id
	_ = writeMarker(s.opts.RunDir, t.marker)
}

// bury ends what is left of a step whose runner is gone.
func (s *server) bury(t *task) {
	defer t.end()
	m, err := readMarker(s.opts.RunDir, t.step.ID)
	if err != nil {
		m = marker{}
	}
	m.step = t.step
	endLeftovers(m, s.opts.grace())
	s.finish(t, Result{Interrupted: true})
}

// finish writes the result down before anybody hears of it.
func (s *server) finish(t *task, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := writeResult(s.opts.RunDir, t.step.ID, r); err != nil {
		s.unsaved[t.step.ID] = r
	}
	t.result = r
	delete(s.tasks, t.step.ID)
	close(t.done)
	s.settleLocked()
}

// How long we look for our own SIGTERM after a step that has not ended well.
const (
	lookAfterExit   = 200 * time.Millisecond
	lookAfterSignal = time.Second
)

// goingDown says whether r may be the machine's doing: at a shutdown init sends
// SIGTERM to every process in one call, and a step may die of it before we have
// heard ours. The kernel goes through the processes from the oldest to the
// newest, and we are older than our steps: by the time that a step can have died
// of that signal, ours is pending, so what we wait for is only the time until a
// thread of ours runs. A shell that its child's death makes exit with a status
// of its own is the same case. Nothing is waited for after a success, nor where
// the end was our own doing.
func (s *server) goingDown(r Result) bool {
	look := time.Duration(0)
	switch k := r.Kind(); {
	case k == KindSignalled:
		look = lookAfterSignal
	case k == KindExited && r.Code != 0:
		look = lookAfterExit
	}
	t := time.NewTimer(look)
	defer t.Stop()
	select {
	case <-s.down:
		return true
	case <-t.C:
	}
	select {
	case <-s.down:
		return true
	default:
		return false
	}
}

// adopt goes on reading what something left behind still writes.
func (s *server) adopt(out *stream) {
	s.change(func() { s.held++ })
	go func() {
		out.discard()
		s.change(func() { s.held-- })
	}()
}

// tell passes a line of output to who watches; it never waits for them.
func (s *server) tell(t *task, stream, line string, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range t.watchers {
		e := event{name: "line", id: t.step.ID, stream: stream, text: line, dropped: int64(dropped + w.lost)}
		select {
		case w.lines <- e:
			w.lost = 0
		default:
			w.lost++
		}
	}
}
