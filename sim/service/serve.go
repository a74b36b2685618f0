package service

import (
	"errors"
	"time"
)

// Serve answers one publish by a device and then sends the notifications that
// follow from it. answer gets what goes back to the publishing client, and to
// nobody else; it is called before Serve returns, or later where a fault says
// so. The result is false, and nothing happens, when topic is no Jobs request.
func (s *Service) Serve(topic string, payload []byte, answer func(Message)) bool {
	if !isRequest(topic) {
		return false
	}
	answers, f := s.process(topic, payload)
	if f.notifyFirst {
		s.out.flush()
	}
	reply := func() {
		for _, m := range answers {
			answer(m)
		}
	}
	if f.delay > 0 {
		time.AfterFunc(f.delay, reply)
	} else {
		reply()
	}
	s.out.flush()
	return true
}

// Request is Serve for callers that want the answers in hand: nil when topic
// is no Jobs request or the answer is to be lost. The notifications have been
// sent when it returns, and so come before the answers; a delayed answer keeps
// it waiting.
func (s *Service) Request(topic string, payload []byte) []Message {
	if !isRequest(topic) {
		return nil
	}
	answers, f := s.process(topic, payload)
	s.out.flush()
	if f.delay > 0 {
		<-time.After(f.delay)
	}
	return answers
}

// OnNotify registers a receiver of notify and notify-next messages. It is
// called outside all locks, for each thing in the order of the changes.
func (s *Service) OnNotify(f func(Message)) {
	s.out.register(f)
}

// process carries a request out, or not, as the faults will have it.
func (s *Service) process(topic string, payload []byte) ([]Message, effect) {
	r, _ := parseTopic(topic)
	s.noteRequest(r.thing, Message{topic, payload})
	parsed := r.parseBody(payload)
	f := s.faults.forRequest(r)
	if f.code != "" && !f.done {
		return s.reject(r, refuse(f.code, "%s", f.message)), f
	}
	if f.lose && !f.done {
		return nil, f
	}
	answers := s.carryOut(r, parsed)
	switch {
	case f.lose:
		return nil, f
	case f.code != "":
		answers = s.reject(r, refuse(f.code, "%s", f.message))
	}
	once := answers
	for range f.duplicate {
		answers = append(answers, once...)
	}
	return answers, f
}

func (s *Service) carryOut(r *request, err error) []Message {
	var a *answer
	if err == nil {
		a, err = s.handle(r)
	}
	if err != nil {
		return s.reject(r, err)
	}
	return s.reply(r, "accepted", a)
}

func (s *Service) handle(r *request) (*answer, error) {
	switch {
	case r.op == "start-next":
		return s.handleStartNext(r)
	case r.op == "update":
		return s.handleUpdate(r)
	case r.op == "get" && r.jobID == "":
		return s.handlePending(r)
	case r.op == "get":
		return s.handleDescribe(r)
	}
	return nil, refuse(InvalidTopic, "Topic does not map to any API operation")
}

func (s *Service) reject(r *request, err error) []Message {
	var e *Error
	if !errors.As(err, &e) {
		e = refuse(InternalError, "%v", err)
	}
	a := &answer{Code: e.Code, Message: e.Message}
	if e.State != nil && (e.Code == VersionMismatch || e.Code == InvalidStateTransition) {
		a.ExecutionState = wireStateOf(e.State)
	}
	return s.reply(r, "rejected", a)
}

func (s *Service) handleStartNext(r *request) (*answer, error) {
	var in StartNextInput
	err := r.fields(map[string]any{"statusDetails": &in.StatusDetails, "stepTimeoutInMinutes": &in.StepTimeoutInMinutes})
	if err != nil {
		return nil, err
	}
	e, err := s.startNext(r.thing, in)
	if err != nil || e == nil {
		return &answer{}, err
	}
	return &answer{Execution: s.wire(e, true)}, nil
}

func (s *Service) handleUpdate(r *request) (*answer, error) {
	in, err := r.updateInput()
	if err != nil {
		return nil, err
	}
	state, err := r.flag("includeJobExecutionState", false)
	if err != nil {
		return nil, err
	}
	document, err := r.flag("includeJobDocument", false)
	if err != nil {
		return nil, err
	}
	e, err := s.update(r.thing, r.jobID, in)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	if state {
		a.ExecutionState = wireStateOf(e)
	}
	if document {
		a.JobDocument = []byte(s.DeliverDocument(r.jobID))
	}
	return a, nil
}

func (r *request) updateInput() (in UpdateInput, err error) {
	err = r.fields(map[string]any{
		"status":               &in.Status,
		"statusDetails":        &in.StatusDetails,
		"executionNumber":      &in.ExecutionNumber,
		"stepTimeoutInMinutes": &in.StepTimeoutInMinutes,
	})
	if err != nil {
		return in, err
	}
	in.ExpectedVersion, err = r.number("expectedVersion")
	return in, err
}

func (s *Service) handlePending(r *request) (*answer, error) {
	inProgress, queued, err := s.Pending(r.thing)
	if err != nil {
		return nil, err
	}
	a, b := s.summaries(inProgress), s.summaries(queued)
	return &answer{InProgressJobs: &a, QueuedJobs: &b}, nil
}

func (s *Service) handleDescribe(r *request) (*answer, error) {
	var number int64
	if _, err := r.field("executionNumber", &number); err != nil {
		return nil, err
	}
	document, err := r.flag("includeJobDocument", true)
	if err != nil {
		return nil, err
	}
	e, err := s.DescribeExecution(r.thing, r.jobID, number)
	if err != nil || e == nil {
		return &answer{}, err
	}
	w := s.wire(e, document)
	w.ApproximateSecondsBeforeTimedOut = s.SecondsLeft(e)
	return &answer{Execution: w}, nil
}
