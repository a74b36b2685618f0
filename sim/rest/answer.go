package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"jobbox/sim/service"
)

const maxBody = 1 << 20 // bytes; a job document has at most 32 KiB

// httpError is an exception of the API under its own name.
type httpError struct {
	status  int
	name    string
	message string
}

func (e *httpError) Error() string { return e.name + ": " + e.message }

// exceptions are the service's codes as the REST API names them (service
// models iot and iot-jobs-data).
var exceptions = map[service.Code]httpError{
	service.InvalidRequest:         {status: http.StatusBadRequest, name: "InvalidRequestException"},
	service.InvalidJSON:            {status: http.StatusBadRequest, name: "InvalidRequestException"},
	service.ResourceNotFound:       {status: http.StatusNotFound, name: "ResourceNotFoundException"},
	service.ResourceAlreadyExists:  {status: http.StatusConflict, name: "ResourceAlreadyExistsException"},
	service.InvalidStateTransition: {status: http.StatusConflict, name: "InvalidStateTransitionException"},
	service.VersionMismatch:        {status: http.StatusConflict, name: "VersionConflictException"},
	service.TerminalStateReached:   {status: http.StatusGone, name: "TerminalStateException"},
	service.RequestThrottled:       {status: http.StatusTooManyRequests, name: "ThrottlingException"},
}

func serve(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := op(r)
		if err != nil {
			e := asHTTP(err)
			sendError(w, e.status, e.name, e.message)
			return
		}
		if result == nil {
			result = struct{}{}
		}
		send(w, http.StatusOK, result)
	}
}

func asHTTP(err error) httpError {
	var h *httpError
	if errors.As(err, &h) {
		return *h
	}
	var e *service.Error
	if errors.As(err, &e) {
		if h, ok := exceptions[e.Code]; ok {
			h.message = e.Message
			return h
		}
	}
	return httpError{http.StatusInternalServerError, "InternalFailureException", err.Error()}
}

func sendError(w http.ResponseWriter, status int, name, message string) {
	w.Header().Set("X-Amzn-Errortype", name)
	send(w, status, map[string]string{"message": message})
}

func send(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: an answer does not encode: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// read decodes the body; an empty one leaves v as it is.
func read(r *http.Request, v any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return badRequest("the request body cannot be read: " + err.Error())
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return badRequest("the request body is not valid: " + err.Error())
	}
	return nil
}

func badRequest(message string) error {
	return &httpError{http.StatusBadRequest, "InvalidRequestException", message}
}
