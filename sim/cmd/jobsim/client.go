package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const maxAnswer = 1 << 20 // bytes

// client talks to a running jobsim serve.
type client struct {
	url string
}

func dial(dir string) (client, error) {
	s, err := loadSettings(dir)
	return client{s.restURL()}, err
}

// call sends a request and returns the answer's body, to be closed.
func (c client) call(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(controlHeader, "1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the cloud at %s: %w; is jobsim serve running?", c.url, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the cloud answers %s: %s", resp.Status, explain(text))
}

// do is call for short answers.
func (c client) do(ctx context.Context, method, path string, body any) (string, error) {
	rc, err := c.call(ctx, method, path, body)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	text, err := io.ReadAll(io.LimitReader(rc, maxAnswer))
	return strings.TrimSpace(string(text)), err
}

// explain takes AWS's message out of an error's body.
func explain(body []byte) string {
	var e struct{ Message string } // in either case
	if json.Unmarshal(body, &e) == nil && e.Message != "" {
		return e.Message
	}
	return strings.TrimSpace(string(body))
}
