package service

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
)

const target = "arn:aws:iot:us-west-2:123456789012:thing/"

// newService is a service in memory with the thing "t" and its notifications.
func newService(t *testing.T, o Options) (*Service, *inbox) {
	t.Helper()
	s, err := Open("", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.CreateThing("t", "", nil); err != nil {
		t.Fatal(err)
	}
	in := &inbox{}
	s.OnNotify(in.add)
	return s, in
}

// inbox is what a device's notification topics have got, a line each:
// "notify QUEUED:a,b" or "next a/1 QUEUED", "next -".
type inbox struct {
	mu    sync.Mutex
	lines []string
}

func (in *inbox) add(m Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var body struct {
		Jobs      map[string][]struct{ JobID string }
		Execution *struct {
			JobID, Status   string
			ExecutionNumber json.Number
		}
	}
	if err := json.Unmarshal(m.Payload, &body); err != nil {
		panic(err)
	}
	switch {
	case strings.HasSuffix(m.Topic, "/notify"):
		line := "notify"
		for _, status := range []string{"IN_PROGRESS", "QUEUED"} {
			for _, j := range body.Jobs[status] {
				line += " " + j.JobID + ":" + status
			}
		}
		in.lines = append(in.lines, line)
	case body.Execution == nil:
		in.lines = append(in.lines, "next -")
	default:
		e := body.Execution
		in.lines = append(in.lines, "next "+e.JobID+"/"+e.ExecutionNumber.String()+" "+e.Status)
	}
}

// take returns the lines since the last take.
func (in *inbox) take() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := strings.Join(in.lines, "; ")
	in.lines = nil
	return all
}

func createJob(t *testing.T, s *Service, jobID string, change ...func(*CreateJobInput)) {
	t.Helper()
	in := CreateJobInput{Targets: []string{target + "t"}, Document: `{"operation":"test"}`}
	for _, f := range change {
		f(&in)
	}
	if _, err := s.CreateJob(jobID, in); err != nil {
		t.Fatalf("CreateJob(%q): %v", jobID, err)
	}
}

// ask sends a request of thing "t" and returns the last part of the answer's
// topic and its body.
func ask(t *testing.T, s *Service, tail, payload string) (string, map[string]any) {
	t.Helper()
	answers := s.Request("$aws/things/t/jobs/"+tail, []byte(payload))
	if len(answers) != 1 {
		t.Fatalf("%s %s: %d answers; want 1", tail, payload, len(answers))
	}
	verdict, ok := strings.CutPrefix(answers[0].Topic, "$aws/things/t/jobs/"+tail+"/")
	if !ok {
		t.Fatalf("%s: answered on %q", tail, answers[0].Topic)
	}
	var body map[string]any
	if err := json.Unmarshal(answers[0].Payload, &body); err != nil {
		t.Fatalf("%s: answer %s: %v", tail, answers[0].Payload, err)
	}
	return verdict, body
}

// codeOf is the code of a refusal, "" for none.
func codeOf(t *testing.T, err error) Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *Error", err)
	}
	return e.Code
}
