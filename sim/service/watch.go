package service

import (
	"cmp"
	"slices"
	"sync"
)

// Watch follows the executions of a job on a thing; an empty name stands for
// all. The channel first gives those that there are, then every change in
// order, with nothing missing in between. It is closed by stop and by Close of
// the service. Stop must be called.
func (s *Service) Watch(jobID, thing string) (changes <-chan Execution, stop func()) {
	w := &watch{jobID: jobID, thing: thing, wake: make(chan struct{}, 1), stop: make(chan struct{}), out: make(chan Execution)}
	s.mu.Lock()
	for _, e := range s.matchingLocked(w) {
		w.push(e)
	}
	s.hub.join(w)
	s.mu.Unlock()
	go w.pump()
	return w.out, w.end
}

func (s *Service) matchingLocked(w *watch) []Execution {
	var all []Execution
	for _, things := range s.runs {
		for _, runs := range things {
			for _, e := range runs {
				if w.wants(e) {
					all = append(all, e.clone())
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Execution) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// hub is all watches of a service.
type hub struct {
	mu      sync.Mutex
	watches []*watch
	closed  bool
}

func (h *hub) join(w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		w.end()
		return
	}
	h.watches = append(h.watches, w)
}

func (h *hub) publish(e Execution) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches = slices.DeleteFunc(h.watches, (*watch).ended)
	for _, w := range h.watches {
		if w.wants(&e) {
			w.push(e.clone())
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, w := range h.watches {
		w.end()
	}
	h.watches = nil
}

// A watch queues without bound: its reader may be slow, the service may not.
type watch struct {
	jobID, thing string
	wake         chan struct{}
	stop         chan struct{}
	once         sync.Once
	out          chan Execution

	mu    sync.Mutex
	queue []Execution
}

func (w *watch) wants(e *Execution) bool {
	return (w.jobID == "" || w.jobID == e.JobID) && (w.thing == "" || w.thing == e.Thing)
}

func (w *watch) push(e Execution) {
	w.mu.Lock()
	w.queue = append(w.queue, e)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) pop() (Execution, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return Execution{}, false
	}
	e := w.queue[0]
	w.queue = w.queue[1:]
	return e, true
}

func (w *watch) pump() {
	defer close(w.out)
	for {
		e, ok := w.pop()
		if !ok {
			select {
			case <-w.wake:
				continue
			case <-w.stop:
				return
			}
		}
		select {
		case w.out <- e:
		case <-w.stop:
			return
		}
	}
}

func (w *watch) end() { w.once.Do(func() { close(w.stop) }) }

func (w *watch) ended() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}
