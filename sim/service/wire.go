package service

import (
	"bytes"
	"encoding/json"
	"time"
)

// answer is every answer of the MQTT API; each operation fills its own members.
type answer struct {
	Execution      *wireExecution  `json:"execution,omitempty"`
	ExecutionState *wireState      `json:"executionState,omitempty"`
	JobDocument    json.RawMessage `json:"jobDocument,omitempty"`
	InProgressJobs *[]wireSummary  `json:"inProgressJobs,omitempty"`
	QueuedJobs     *[]wireSummary  `json:"queuedJobs,omitempty"`
	Code           Code            `json:"code,omitempty"`
	Message        string          `json:"message,omitempty"`
	Timestamp      int64           `json:"timestamp"`
	ClientToken    string          `json:"clientToken,omitempty"`
}

// wireExecution is JobExecution (jobs-data-plane-data-types).
type wireExecution struct {
	JobID           string            `json:"jobId"`
	ThingName       string            `json:"thingName,omitempty"`
	Status          Status            `json:"status"`
	StatusDetails   map[string]string `json:"statusDetails,omitempty"`
	QueuedAt        int64             `json:"queuedAt"`
	StartedAt       int64             `json:"startedAt,omitempty"`
	LastUpdatedAt   int64             `json:"lastUpdatedAt"`
	VersionNumber   int64             `json:"versionNumber"`
	ExecutionNumber int64             `json:"executionNumber"`
	JobDocument     json.RawMessage   `json:"jobDocument,omitempty"`

	ApproximateSecondsBeforeTimedOut *int64 `json:"approximateSecondsBeforeTimedOut,omitempty"`
}

// wireState is JobExecutionState.
type wireState struct {
	Status        Status            `json:"status"`
	StatusDetails map[string]string `json:"statusDetails,omitempty"`
	VersionNumber int64             `json:"versionNumber"`
}

// wireSummary is JobExecutionSummary.
type wireSummary struct {
	JobID           string `json:"jobId"`
	QueuedAt        int64  `json:"queuedAt"`
	LastUpdatedAt   int64  `json:"lastUpdatedAt"`
	StartedAt       int64  `json:"startedAt,omitempty"`
	ExecutionNumber int64  `json:"executionNumber"`
	VersionNumber   int64  `json:"versionNumber"`
}

// reply makes the message of an answer.
func (s *Service) reply(r *request, verdict string, a *answer) []Message {
	s.mu.Lock()
	a.Timestamp = s.stampLocked(s.nowLocked())
	s.mu.Unlock()
	a.ClientToken = r.token
	return []Message{{r.topic + "/" + verdict, encode(a)}}
}

// encode writes JSON without the escapes for HTML, which would change documents.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: an answer does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (s *Service) wire(e *Execution, document bool) *wireExecution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wireLocked(e, document)
}

func (s *Service) wireLocked(e *Execution, document bool) *wireExecution {
	w := &wireExecution{
		JobID: e.JobID, ThingName: e.Thing, Status: e.Status, StatusDetails: e.Details,
		QueuedAt: s.stampLocked(e.QueuedAt), StartedAt: s.stampLocked(e.StartedAt), LastUpdatedAt: s.stampLocked(e.UpdatedAt),
		VersionNumber: e.Version, ExecutionNumber: e.Number,
	}
	if document {
		w.JobDocument = json.RawMessage(s.deliverLocked(e.JobID))
	}
	return w
}

func wireStateOf(e *Execution) *wireState {
	return &wireState{e.Status, e.Details, e.Version}
}

func (s *Service) summaries(list []Execution) []wireSummary {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []wireSummary{}
	for i := range list {
		all = append(all, s.summaryLocked(&list[i]))
	}
	return all
}

func (s *Service) summaryLocked(e *Execution) wireSummary {
	return wireSummary{
		JobID: e.JobID, QueuedAt: s.stampLocked(e.QueuedAt), LastUpdatedAt: s.stampLocked(e.UpdatedAt),
		StartedAt: s.stampLocked(e.StartedAt), ExecutionNumber: e.Number, VersionNumber: e.Version,
	}
}

// stampLocked is a time on the wire: seconds since the epoch, 0 for none.
func (s *Service) stampLocked(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case s.o.Milliseconds:
		return t.UnixMilli()
	}
	return t.Unix()
}

// SecondsLeft is approximateSecondsBeforeTimedOut: nil without a timer.
func (s *Service) SecondsLeft(e *Execution) *int64 {
	at := e.TimesOutAt()
	if at.IsZero() || e.Status.Final() {
		return nil
	}
	n := max(0, int64(at.Sub(s.Now()).Seconds()))
	return &n
}
