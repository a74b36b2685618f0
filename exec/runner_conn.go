package exec

import (
	"net"
)

// accept takes connections until the place is given up.
func (s *server) accept(p *place) {
	for {
		c, err := p.listener.AcceptUnix()
		if err != nil {
			return
		}
		s.change(func() { s.peers++ })
		go s.converse(c)
	}
}

// converse answers one connection's requests.
func (s *server) converse(c *net.UnixConn) {
	w := newWire(c)
	defer s.change(func() { s.peers-- })
	defer w.Close()
	if err := peerAllowed(c); err != nil {
		return
	}
	for {
		line, err := w.receive()
		if err != nil {
			return
		}
		if s.answer(w, line) != nil {
			return
		}
	}
}

// answer carries out one request. What it does not understand it says so, and
// goes on: an agent of another version may ask for more than we know.
func (s *server) answer(w *wire, line []byte) error {
	q, err := parseRequest(line)
	if err != nil {
		return w.send(event{name: "error", id: q.id, text: err.Error()}.encode())
	}
	switch q.op {
	case "hello":
		return w.send(s.hello().encode())
	case "run":
		return s.answerRun(w, q.step)
	case "end":
		return w.send(s.endTask(q.id).encode())
	case "forget":
		s.change(func() { delete(s.unsaved, q.id) })
		return w.send(event{name: "ok", id: q.id}.encode())
	case "retire":
		return w.send(s.retire().encode())
	}
	return w.send(event{name: "error", id: q.id, text: "unknown operation"}.encode())
}

func (s *server) hello() event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return event{name: "hello", runner: s.self, config: s.config, steps: int64(len(s.tasks) + len(s.unsaved))}
}

func (s *server) endTask(id string) event {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil {
		return event{name: "unknown", id: id}
	}
	t.end()
	return event{name: "ok", id: id}
}

// retire makes room for a runner with other settings, unless steps run.
func (s *server) retire() event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks)+len(s.unsaved) > 0 {
		return event{name: "busy"}
	}
	if !s.retired {
		s.retireLocked()
	}
	s.settleLocked()
	return event{name: "ok"}
}

func (s *server) answerRun(w *wire, step Step) error {
	if err := checkID(step.ID); err != nil {
		return w.send(event{name: "error", text: err.Error()}.encode())
	}
	watch := &watcher{lines: make(chan event, watchLines)}
	t, r, err := s.begin(step, watch)
	switch {
	case err != nil:
		return w.send(event{name: "busy", id: step.ID}.encode())
	case t == nil:
		return w.send(event{name: "result", id: step.ID, result: r}.encode())
	}
	go s.follow(w, t, watch)
	return nil
}

// watchLines is how many lines may wait for a connection.
const watchLines = 256

// follow sends a task's lines and then its result. Should the connection be
// gone, the result file is there.
func (s *server) follow(w *wire, t *task, watch *watcher) {
	defer s.change(func() { delete(t.watchers, watch) })
	for {
		select {
		case e := <-watch.lines:
			if w.send(e.encode()) != nil {
				return
			}
			continue
		default:
		}
		select {
		case e := <-watch.lines:
			if w.send(e.encode()) != nil {
				return
			}
		case <-t.done:
			s.sendRest(w, t, watch)
			return
		}
	}
}

func (s *server) sendRest(w *wire, t *task, watch *watcher) {
	for {
		select {
		case e := <-watch.lines:
			if w.send(e.encode()) != nil {
				return
			}
		default:
			_ = w.send(event{name: "result", id: t.step.ID, result: t.result}.encode())
			return
		}
	}
}
