package service

import "bytes"

// record remembers what happened, for tests. It is bounded and not on disk.
type record struct {
	events   []Execution
	requests []thingMessage
}

type thingMessage struct {
	thing string
	Message
}

func (r *record) add(e Execution) { r.events = keep(r.events, e) }

// History is every change of the executions on a thing since the service was
// opened, in order; UpdatedAt is when. A deletion has Deleted set.
func (s *Service) History(thing string) []Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Execution
	for _, e := range s.history.events {
		if e.Thing == thing {
			all = append(all, e.clone())
		}
	}
	return all
}

// Requests is every Jobs request that came from a thing since the service was
// opened, refused ones too.
func (s *Service) Requests(thing string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Message
	for _, r := range s.history.requests {
		if r.thing == thing {
			all = append(all, r.Message)
		}
	}
	return all
}

func (s *Service) noteRequest(thing string, m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Payload = bytes.Clone(m.Payload) // the broker's buffer
	s.history.requests = keep(s.history.requests, thingMessage{thing, m})
}
