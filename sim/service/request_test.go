package service

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTopics(t *testing.T) {
	s, _ := newService(t, Options{})
	createJob(t, s, "a")
	tests := []struct{ topic, answeredOn, code string }{
		{"$aws/things/t/jobs/get", "/accepted", ""},
		{"$aws/things/t/jobs/a/get", "/accepted", ""},
		{"$aws/things/t/jobs/$next/get", "/accepted", ""},
		{"$aws/things/t/jobs/start-next", "/accepted", ""},
		{"$aws/things/t/jobs/a/update", "/rejected", "InvalidRequest"},
		{"$aws/things/t/jobs/$next/update", "/rejected", "InvalidRequest"},
		{"$aws/things/other/jobs/start-next", "/rejected", "ResourceNotFound"},
		{"$aws/things/t!/jobs/start-next", "/rejected", "InvalidRequest"},
		{"$aws/things/t/jobs/a.b/get", "/rejected", "InvalidRequest"},
		{"$aws/things/t/jobs/b/get", "/rejected", "ResourceNotFound"},
		{"$aws/things/t/jobs/nothing", "/rejected", "InvalidTopic"},
		{"$aws/things/t/jobs/a/b/update", "/rejected", "InvalidTopic"},
		{"$aws/things/t/jobs/", "/rejected", "InvalidTopic"},
		{"$aws/things/t/jobs", "", ""},
		{"$aws/things/t/shadow/update", "", ""},
		{"things/t/jobs/get", "", ""},
		{"$aws/things/t/jobs/start-next/accepted", "", ""},
		{"$aws/things/t/jobs/a/update/rejected", "", ""},
		{"$aws/things/t/jobs/notify", "", ""},
		{"$aws/things/t/jobs/notify-next", "", ""},
	}
	for _, tt := range tests {
		answers := s.Request(tt.topic, []byte(`{"clientToken":"c-1"}`))
		if tt.answeredOn == "" {
			if answers != nil {
				t.Errorf("%s: answered %s; want no answer", tt.topic, answers[0].Payload)
			}
			continue
		}
		var body struct{ Code, ClientToken string }
		if err := json.Unmarshal(answers[0].Payload, &body); err != nil {
			t.Fatal(err)
		}
		if answers[0].Topic != tt.topic+tt.answeredOn || body.Code != tt.code || body.ClientToken != "c-1" {
			t.Errorf("%s: %s %s; want %s with code %q and the token", tt.topic, answers[0].Topic, answers[0].Payload, tt.answeredOn, tt.code)
		}
	}
}

