package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"jobbox/sim/service"
)

func newAPI(t *testing.T) (*service.Service, http.Handler) {
	t.Helper()
	s, err := service.Open("", service.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, Handler(s, endpoint)
}

// call is a request from this machine.
func call(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:4000", "127.0.0.1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestErrors(t *testing.T) {
	_, h := newAPI(t)
	tests := []struct {
		name, method, target, body string
		status                     int
		exception                  string
	}{
		{"unknown path", "GET", "/policies", "", 404, "UnknownOperationException"},
		{"unknown method", "PATCH", "/jobs/a", "", 404, "UnknownOperationException"},
		{"no JSON", "PUT", "/jobs/a", "{", 400, "InvalidRequestException"},
		{"wrong type", "PUT", "/jobs/a", `{"targets":"t"}`, 400, "InvalidRequestException"},
		{"too long", "PUT", "/jobs/a", `"` + strings.Repeat("x", maxBody) + `"`, 400, "InvalidRequestException"},
		{"bad id", "GET", "/jobs/a%20b", "", 400, "InvalidRequestException"},
		{"no job", "GET", "/jobs/a", "", 404, "ResourceNotFoundException"},
		{"no number", "DELETE", "/things/t/jobs/a/executionNumber/x", "", 400, "InvalidRequestException"},
		{"page of 0", "GET", "/things?maxResults=0", "", 400, "InvalidRequestException"},
		{"page of 251", "GET", "/things?maxResults=251", "", 400, "InvalidRequestException"},
		{"bad token", "GET", "/things?nextToken=x", "", 400, "InvalidRequestException"},
		{"token past the end", "GET", "/things?nextToken=9", "", 400, "InvalidRequestException"},
	}
	for _, tt := range tests {
		w := call(h, tt.method, tt.target, tt.body)
		if got := w.Header().Get("X-Amzn-Errortype"); w.Code != tt.status || got != tt.exception {
			t.Errorf("%s: %d %s %s; want %d %s", tt.name, w.Code, got, w.Body, tt.status, tt.exception)
		}
	}
}

func TestPages(t *testing.T) {
	s, h := newAPI(t)
	for i := range 5 {
		s.CreateThing(fmt.Sprint("thing-", i), "", nil)
	}
	var names []string
	token, pages := "", 0
	for pages == 0 || token != "" {
		w := call(h, "GET", "/things?maxResults=2&nextToken="+url.QueryEscape(token), "")
		var body struct {
			Things    []struct{ ThingName string }
			NextToken string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		for _, thing := range body.Things {
			names = append(names, thing.ThingName)
		}
		token = body.NextToken
		if pages++; pages > 3 {
			break
		}
	}
	if got := strings.Join(names, " "); got != "thing-0 thing-1 thing-2 thing-3 thing-4" || pages != 3 {
		t.Errorf("%d pages with %s; want all five things on three", pages, got)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("PUT", "/jobs/a", `{"targets":["arn:aws:iot:us-west-2:1:thing/t"],"document":"{}"}`)
	f.Add("POST", "/things/t/jobs/a", `{"status":"IN_PROGRESS","expectedVersion":1}`)
	f.Add("PUT", "/things/t/jobs/$next", `{"stepTimeoutInMinutes":1}`)
	f.Add("GET", "/things/t/jobs?maxResults=1&nextToken=0&status=QUEUED", "")
	f.Add("DELETE", "/things/t/jobs/a/executionNumber/1?force=true", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n") || !validMethod(method) {
			t.Skip()
		}
		s, h := newAPI(t)
		s.CreateThing("t", "", nil)
		s.CreateJob("a", service.CreateJobInput{Targets: []string{s.ARN("thing", "t")}, Document: `{}`})
		w := call(h, method, target, body)
		if w.Code >= 500 || w.Code/100 != 3 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %q: %d %s", method, u, body, w.Code, w.Body)
		}
	})
}

func validMethod(m string) bool {
	_, err := http.NewRequest(m, "/", nil)
	return err == nil && m != "" && m == strings.ToUpper(m)
}
