package fetch

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// A finalError is one that another attempt would meet again.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func final(err error) error { return &finalError{err} }

func isFinal(err error) bool {
	return errors.As(err, new(*finalError))
}

// A busyError is a server's request to come again later.
type busyError struct {
	status     int
	retryAfter time.Duration // zero where it has not said
}

func (e *busyError) Error() string { return fmt.Sprintf("the server answers with status %d", e.status) }

// scrub takes URLs out of errors of the standard library, which print them
// whole.
func scrub(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
