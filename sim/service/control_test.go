package service

import (
	"strings"
	"testing"
)

func TestCreateJobRefused(t *testing.T) {
	tests := []struct {
		name   string
		jobID  string
		change func(*CreateJobInput)
		want   Code
		text   string
	}{
		{"good", "b", func(*CreateJobInput) {}, "", ""},
		{"other account", "b", func(in *CreateJobInput) { in.Targets[0] = "arn:aws:iot:us-west-2:XXXXXXXXXX:thing/t" }, "", ""},
		{"twice", "a", func(*CreateJobInput) {}, ResourceAlreadyExists, "a"},
		{"bad id", "a b", func(*CreateJobInput) {}, InvalidRequest, "jobId"},
		{"long id", strings.Repeat("x", 65), func(*CreateJobInput) {}, InvalidRequest, "jobId"},
		{"no target", "b", func(in *CreateJobInput) { in.Targets = nil }, InvalidRequest, "targets"},
		{"bad target", "b", func(in *CreateJobInput) { in.Targets[0] = "t" }, InvalidRequest, "targets"},
		{"unknown thing", "b", func(in *CreateJobInput) { in.Targets[0] = target + "x" }, ResourceNotFound, "x"},
		{"group", "b", func(in *CreateJobInput) { in.Targets[0] = "arn:aws:iot:us-west-2:1:thinggroup/g" }, InvalidRequest, "not simulated"},
		{"no document", "b", func(in *CreateJobInput) { in.Document = "" }, InvalidRequest, "document"},
		{"no JSON", "b", func(in *CreateJobInput) { in.Document = "{" }, InvalidRequest, "JSON"},
		{"32768 bytes", "b", func(in *CreateJobInput) { in.Document = `"` + strings.Repeat("x", 32766) + `"` }, "", ""},
		{"32769 bytes", "b", func(in *CreateJobInput) { in.Document = `"` + strings.Repeat("x", 32767) + `"` }, InvalidRequest, "32768"},
		{"continuous", "b", func(in *CreateJobInput) { in.TargetSelection = "CONTINUOUS" }, InvalidRequest, "not simulated"},
		{"selection", "b", func(in *CreateJobInput) { in.TargetSelection = "ONCE" }, InvalidRequest, "targetSelection"},
		{"source", "b", func(in *CreateJobInput) { in.DocumentSource = "https://s3/x" }, InvalidRequest, "not simulated"},
		{"abort", "b", func(in *CreateJobInput) { in.AbortConfig = []byte(`{}`) }, InvalidRequest, "not simulated"},
		{"schedule", "b", func(in *CreateJobInput) { in.SchedulingConfig = []byte(`{}`) }, InvalidRequest, "not simulated"},
		{"namespace", "b", func(in *CreateJobInput) { in.NamespaceID = "n" }, InvalidRequest, "not simulated"},
		{"time-out", "b", func(in *CreateJobInput) { in.TimeoutConfig = &TimeoutConfig{minutes(10081)} }, InvalidRequest, "inProgressTimeoutInMinutes"},
		{"expiry", "b", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{ExpiresInSec: 59} }, InvalidRequest, "expiresInSec"},
		{"retries", "b", func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{[]RetryCriteria{{"FAILED", 11}}} }, InvalidRequest, "numberOfRetries"},
		{"retry type", "b", func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{[]RetryCriteria{{"REJECTED", 1}}} }, InvalidRequest, "failureType"},
		{"no criteria", "b", func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{} }, InvalidRequest, "criteriaList"},
		{"parameters without template", "b", func(in *CreateJobInput) { in.DocumentParameters = map[string]string{"a": "b"} }, InvalidRequest, "template"},
		{"template and document", "b", func(in *CreateJobInput) { in.JobTemplateARN = "arn:aws:iot:us-west-2::jobtemplate/AWS-Reboot:1.0" }, InvalidRequest, "both"},
	}
	for _, tt := range tests {
		s, in := newService(t, Options{})
		createJob(t, s, "a")
		in.take()
		body := CreateJobInput{Targets: []string{target + "t"}, Document: `{}`}
		tt.change(&body)
		_, err := s.CreateJob(tt.jobID, body)
		if got := codeOf(t, err); got != tt.want || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v; want %q with %q", tt.name, err, tt.want, tt.text)
		}
		if err != nil && in.take() != "" {
			t.Errorf("%s: refused, and yet notified", tt.name)
		}
	}
}

