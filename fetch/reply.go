package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A reply is what an acceptable answer says about its content.
type reply struct {
	body      io.Reader
	start     int64  // where in the file the content begins: 0, or where the part ended
	total     int64  // bytes of the whole file; -1 where the content tells its own end
	validator string // names this very content in an If-Range; "" where nothing does
}

// judge decides what an answer to a request for the rest of p means.
func judge(answer *http.Response, p *part) (reply, error) {
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return whole(answer)
	case status == http.StatusPartialContent && p.size > 0:
		return rest(answer, p)
	case status == http.StatusRequestedRangeNotSatisfiable && p.size > 0:
		// The part is as long as what is there, or longer: nothing to go on from.
		return reply{}, errors.Join(errors.New("what is there of the file does not fit the server's any more: from the start"), p.restart())
	default:
		return reply{}, refusal(answer)
	}
}

func whole(answer *http.Response) (reply, error) {
	r := reply{body: answer.Body, total: answer.ContentLength, validator: validatorOf(answer.Header)}
	chunked := len(answer.TransferEncoding) > 0
	if r.total < 0 && !chunked {
		return reply{}, final(errors.New("the server does not say how long the file is, so a cut could not be told from its end"))
	}
	return r, identity(answer)
}

// identity refuses content that came compressed though nobody asked for it.
func identity(answer *http.Response) error {
	if e := answer.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return final(fmt.Errorf("the server sends the file encoded as %.20q", e))
	}
	return nil
}

// rest takes a partial answer only if it begins where the part ends and is all
// that is left.
func rest(answer *http.Response, p *part) (reply, error) {
	first, last, total, ok := parseContentRange(answer.Header.Get("Content-Range"))
	if !ok || first != p.size || last != total-1 || (answer.ContentLength >= 0 && answer.ContentLength != last-first+1) {
		return reply{}, errors.Join(fmt.Errorf("the server answers with the range %.60q, wanted was all from %d: from the start",
			answer.Header.Get("Content-Range"), p.size), p.restart())
	}
	return reply{body: answer.Body, start: first, total: total, validator: p.validator}, identity(answer)
}

// parseContentRange reads "bytes 100-199/200" (RFC 9110 14.4).
func parseContentRange(s string) (first, last, total int64, ok bool) {
	s, found := strings.CutPrefix(s, "bytes ")
	span, size, okSize := strings.Cut(s, "/")
	from, to, okSpan := strings.Cut(span, "-")
	if !found || !okSize || !okSpan {
		return 0, 0, 0, false
	}
	var errs [3]error
	first, errs[0] = parseCount(from)
	last, errs[1] = parseCount(to)
	total, errs[2] = parseCount(size)
	return first, last, total, errors.Join(errs[:]...) == nil && first <= last && last < total
}

// parseCount reads digits only; ParseInt would take a sign.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// validatorOf is what an If-Range may name this content by: a strong entity
// tag, or a date of change that is strong (RFC 9110 8.8.2.2).
func validatorOf(h http.Header) string {
	if tag := h.Get("ETag"); isStrongTag(tag) {
		return tag
	}
	changed, err := http.ParseTime(h.Get("Last-Modified"))
	served, err2 := http.ParseTime(h.Get("Date"))
	if err == nil && err2 == nil && served.Sub(changed) >= time.Minute {
		return h.Get("Last-Modified")
	}
	return ""
}

// isStrongTag leaves out W/"...", and what would not survive a line of a file.
func isStrongTag(tag string) bool {
	return len(tag) > 2 && len(tag) <= 256 && tag[0] == '"' && tag[len(tag)-1] == '"' &&
		!strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' })
}

// refusal is the error that an answer other than content means.
func refusal(answer *http.Response) error {
	switch status := answer.StatusCode; {
	case status == http.StatusForbidden:
		return final(forbidden(answer.Body))
	case status == http.StatusNotFound || status == http.StatusGone:
		return final(fmt.Errorf("the server has no such file (status %d)", status))
	case status == http.StatusUnauthorized:
		return final(errors.New("the server wants credentials (status 401)"))
	case status == http.StatusProxyAuthRequired:
		return final(errors.New("the proxy wants other credentials (status 407)"))
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		return &busyError{status, retryAfter(answer.Header.Get("Retry-After"))}
	default:
		return final(fmt.Errorf("the server answers with status %d", status))
	}
}

// retryAfter reads seconds; the other form, a date, needs a clock that is right.
func retryAfter(s string) time.Duration {
	n, err := parseCount(s)
	if err != nil {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, maxRetryAfter)
}

// forbidden says why S3 refuses, as far as it tells: a presigned URL that came
// too late is the usual case, and its reader is seldom the one who signed it.
func forbidden(body io.Reader) error {
	const enough = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(body, enough))
	code := element(string(text), "Code")
	switch {
	case strings.Contains(string(text), "Request has expired") || code == "ExpiredToken":
		return errors.New("the presigned URL has expired (status 403): create the job again, with a longer life for its URLs")
	case code != "":
		return fmt.Errorf("the server refuses with %q (status 403): the presigned URL may have expired, or its signer may not read the file", code)
	default:
		return errors.New("the server refuses (status 403): a presigned URL may have expired")
	}
}

// element is the text of an XML element where it is one short word.
func element(text, name string) string {
	_, after, _ := strings.Cut(text, "<"+name+">")
	word, _, found := strings.Cut(after, "</"+name+">")
	if !found || len(word) > 40 || strings.ContainsFunc(word, func(r rune) bool { return (r|32) < 'a' || (r|32) > 'z' }) {
		return ""
	}
	return word
}
