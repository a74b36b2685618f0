package fetch

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	o.SHA256 = sumOf(content)
	var have, total int64
	o.Progress = func(h, n int64) { have, total = h, n }
	got, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if want := (Result{Bytes: int64(len(content))}); got != want || have != want.Bytes || total != want.Bytes {
		t.Errorf("Get = %+v, progress %d of %d; want %+v", got, have, total, want)
	}
	st, err := os.Stat(o.File)
	if err != nil || st.Mode() != 0o644 {
		t.Errorf("mode %v, %v; want 0644", st.Mode(), err)
	}
	r := c.requests()[0]
	if r.Header.Get("Accept-Encoding") != "identity" || r.UserAgent() != "jobbox/test" || r.URL.RawQuery != "X-Amz-Signature=SECRET" {
		t.Errorf("asked %v with %v", r.URL, r.Header)
	}
}

func TestGetReplacesTheFile(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	if err := os.WriteFile(o.File, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if st, err := os.Stat(o.File); err != nil || st.Mode() != 0o600 {
		t.Errorf("the new file has %v, %v; want the old one's 0600", st.Mode(), err)
	}
}

// One that brings a byte each time, or a byte now and then, is as good as silent.
func TestTrickle(t *testing.T) {
	c := newCloud(t, cutAfter(1, serveFile(content, `"v1"`)))
	o := c.options()
	o.Attempts = 3
	_, err := Get(t.Context(), o)
	wantError(t, err, "unexpected EOF")
	if n := len(c.requests()); n != 3 {
		t.Errorf("asked %d times; want 3", n)
	}
	c = newCloud(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "320000")
		for i := 0; r.Context().Err() == nil; i++ {
			_, _ = w.Write([]byte(content[i : i+1]))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	o = c.options()
	o.Stall, o.Attempts = 500*time.Millisecond, 1
	_, err = Get(t.Context(), o)
	wantError(t, err, "came for 500ms after")
}

// A connection that breaks again and again costs attempts only while it brings
// nothing.
func TestCutAgainAndAgain(t *testing.T) {
	c := newCloud(t, cutAfter(30000, serveFile(content, `"v1"`)))
	o := c.options()
	o.SHA256 = sumOf(content)
	o.Attempts = 2
	retries := 0
	o.Retry = func(err error, _ time.Duration) {
		retries++
		wantError(t, err, "unexpected EOF")
	}
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if want := len(content) / 30000; retries != want {
		t.Errorf("%d retries; want %d", retries, want)
	}
	last := c.requests()[retries]
	if last.Header.Get("Range") != "bytes=300000-" || last.Header.Get("If-Range") != `"v1"` {
		t.Errorf("the last request had %v", last.Header)
	}
}

// What one process has got, the next one goes on from.
func TestResumeInAnotherProcess(t *testing.T) {
	c := newCloud(t, inTurn(cutAfter(100000, serveFile(content, `"v1"`)), serveFile(content, `"v1"`)))
	o := c.options()
	o.Attempts = 1
	_, err := Get(t.Context(), o)
	wantError(t, err, "unexpected EOF")
	if got := left(t, o.File); got != "file.bin.part file.bin.part.info" {
		t.Fatalf("left in the directory: %s", got)
	}
	// The URL is signed anew, the file is the same.
	o.URL = strings.Replace(o.URL, "SECRET", "OTHER", 1)
	o.SHA256 = sumOf(content)
	got, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if got.Resumed != 100000 {
		t.Errorf("Get = %+v; want 100000 resumed", got)
	}
}

func TestResumeOfWhatHasChanged(t *testing.T) {
	old := strings.ReplaceAll(content, "0", "x")
	tests := []struct {
		name   string
		second http.HandlerFunc
		url    string
	}{
		{"another version", serveFile(content, `"v2"`), ""},
		{"another place", serveFile(content, `"v1"`), "/other.bin"},
		{"no ranges", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "320000")
			_, _ = w.Write([]byte(content))
		}, ""},
		{"shorter than the part", inTurn(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}, serveFile(content, `"v2"`)), ""},
		{"less than the range says", inTurn(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 100000-319999/320000")
			w.WriteHeader(http.StatusPartialContent)
			_ = http.NewResponseController(w).Flush() // chunked: its own end is sound
			_, _ = w.Write([]byte("0123456789"))
		}, serveFile(content, `"v2"`)), ""},
		{"another range than wanted", inTurn(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/320000")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("0123456789"))
		}, serveFile(content, `"v2"`)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, inTurn(cutAfter(100000, serveFile(old, `"v1"`)), tt.second))
			o := c.options()
			o.Attempts = 1
			_, err := Get(t.Context(), o)
			wantError(t, err, "unexpected EOF")
			o.Attempts = 2
			if tt.url != "" {
				o.URL = c.URL + tt.url
			}
			got, err := Get(t.Context(), o)
			wantDone(t, o, err)
			if got.Resumed != 0 {
				t.Errorf("Get = %+v; want nothing resumed", got)
			}
		})
	}
}