func TestCancel(t *testing.T) {
	s, in := newService(t, Options{})
	for _, job := range []string{"a", "b", "c"} {
		createJob(t, s, job)
	}
	ask(t, s, "start-next", `{}`)
	in.take()
	steps := []struct {
		name  string
		do    func() error
		want  Code
		notes string
	}{
		{"one that runs", func() error { return s.CancelJobExecution("a", "t", CancelExecutionInput{}) }, InvalidStateTransition, ""},
		{"job that runs, without force", func() error { _, err := s.CancelJob("a", CancelJobInput{}); return err }, "", ""},
		{"job that runs, with force", func() error { _, err := s.CancelJob("a", CancelJobInput{Force: true}); return err }, "", "notify b:QUEUED c:QUEUED; next b/1 QUEUED"},
		{"wrong version", func() error { return s.CancelJobExecution("c", "t", CancelExecutionInput{ExpectedVersion: minutes(2)}) }, VersionMismatch, ""},
		{"empty detail", func() error {
			return s.CancelJobExecution("c", "t", CancelExecutionInput{StatusDetails: map[string]string{"k": ""}})
		}, InvalidRequest, ""},
		{"one that waits behind", func() error { return s.CancelJobExecution("c", "t", CancelExecutionInput{}) }, "", "notify b:QUEUED"},
		{"the last", func() error { _, err := s.CancelJob("b", CancelJobInput{}); return err }, "", "notify; next -"},
		{"again", func() error { return s.CancelJobExecution("b", "t", CancelExecutionInput{Force: true}) }, InvalidStateTransition, ""},
		{"unknown", func() error { _, err := s.CancelJob("x", CancelJobInput{}); return err }, ResourceNotFound, ""},
		{"job that is completed", func() error { _, err := s.CancelJob("c", CancelJobInput{}); return err }, InvalidRequest, ""},
	}
	for _, step := range steps {
		if got := codeOf(t, step.do()); got != step.want {
			t.Errorf("%s: %q; want %q", step.name, got, step.want)
		}
		if got := in.take(); got != step.notes {
			t.Errorf("%s: notified %q; want %q", step.name, got, step.notes)
		}
	}
	_, body := ask(t, s, "a/update", `{"status":"SUCCEEDED"}`)
	if body["code"] != "InvalidStateTransition" || body["executionState"].(map[string]any)["status"] != "CANCELED" {
		t.Errorf("update of a cancelled job: %v", body)
	}
}

// A job that is cancelled without force lets what runs come to its end.
func TestCancelLeavesRunning(t *testing.T) {
	s, _ := newService(t, Options{})
	createJob(t, s, "a", func(in *CreateJobInput) { in.RetryConfig = &RetryConfig{[]RetryCriteria{{"ALL", 3}}} })
	ask(t, s, "start-next", `{}`)
	s.CancelJob("a", CancelJobInput{})
	if verdict, body := ask(t, s, "a/update", `{"status":"FAILED"}`); verdict != "accepted" {
		t.Errorf("update: %v", body)
	}
	if all, _ := s.ListJobExecutionsForJob("a"); len(all) != 1 {
		t.Errorf("%d runs; want no retry of a cancelled job", len(all))
	}
	if j, counts, _ := s.DescribeJob("a"); j.Status != JobCanceled || counts[Failed] != 1 {
		t.Errorf("job %s %v; want CANCELED with a FAILED thing", j.Status, counts)
	}
}

func TestDelete(t *testing.T) {
	s, in := newService(t, Options{})
	createJob(t, s, "a")
	createJob(t, s, "b")
	ask(t, s, "start-next", `{}`)
	in.take()
	steps := []struct {
		name  string
		do    func() error
		want  Code
		notes string
	}{
		{"execution that runs", func() error { return s.DeleteJobExecution("a", "t", 1, false) }, InvalidStateTransition, ""},
		{"no such number", func() error { return s.DeleteJobExecution("a", "t", 2, true) }, ResourceNotFound, ""},
		{"number 0", func() error { return s.DeleteJobExecution("a", "t", 0, true) }, InvalidRequest, ""},
		{"execution that runs, with force", func() error { return s.DeleteJobExecution("a", "t", 1, true) }, "", "notify b:QUEUED; next b/1 QUEUED"},
		{"job in progress", func() error { return s.DeleteJob("b", false) }, InvalidStateTransition, ""},
		{"job in progress, with force", func() error { return s.DeleteJob("b", true) }, "", "notify; next -"},
		{"job whose executions are gone", func() error { return s.DeleteJob("a", false) }, "", ""},
		{"again", func() error { return s.DeleteJob("a", true) }, ResourceNotFound, ""},
	}
	for _, step := range steps {
		if got := codeOf(t, step.do()); got != step.want {
			t.Errorf("%s: %q; want %q", step.name, got, step.want)
		}
		if got := in.take(); got != step.notes {
			t.Errorf("%s: notified %q; want %q", step.name, got, step.notes)
		}
	}
	if _, body := ask(t, s, "a/update", `{"status":"SUCCEEDED"}`); body["code"] != "ResourceNotFound" {
		t.Errorf("update of a deleted job: %v", body)
	}
	createJob(t, s, "a")
	if e := started(t, s, `{}`); e["executionNumber"] != 1.0 {
		t.Errorf("the id used again: %v; want execution 1", e)
	}
}