func TestRefusedPayloads(t *testing.T) {
	pairs := func(n int) string {
		var b []string
		for i := range n {
			b = append(b, `"k`+string(rune('a'+i))+`":"v"`)
		}
		return `{"status":"IN_PROGRESS","statusDetails":{` + strings.Join(b, ",") + `}}`
	}
	value := func(n int) string {
		return `{"status":"IN_PROGRESS","statusDetails":{"k":"` + strings.Repeat("é", n) + `"}}`
	}
	tests := []struct {
		name, payload string
		want          Code
	}{
		{"empty", "", InvalidJSON},
		{"no JSON", "{", InvalidJSON},
		{"two values", "{}{}", InvalidJSON},
		{"no object", "[]", InvalidJSON},
		{"null", "null", InvalidJSON},
		{"no UTF-8", "{\"status\":\"IN_PROGRESS\xff\"}", InvalidJSON},
		{"no status", `{}`, InvalidRequest},
		{"null status", `{"status":null}`, InvalidRequest},
		{"status of another case", `{"Status":"IN_PROGRESS"}`, InvalidRequest},
		{"unknown status", `{"status":"DONE"}`, InvalidRequest},
		{"status of the cloud", `{"status":"CANCELED"}`, InvalidRequest},
		{"status a number", `{"status":1}`, InvalidRequest},
		{"token too long", `{"status":"IN_PROGRESS","clientToken":"` + strings.Repeat("x", 65) + `"}`, InvalidRequest},
		{"token with a space", `{"status":"IN_PROGRESS","clientToken":"a b"}`, InvalidRequest},
		{"empty token", `{"status":"IN_PROGRESS","clientToken":""}`, InvalidRequest},
		{"11 pairs", pairs(11), InvalidRequest},
		{"10 pairs", pairs(10), ""},
		{"1025 characters", value(1025), InvalidRequest},
		{"1024 characters", value(1024), ""},
		{"empty value", value(0), InvalidRequest},
		{"key with a space", `{"status":"IN_PROGRESS","statusDetails":{"a b":"c"}}`, InvalidRequest},
		{"empty key", `{"status":"IN_PROGRESS","statusDetails":{"":"c"}}`, InvalidRequest},
		{"value no string", `{"status":"IN_PROGRESS","statusDetails":{"a":1}}`, InvalidRequest},
		{"newline", `{"status":"IN_PROGRESS","statusDetails":{"a":"1\n2"}}`, ""},
		{"no details", `{"status":"IN_PROGRESS","statusDetails":{}}`, ""},
		{"unknown member", `{"status":"IN_PROGRESS","colour":"red"}`, ""},
		{"step time-out 0", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":0}`, InvalidRequest},
		{"step time-out 10081", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":10081}`, InvalidRequest},
		{"step time-out -1", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":-1}`, ""},
		{"version no number", `{"status":"IN_PROGRESS","expectedVersion":"x"}`, InvalidRequest},
		{"wrong execution", `{"status":"IN_PROGRESS","executionNumber":2}`, ResourceNotFound},
	}
	for _, tt := range tests {
		s, _ := newService(t, Options{})
		createJob(t, s, "a")
		_, body := ask(t, s, "a/update", tt.payload)
		if got, _ := body["code"].(string); got != string(tt.want) {
			t.Errorf("%s: %s: code %q (%v); want %q", tt.name, tt.payload, got, body["message"], tt.want)
		}
	}
}

func TestStrictDetails(t *testing.T) {
	s, _ := newService(t, Options{StrictDetails: true})
	createJob(t, s, "a")
	for value, ok := range map[string]bool{
		`1 2`: true, `é€😀`: true, `1\n2`: false, `\t`: false, `\u0085`: false, `\u200b`: false, `\ue000`: false, `\u0378`: false,
	} {
		verdict, body := ask(t, s, "a/update", `{"status":"IN_PROGRESS","statusDetails":{"k":"`+value+`"}}`)
		if (verdict == "accepted") != ok {
			t.Errorf("value %s: %s %v; want accepted %v", value, verdict, body, ok)
		}
	}
}

func TestUpdateAnswers(t *testing.T) {
	s, _ := newService(t, Options{})
	createJob(t, s, "a")
	tests := []struct{ payload, want string }{
		{`{"status":"IN_PROGRESS"}`, `{"timestamp":0}`},
		{`{"status":"IN_PROGRESS","clientToken":"x"}`, `{"clientToken":"x","timestamp":0}`},
		{`{"status":"IN_PROGRESS","includeJobExecutionState":true,"statusDetails":{"k":"v"}}`, `{"executionState":{"status":"IN_PROGRESS","statusDetails":{"k":"v"},"versionNumber":4},"timestamp":0}`},
		{`{"status":"IN_PROGRESS","includeJobDocument":true}`, `{"jobDocument":{"operation":"test"},"timestamp":0}`},
		{`{"status":"IN_PROGRESS","includeJobExecutionState":true}`, `{"executionState":{"status":"IN_PROGRESS","statusDetails":{"k":"v"},"versionNumber":6},"timestamp":0}`},
		{`{"status":"IN_PROGRESS","includeJobExecutionState":true,"statusDetails":{}}`, `{"executionState":{"status":"IN_PROGRESS","versionNumber":7},"timestamp":0}`},
		{`{"status":"FAILED","expectedVersion":"6"}`, `{"code":"VersionMismatch","message":"Expected version 6 but version was 7","executionState":{"status":"IN_PROGRESS","versionNumber":7},"timestamp":0}`},
		{`{"status":"FAILED","expectedVersion":7,"statusDetails":{"reason":"r"}}`, `{"timestamp":0}`},
		{`{"status":"SUCCEEDED"}`, `{"code":"InvalidStateTransition","message":"Job Execution status cannot be updated from FAILED to SUCCEEDED","executionState":{"status":"FAILED","statusDetails":{"reason":"r"},"versionNumber":8},"timestamp":0}`},
		{`{"status":"FAILED","expectedVersion":"8"}`, `{"code":"InvalidStateTransition","message":"Job Execution status cannot be updated from FAILED to FAILED","executionState":{"status":"FAILED","statusDetails":{"reason":"r"},"versionNumber":8},"timestamp":0}`},
	}
	for _, tt := range tests {
		_, got := ask(t, s, "a/update", tt.payload)
		got["timestamp"] = 0
		var want map[string]any
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		if a, b := string(encode(got)), string(encode(want)); a != b {
			t.Errorf("%s:\n got %s\nwant %s", tt.payload, a, b)
		}
	}
}

func TestStartNext(t *testing.T) {
	s, _ := newService(t, Options{})
	if _, body := ask(t, s, "start-next", `{}`); body["execution"] != nil || body["timestamp"] == nil {
		t.Errorf("nothing pending: %v; want only a timestamp", body)
	}
	createJob(t, s, "a")
	createJob(t, s, "b")
	e := started(t, s, `{"statusDetails":{"k":"v"}}`)
	if e["jobId"] != "a" || e["status"] != "IN_PROGRESS" || e["versionNumber"] != 2.0 || e["executionNumber"] != 1.0 || e["thingName"] != "t" || e["startedAt"] == nil {
		t.Errorf("first: %v", e)
	}
	e = started(t, s, `{"statusDetails":{"k":"other"}}`)
	if e["jobId"] != "a" || e["versionNumber"] != 2.0 || e["statusDetails"].(map[string]any)["k"] != "v" {
		t.Errorf("again: %v; want the same execution as it was", e)
	}
	if d, ok := e["jobDocument"].(map[string]any); !ok || d["operation"] != "test" {
		t.Errorf("document %v; want an object", e["jobDocument"])
	}
	ask(t, s, "b/update", `{"status":"IN_PROGRESS"}`)
	ask(t, s, "a/update", `{"status":"FAILED"}`)
	if e := started(t, s, `{}`); e["jobId"] != "b" {
		t.Errorf("IN_PROGRESS first: %v; want b", e)
	}
}

func started(t *testing.T, s *Service, payload string) map[string]any {
	t.Helper()
	_, body := ask(t, s, "start-next", payload)
	e, ok := body["execution"].(map[string]any)
	if !ok {
		t.Fatalf("start-next: no execution in %v", body)
	}
	return e
}

func TestGet(t *testing.T) {
	s, _ := newService(t, Options{})
	if _, body := ask(t, s, "get", `{}`); len(body["inProgressJobs"].([]any)) != 0 || len(body["queuedJobs"].([]any)) != 0 {
		t.Errorf("nothing pending: %v; want two empty lists", body)
	}
	if verdict, body := ask(t, s, "$next/get", `{}`); verdict != "accepted" || body["execution"] != nil {
		t.Errorf("$next of nothing: %s %v; want no execution", verdict, body)
	}
	for _, job := range []string{"a", "b", "c"} {
		createJob(t, s, job)
	}
	ask(t, s, "b/update", `{"status":"IN_PROGRESS","stepTimeoutInMinutes":2}`)
	_, body := ask(t, s, "get", `{}`)
	if p, q := body["inProgressJobs"].([]any), body["queuedJobs"].([]any); len(p) != 1 || len(q) != 2 {
		t.Errorf("get: %v; want b in progress and two queued", body)
	}
	_, body = ask(t, s, "$next/get", `{"includeJobDocument":false}`)
	e := body["execution"].(map[string]any)
	if left := e["approximateSecondsBeforeTimedOut"].(float64); e["jobId"] != "b" || e["jobDocument"] != nil || left < 60 || left > 120 {
		t.Errorf("$next/get: %v", e)
	}
	ask(t, s, "b/update", `{"status":"SUCCEEDED"}`)
	if _, body := ask(t, s, "b/get", `{}`); body["code"] != "TerminalStateReached" || body["executionState"] != nil {
		t.Errorf("get of an ended execution: %v; want TerminalStateReached", body)
	}
}

func TestMilliseconds(t *testing.T) {
	s, _ := newService(t, Options{Milliseconds: true})
	createJob(t, s, "a")
	if e := started(t, s, `{}`); e["queuedAt"].(float64) < 1e12 {
		t.Errorf("queuedAt %v; want milliseconds", e["queuedAt"])
	}
}

func FuzzRequest(f *testing.F) {
	for _, tail := range []string{"start-next", "a/update", "get", "a/get", "$next/get", "x/y/z", ""} {
		f.Add("$aws/things/t/jobs/"+tail, []byte(`{"status":"IN_PROGRESS","clientToken":"x","expectedVersion":"1","statusDetails":{"k":"v"}}`))
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		s, _ := newService(t, Options{})
		createJob(t, s, "a")
		for _, m := range s.Request(topic, payload) {
			if !json.Valid(m.Payload) {
				t.Errorf("%q %q: answer %q is not JSON", topic, payload, m.Payload)
			}
			if m.Topic != topic+"/accepted" && m.Topic != topic+"/rejected" {
				t.Errorf("%q: answered on %q", topic, m.Topic)
			}
		}
	})
}