// Without a tag or a date a part is worth nothing, and is not left lying about.
func TestNothingToResumeBy(t *testing.T) {
	c := newCloud(t, inTurn(cutAfter(100000, serveFile(content, "")), cutAfter(50000, serveFile(content, "")), serveFile(content, "")))
	o := c.options()
	o.Attempts = 1
	_, err := Get(t.Context(), o)
	wantError(t, err, "unexpected EOF")
	if got := left(t, o.File); got != "" {
		t.Errorf("left in the directory: %s", got)
	}
	o.Attempts = 2
	_, err = Get(t.Context(), o)
	wantDone(t, o, err)
	for _, r := range c.requests() {
		if r.Header.Get("Range") != "" {
			t.Errorf("asked for %s", r.Header.Get("Range"))
		}
	}
}

func TestWrongSHA256(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	if err := os.WriteFile(o.File, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.SHA256 = sumOf("something else")
	_, err := Get(t.Context(), o)
	wantError(t, err, "the file has the SHA-256 "+sumOf(content)+", wanted is "+o.SHA256)
	if got := read(t, o.File); got != "old" || left(t, o.File) != "file.bin" {
		t.Errorf("the file is %q, beside it %s", got, left(t, o.File))
	}
	if n := len(c.requests()); n != 1 {
		t.Errorf("%d requests; want 1", n)
	}
}

// A tag that two versions share makes a mixture: only the checksum tells, and
// then all of it is fetched once more.
func TestMixtureIsFetchedAgain(t *testing.T) {
	old := strings.ReplaceAll(content, "0", "x")
	c := newCloud(t, inTurn(cutAfter(100000, serveFile(old, `"v1"`)), serveFile(content, `"v1"`)))
	o := c.options()
	o.SHA256 = sumOf(content)
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if n := len(c.requests()); n != 3 {
		t.Errorf("%d requests; want 3", n)
	}
}

func TestRefusals(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name     string
		serve    http.HandlerFunc
		want     string
		requests int
	}{
		{"expired", status(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"), "the presigned URL has expired (status 403)", 1},
		{"denied", status(403, "<Error><Code>AccessDenied</Code></Error>"), `the server refuses with "AccessDenied" (status 403)`, 1},
		{"denied, hostile", status(403, "<Code>\x1b[2J</Code>"), "the server refuses (status 403)", 1},
		{"missing", status(404, ""), "the server has no such file (status 404)", 1},
		{"credentials", status(401, ""), "the server wants credentials", 1},
		{"odd", status(204, ""), "the server answers with status 204", 1},
		{"partial, not asked for", status(206, "x"), "the server answers with status 206", 1},
		{"busy", status(503, ""), "the server answers with status 503", 3},
		{"slow down", status(429, ""), "the server answers with status 429", 3},
		{"no length", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = conn.Write([]byte("HTTP/1.0 200 OK\r\n\r\nhalf of it"))
			conn.Close()
		}, "does not say how long the file is", 1},
		{"encoded", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("x"))
		}, `encoded as "gzip"`, 1},
		{"not HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH\r\n"))
			conn.Close()
		}, "read the answer", 3},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n"))
			for i := 0; i < 1<<20; i++ {
				if _, err := conn.Write([]byte("X-A: " + strings.Repeat("a", 1000) + "\r\n")); err != nil {
					break
				}
			}
			conn.Close()
		}, "more than 65536 bytes of headers", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, tt.serve)
			o := c.options()
			o.Attempts = 3
			_, err := Get(t.Context(), o)
			wantError(t, err, tt.want)
			wantError(t, err, "get "+c.URL+"/dir/file.bin?...: ")
			if got := left(t, o.File); got != "" {
				t.Errorf("left in the directory: %s", got)
			}
			if n := len(c.requests()); n != tt.requests {
				t.Errorf("%d requests; want %d", n, tt.requests)
			}
		})
	}
}

