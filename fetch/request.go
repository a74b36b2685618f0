package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxRedirects = 10
	maxInterim   = 5 // 1xx answers before the real one
)

// A response is a server's answer that leads on: its content can be read until
// it is closed.
type response struct {
	link  *link
	reply reply
	stop  func() bool
}

func (r *response) close() {
	r.stop()
	r.link.Close()
}

// request asks for the content, from where p ends if the server allows, and
// follows redirects.
func (o *Options) request(ctx context.Context, target *url.URL, p *part) (*response, error) {
	for range maxRedirects + 1 {
		r, next, err := o.exchange(ctx, target, p)
		if err != nil || next == nil {
			return r, err
		}
		target = next
	}
	return nil, final(fmt.Errorf("more than %d redirects", maxRedirects))
}

// exchange is one request and its answer: content, or where to go on.
func (o *Options) exchange(ctx context.Context, target *url.URL, p *part) (*response, *url.URL, error) {
	l, err := o.dial(ctx, target)
	if err != nil {
		return nil, nil, scrub(err)
	}
	// Closing it is what ends a read at once when the time is up.
	r := &response{link: l, stop: context.AfterFunc(ctx, func() { l.Close() })}
	answer, err := r.ask(o.newRequest(target, p))
	if err != nil {
		r.close()
		return nil, nil, err
	}
	if isRedirect(answer.StatusCode) {
		r.close()
		next, err := follow(target, answer.Header.Get("Location"))
		return nil, next, err
	}
	if r.reply, err = judge(answer, p); err != nil {
		r.close()
		return nil, nil, err
	}
	l.unbounded()
	return r, nil, nil
}

// newRequest never carries anything over from one server to the next: no
// Referer, which would hand on a presigned query, and no credentials.
func (o *Options) newRequest(target *url.URL, p *part) *http.Request {
	req := &http.Request{
		Method: http.MethodGet, URL: target, Host: target.Host, Close: true,
		Header: http.Header{
			"Accept": {"*/*"},
			// Bytes as they are stored: ranges count those, and so does a checksum.
			"Accept-Encoding": {"identity"},
			"User-Agent":      {o.UserAgent},
		},
	}
	if user := target.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	if p.size > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(p.size, 10)+"-")
		req.Header.Set("If-Range", p.validator)
	}
	return req
}

// ask writes a request and reads the head of the answer.
func (r *response) ask(req *http.Request) (*http.Response, error) {
	if err := r.link.SetWriteDeadline(time.Now().Add(r.link.stall)); err != nil {
		return nil, err
	}
	write := req.Write
	if proxy := r.link.proxy; proxy != nil {
		write = req.WriteProxy
		for name, values := range proxyHeader(proxy) {
			req.Header[name] = values
		}
	}
	if err := write(r.link); err != nil {
		return nil, fmt.Errorf("send the request: %w", scrub(err))
	}
	for range maxInterim + 1 {
		answer, err := http.ReadResponse(r.link.br, req)
		switch {
		case r.link.limit.N <= 0:
			return nil, final(fmt.Errorf("the server sent more than %d bytes of headers", maxHeaders))
		case err != nil:
			return nil, fmt.Errorf("read the answer: %w", unexpected(scrub(err)))
		case answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols:
			return answer, nil
		}
	}
	return nil, fmt.Errorf("the server sent more than %d interim answers", maxInterim)
}

// unexpected names an end of file that comes where there must be more.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// follow is where a redirect leads. From HTTPS it must not lead to HTTP, where
// anybody on the way could answer.
func follow(from *url.URL, location string) (*url.URL, error) {
	if location == "" {
		return nil, final(errors.New("the server redirects to nowhere"))
	}
	next, err := from.Parse(location)
	if err != nil || len(location) > maxURL || next.Hostname() != "" && !isPlain(next.Host) {
		return nil, final(errors.New("the server redirects to what is no URL"))
	}
	if err := checkTarget(next); err != nil {
		return nil, final(fmt.Errorf("the server redirects to %.20q", next.Scheme))
	}
	if from.Scheme == "https" && next.Scheme != "https" {
		return nil, final(fmt.Errorf("the server redirects from https to %s: refused", display(next)))
	}
	return next, nil
}
