package service

import "fmt"

// Code is an error code of the Jobs MQTT API (developer guide, jobs-api,
// ErrorResponse).
type Code string

// The codes of the MQTT API, and after them those that only the control plane has.
const (
	InvalidTopic           Code = "InvalidTopic"
	InvalidJSON            Code = "InvalidJson"
	InvalidRequest         Code = "InvalidRequest"
	InvalidStateTransition Code = "InvalidStateTransition"
	ResourceNotFound       Code = "ResourceNotFound"
	VersionMismatch        Code = "VersionMismatch"
	InternalError          Code = "InternalError"
	RequestThrottled       Code = "RequestThrottled"
	TerminalStateReached   Code = "TerminalStateReached"

	ResourceAlreadyExists Code = "ResourceAlreadyExists"
)

// Error is a refusal by the service.
type Error struct {
	Code    Code
	Message string
	// State is the execution that the request was about, where AWS sends it
	// along: with VersionMismatch and InvalidStateTransition.
	State *Execution
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error {
	return refuse(InvalidRequest, format, args...)
}

// notSimulated names what the real service can and this one cannot, so that
// nobody takes a missing feature for a property of AWS.
func notSimulated(what string) *Error {
	return invalid("%s is not simulated", what)
}
