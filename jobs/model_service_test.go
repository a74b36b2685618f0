package jobs

import (
	"fmt"

	"jobbox/internal/jsontext"
)

// modelService is the Jobs service as SPEC section 2 describes it, for one
// thing and without a network.
type modelService struct {
	executions []*modelExecution // in the order of queueing
	head       ID                // what notify-next named last
	notify     func(*Execution)
	finals     map[ID]int // accepted final statuses
}

type modelExecution struct {
	ID
	document string
	status   Status
	details  Details
}

func (x *modelExecution) terminal() bool { return x.status != Queued && x.status != InProgress }

func (x *modelExecution) message() *Execution {
	v, err := jsontext.Parse([]byte(x.document), MaxDocument)
	if err != nil {
		panic(err)
	}
	return &Execution{ID: x.ID, Status: x.status, Document: v}
}

// next is what start-next returns and notify-next names.
func (s *modelService) next() *modelExecution {
	for _, want := range []Status{InProgress, Queued} {
		for _, x := range s.executions {
			if x.status == want {
				return x
			}
		}
	}
	return nil
}

// changed publishes notify-next where the head of the queue has changed.
func (s *modelService) changed() {
	head, message := ID{}, (*Execution)(nil)
	if x := s.next(); x != nil {
		head, message = x.ID, x.message()
	}
	if head != s.head {
		s.head = head
		s.notify(message)
	}
}

func (s *modelService) find(id ID) *modelExecution {
	for _, x := range s.executions {
		if x.ID == id {
			return x
		}
	}
	return nil
}

func (s *modelService) queue(id ID, document string) {
	s.executions = append(s.executions, &modelExecution{ID: id, document: document, status: Queued})
	s.changed()
}

// end is the operator's or the timer's doing.
func (s *modelService) end(x *modelExecution, status Status) {
	if !x.terminal() {
		x.status = status
		s.changed()
	}
}

// request is what the device publishes.
type modelRequest struct {
	token  string
	ask    bool
	id     ID
	status Status
	detail Details
}

// answer carries a request out.
func (s *modelService) answer(r modelRequest) event {
	if r.ask {
		return s.answerAsk(r)
	}
	x := s.find(r.id)
	switch {
	case x == nil:
		return event{kind: refused, token: r.token, code: "ResourceNotFound"}
	case x.terminal():
		return event{kind: refused, token: r.token, code: "InvalidStateTransition", state: x.status}
	}
	x.status, x.details = r.status, r.detail
	if x.terminal() {
		s.finals[x.ID]++
	}
	s.changed()
	return event{kind: accepted, token: r.token}
}

func (s *modelService) answerAsk(r modelRequest) event {
	x := s.next()
	if x == nil {
		return event{kind: noJob, token: r.token}
	}
	x.status = InProgress
	s.changed()
	return event{kind: received, token: r.token, execution: x.message()}
}

// document is one of n runCommand steps, some of whose failures are ignored.
func modelDocument(ignore []bool) string {
	var w jsontext.Writer
	w.BeginObject()
	w.Key("version")
	w.String("1.0")
	w.Key("steps")
	w.BeginArray()
	for i, ignored := range ignore {
		w.Raw(fmt.Appendf(nil, `{"action":{"name":"s%d","type":"runCommand","input":{"command":"x"},"ignoreStepFailure":%t}}`, i+1, ignored))
	}
	w.EndArray()
	w.EndObject()
	return string(w.Bytes())
}