// A server that says when to come again is not asked before.
func TestRetryAfter(t *testing.T) {
	c := newCloud(t, inTurn(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}, serveFile(content, `"v1"`)))
	o := c.options()
	var pauses []time.Duration
	o.Retry = func(_ error, pause time.Duration) { pauses = append(pauses, pause) }
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if len(pauses) != 1 || pauses[0] != time.Second {
		t.Errorf("paused %v; want 1s", pauses)
	}
}

func TestSilentServer(t *testing.T) {
	release := make(chan struct{})
	c := newCloud(t, inTurn(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "320000")
		w.Header().Set("ETag", `"v1"`)
		_, _ = w.Write([]byte(content[:1000]))
		_ = http.NewResponseController(w).Flush()
		<-release
	}, serveFile(content, `"v1"`)))
	defer close(release)
	o := c.options()
	o.Stall = time.Second
	reason := ""
	o.Retry = func(err error, _ time.Duration) { reason = err.Error() }
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if !strings.Contains(reason, "nothing came for 1s after 1000 bytes") {
		t.Errorf("retried because %q", reason)
	}
}

// The end of the time given ends a read that waits, and keeps the part.
func TestTimeIsUp(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{})
	c := newCloud(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "320000")
		w.Header().Set("ETag", `"v1"`)
		_, _ = w.Write([]byte(content[:1000]))
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	defer close(release)
	o := c.options()
	ctx, cancel := context.WithCancelCause(t.Context())
	o.Progress = func(int64, int64) { close(begun) }
	go func() {
		<-begun
		cancel(errors.New("not done within 5m"))
	}()
	_, err := Get(ctx, o)
	wantError(t, err, "not done within 5m after 1000 bytes")
	if got := left(t, o.File); got != "file.bin.part file.bin.part.info" {
		t.Errorf("left in the directory: %s", got)
	}
}

func TestMaxBytes(t *testing.T) {
	chunked := func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(content); i += 1000 {
			_, _ = w.Write([]byte(content[i : i+1000]))
			_ = http.NewResponseController(w).Flush()
		}
	}
	for name, serve := range map[string]http.HandlerFunc{"length": serveFile(content, `"v1"`), "chunked": chunked} {
		c := newCloud(t, serve)
		o := c.options()
		o.MaxBytes = int64(len(content))
		_, err := Get(t.Context(), o)
		wantDone(t, o, err)
		o.MaxBytes--
		o.File = filepath.Join(t.TempDir(), "file.bin")
		_, err = Get(t.Context(), o)
		wantError(t, err, "the file is longer than 319999 bytes, the limit")
		if got := left(t, o.File); got != "" {
			t.Errorf("%s: left in the directory: %s", name, got)
		}
	}
}
