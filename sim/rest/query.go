package rest

import (
	"net/http"
	"strconv"
	"time"
)

// page cuts the list for maxResults and nextToken; the token is the index of
// the first entry that is left.
func page[T any](r *http.Request, all []T) ([]T, string, error) {
	size, err := number(r, "maxResults", 250)
	if err != nil {
		return nil, "", err
	}
	if size < 1 || size > 250 {
		return nil, "", badRequest("maxResults must be between 1 and 250")
	}
	start, err := number(r, "nextToken", 0)
	if err != nil || start < 0 || start > int64(len(all)) {
		return nil, "", badRequest("nextToken is not valid")
	}
	rest := all[start:]
	if int64(len(rest)) <= size {
		return rest, "", nil
	}
	return rest[:size], strconv.FormatInt(start+size, 10), nil
}

// number reads a number from the query string.
func number(r *http.Request, name string, absent int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRequest(name + " must be a number")
	}
	return n, nil
}

func flag(r *http.Request, name string) bool { return r.URL.Query().Get(name) == "true" }

// matching keeps the entries of a list for which the query string does not name
// another value.
func matching[T any](r *http.Request, name string, all []T, value func(T) string) []T {
	want := r.URL.Query().Get(name)
	kept := []T{}
	for _, one := range all {
		if want == "" || value(one) == want {
			kept = append(kept, one)
		}
	}
	return kept
}

// seconds is a time of the control plane: seconds since the epoch with
// milliseconds, nil for none.
func seconds(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := float64(t.UnixMilli()) / 1000
	return &s
}
