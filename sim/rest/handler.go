package rest

import (
	"net"
	"net/http"
	"strings"

	"jobbox/sim/service"
)

// api is the handlers of one service.
type api struct {
	s        *service.Service
	endpoint func(endpointType string) string
}

// An operation reads a request and returns what to send as JSON; nil for an
// empty object.
type operation func(*http.Request) (any, error)

// Handler is the REST API of s. Endpoint answers DescribeEndpoint: the address
// for a type such as "iot:Data-ATS", empty for an unknown one.
func Handler(s *service.Service, endpoint func(endpointType string) string) http.Handler {
	a := &api{s, endpoint}
	mux := http.NewServeMux()
	for pattern, op := range a.operations() {
		mux.HandleFunc(pattern, serve(op))
	}
	mux.HandleFunc("/", serve(unknown))
	return localOnly(mux)
}

func (a *api) operations() map[string]operation {
	return map[string]operation{
		"POST /things/{thing}":   a.createThing,
		"GET /things":            a.listThings,
		"GET /things/{thing}":    a.describeThing,
		"DELETE /things/{thing}": a.deleteThing,
		"GET /endpoint":          a.describeEndpoint,

		"PUT /jobs/{job}":              a.createJob,
		"GET /jobs":                    a.listJobs,
		"GET /jobs/{job}":              a.describeJob,
		"GET /jobs/{job}/job-document": a.getJobDocument,
		"GET /jobs/{job}/things":       a.listExecutionsForJob,
		"PUT /jobs/{job}/cancel":       a.cancelJob,
		"DELETE /jobs/{job}":           a.deleteJob,

		"PUT /things/{thing}/jobs/{job}/cancel":                      a.cancelExecution,
		"DELETE /things/{thing}/jobs/{job}/executionNumber/{number}": a.deleteExecution,

		"GET /managed-job-templates":            a.listTemplates,
		"GET /managed-job-templates/{template}": a.describeTemplate,

		// The two services share these paths.
		"GET /things/{thing}/jobs":       either(a.pending, a.listExecutionsForThing),
		"GET /things/{thing}/jobs/{job}": either(a.dataDescribe, a.describeExecution),

		"PUT /things/{thing}/jobs/$next":  a.startNext,
		"POST /things/{thing}/jobs/{job}": a.update,
	}
}

// either tells the data plane from the control plane by the service that the
// request is signed for, as AWS does by host name, and without a signature
// (--no-sign-request) by the command that the CLI names.
func either(data, control operation) operation {
	return func(r *http.Request) (any, error) {
		if forData(r) {
			return data(r)
		}
		return control(r)
	}
}

func forData(r *http.Request) bool {
	if scope := r.Header.Get("Authorization"); scope != "" {
		return strings.Contains(scope, "/iot-jobs-data/")
	}
	return strings.Contains(r.UserAgent(), "command/iot-jobs-data.")
}

// localOnly refuses what does not come from this machine, and what a browser
// was talked into sending: a page of another site, or one whose name was
// pointed at 127.0.0.1.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || r.Header.Get("Origin") != "" {
			sendError(w, http.StatusForbidden, "UnauthorizedException", "this endpoint serves local clients only")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unknown(r *http.Request) (any, error) {
	return nil, &httpError{http.StatusNotFound, "UnknownOperationException", "operation " + r.Method + " is not simulated on this path"}
}
