package jobs

import (
	"fmt"

	"jobbox/internal/jsontext"
)

// maxMessage is the longest message that is looked at: AWS IoT Core's own limit
// on a payload.
const maxMessage = 128 * 1024

// ID names one execution: the same job with another number is another run.
type ID struct {
	Job    string
	Number int64
}

// Execution is what the service says of an execution.
type Execution struct {
	ID
	Status   Status
	Version  int64
	Document jsontext.Value
}

// answer is any message of the service; what it does not hold is zero.
type answer struct {
	token     string
	execution *Execution
	code      string // of a rejection
	message   string
	state     Status // executionState.status
}

// parseAnswer reads a message of any kind. Only the envelope is checked here:
// what is wrong with a job document is reported for its job.
func parseAnswer(data []byte) (a answer, err error) {
	v, err := jsontext.ParseEnvelope(data, maxMessage)
	if err != nil {
		return a, err
	}
	if _, err := v.Object(); err != nil {
		return a, err
	}
	if a.token, err = optional(v.Get("clientToken")); err != nil {
		return a, err
	}
	if a.code, err = optional(v.Get("code")); err != nil {
		return a, err
	}
	if a.message, err = optional(v.Get("message")); err != nil {
		return a, err
	}
	state, err := optional(v.Get("executionState").Get("status"))
	if err != nil {
		return a, err
	}
	a.state = Status(state)
	if e := v.Get("execution"); e.Exists() {
		a.execution, err = parseExecution(e)
	}
	return a, err
}

// parseExecution reads an execution. An empty object, as some versions of the
// service send for "none", is none.
func parseExecution(v jsontext.Value) (*Execution, error) {
	members, err := v.Object()
	if err != nil || len(members) == 0 {
		return nil, err
	}
	e := new(Execution)
	if e.Job, err = v.Get("jobId").Text(); err != nil {
		return nil, err
	}
	if !validJobID(e.Job) {
		return nil, v.Get("jobId").Errorf("want 1 to 64 of A-Z a-z 0-9 _ -, got %q", cut(e.Job, 80))
	}
	if e.Number, err = v.Get("executionNumber").Int(); err != nil {
		return nil, err
	}
	if n := v.Get("versionNumber"); n.Exists() {
		if e.Version, err = n.Int(); err != nil {
			return nil, err
		}
	}
	status, err := v.Get("status").Text()
	e.Status, e.Document = Status(status), v.Get("jobDocument")
	return e, err
}

// document is the job document that an execution carries: an object, or, as
// some descriptions of the service have it, a string that holds one.
func (e *Execution) document() (jsontext.Value, error) {
	v := e.Document
	if v.Kind() == "a string" {
		s, _ := v.Text()
		inner, err := jsontext.ParseEnvelope([]byte(s), MaxDocument)
		if err != nil {
			return v, fmt.Errorf("jobDocument: %w", err)
		}
		v = inner
	}
	if v.Kind() != "an object" {
		return v, fmt.Errorf("jobDocument: want an object, got %s", v.Kind())
	}
	if n := len(v.JSON()); n > MaxDocument {
		return v, fmt.Errorf("jobDocument: want at most %d bytes, got %d", MaxDocument, n)
	}
	return v.Root(), nil
}