func TestDeleteThing(t *testing.T) {
	s, in := newService(t, Options{})
	createJob(t, s, "a")
	in.take()
	if err := s.DeleteThing("t"); err != nil {
		t.Fatal(err)
	}
	e, err := s.DescribeJobExecution("a", "t", 1)
	if err != nil || e.Status != Removed {
		t.Errorf("execution %v, %v; want REMOVED", e.Status, err)
	}
	if j, counts, _ := s.DescribeJob("a"); j.Status != JobCompleted || counts[Removed] != 1 {
		t.Errorf("job %s %v", j.Status, counts)
	}
}

func TestTemplates(t *testing.T) {
	parameters := map[string]map[string]string{
		"AWS-Download-File": {"downloadUrl": "u", "filePath": "f"}, "AWS-Run-Command": {"command": "c"},
		"AWS-Install-Application": {"packages": "p"}, "AWS-Remove-Application": {"packages": "p"},
		"AWS-Start-Application": {"services": "s"}, "AWS-Stop-Application": {"services": "s"}, "AWS-Restart-Application": {"services": "s"},
	}
	want := map[string]string{
		"AWS-Reboot":           `{"version":"1.0","steps":[{"action":{"name":"Reboot","type":"runHandler","input":{"handler":"reboot.sh","path":""},"runAsUser":""}}]}`,
		"AWS-Run-Command":      `{"version":"1.0","steps":[{"action":{"name":"Run-Command","type":"runCommand","input":{"command":"c"},"runAsUser":""}}]}`,
		"AWS-Stop-Application": `{"version":"1.0","steps":[{"action":{"name":"Stop-Application","type":"runHandler","input":{"handler":"stop-services.sh","args":["s"],"path":""},"runAsUser":""}}]}`,
	}
	s, _ := newService(t, Options{})
	for _, tmpl := range Templates() {
		_, err := s.CreateJob(tmpl.Name, CreateJobInput{Targets: []string{target + "t"}, JobTemplateARN: s.TemplateARN(tmpl), DocumentParameters: parameters[tmpl.Name]})
		if err != nil {
			t.Errorf("%s: %v", tmpl.Name, err)
			continue
		}
		got, _ := s.GetJobDocument(tmpl.Name)
		if strings.Contains(got, "${") || want[tmpl.Name] != "" && got != want[tmpl.Name] {
			t.Errorf("%s: %s", tmpl.Name, got)
		}
	}
	arn := "arn:aws:iot:us-west-2::jobtemplate/AWS-Run-Command"
	for name, in := range map[string]CreateJobInput{
		"missing":  {JobTemplateARN: arn},
		"unknown":  {JobTemplateARN: arn, DocumentParameters: map[string]string{"command": "c", "colour": "red"}},
		"empty":    {JobTemplateARN: arn, DocumentParameters: map[string]string{"command": ""}},
		"control":  {JobTemplateARN: arn, DocumentParameters: map[string]string{"command": "a\nb"}},
		"long":     {JobTemplateARN: arn, DocumentParameters: map[string]string{"command": strings.Repeat("x", 513)}},
		"version":  {JobTemplateARN: arn + ":2.0", DocumentParameters: map[string]string{"command": "c"}},
		"template": {JobTemplateARN: "arn:aws:iot:us-west-2::jobtemplate/AWS-Dance:1.0"},
		"own":      {JobTemplateARN: "arn:aws:iot:us-west-2:1234:jobtemplate/mine"},
	} {
		in.Targets = []string{target + "t"}
		if _, err := s.CreateJob("x", in); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeepUnsetParameters(t *testing.T) {
	s, _ := newService(t, Options{KeepUnsetParameters: true})
	s.CreateJob("a", CreateJobInput{Targets: []string{target + "t"}, JobTemplateARN: "arn:aws:iot:us-west-2::jobtemplate/AWS-Reboot:1.0"})
	if d, _ := s.GetJobDocument("a"); !strings.Contains(d, `"runAsUser":"${aws:iot:parameter:runAsUser}"`) {
		t.Errorf("document %s", d)
	}
}

func TestPresignedURLs(t *testing.T) {
	s, _ := newService(t, Options{})
	createJob(t, s, "a", func(in *CreateJobInput) {
		in.Document = `{"files":["${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}","${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/l}"],"left":"${other}"}`
		in.PresignedURLConfig = &PresignedURLConfig{ExpiresInSec: 60}
	})
	seen := map[string]bool{}
	for range 3 {
		d := started(t, s, `{}`)["jobDocument"].(map[string]any)
		for _, f := range d["files"].([]any) {
			u := f.(string)
			if seen[u] || !strings.HasPrefix(u, "https://s3.amazonaws.com/b/") || !strings.Contains(u, "X-Amz-Expires=60&") {
				t.Errorf("URL %s (seen before: %v)", u, seen[u])
			}
			seen[u] = true
		}
		if d["left"] != "${other}" {
			t.Errorf("another placeholder became %v", d["left"])
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d URLs; want 6", len(seen))
	}
	if d, _ := s.GetJobDocument("a"); !strings.Contains(d, "${aws:iot:s3-presigned-url:") {
		t.Errorf("GetJobDocument: %s; want the placeholders", d)
	}
}
