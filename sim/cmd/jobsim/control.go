package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"jobbox/sim/cloud"
	"jobbox/sim/service"
)

// Paths of jobsim's own commands, beside those of AWS.
const (
	watchPath = "/_jobsim/watch"
	faultPath = "/_jobsim/fault"
)

// controlHeader keeps web pages out: a browser does not send it elsewhere
// without asking first.
const controlHeader = "X-Jobsim"

// control answers jobsim's own commands and leaves the rest to the REST API.
func control(c *cloud.Cloud, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET "+watchPath, ours(func(w http.ResponseWriter, r *http.Request) { watch(c, w, r) }))
	mux.Handle("POST "+faultPath, ours(func(w http.ResponseWriter, r *http.Request) { fault(c, w, r) }))
	return mux
}

func ours(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !net.ParseIP(host).IsLoopback() || r.Header.Get(controlHeader) == "" {
			http.Error(w, "for jobsim on this machine only", http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// watch sends every change of an execution as one line of JSON, until the
// execution is final or the reader leaves.
func watch(c *cloud.Cloud, w http.ResponseWriter, r *http.Request) {
	changes, stop := c.Service.Watch(r.FormValue("job"), r.FormValue("thing"))
	defer stop()
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	if flush.Flush() != nil { // tells the reader that it misses nothing from here on
		return
	}
	for {
		select {
		case e, ok := <-changes:
			if !ok || out.Encode(change{e, e.Deleted}) != nil || flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// change is an execution as watch sends it.
type change struct {
	service.Execution
	Deleted bool `json:"deleted,omitempty"`
}

func fault(c *cloud.Cloud, w http.ResponseWriter, r *http.Request) {
	var f faultRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&f); err != nil {
		http.Error(w, fmt.Sprintf("read fault: %v", err), http.StatusBadRequest)
		return
	}
	said, err := f.apply(c)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, said)
}
