package fetch

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is long enough to be cut in several places, and no part of it is like
// another.
var content = func() string {
	var b strings.Builder
	for i := range 40000 {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.String()
}()

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A cloud is an HTTPS server with one file, which a test can make misbehave.
type cloud struct {
	*httptest.Server
	t    *testing.T
	mu   sync.Mutex
	reqs []*http.Request
}

func newCloud(t *testing.T, serve http.HandlerFunc) *cloud {
	t.Helper()
	c := &cloud{t: t}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.reqs = append(c.reqs, r)
		c.mu.Unlock()
		serve(w, r)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*http.Request(nil), c.reqs...)
}

func (c *cloud) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Certificate())
	return pool
}

// options are for a download from c to a new directory, with retries at once.
func (c *cloud) options() Options {
	return Options{
		URL: c.URL + "/dir/file.bin?X-Amz-Signature=SECRET", File: filepath.Join(c.t.TempDir(), "file.bin"),
		Roots: c.roots(), Backoff: time.Millisecond, UserAgent: "jobbox/test",
	}
}

// serveFile answers like S3: ranges, a strong tag.
func serveFile(text, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	}
}

// cutAfter sends what serve answers, up to n bytes of content, and hangs up.
func cutAfter(n int, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		serve(&cutter{w, n}, r)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	if len(b) < c.left {
		c.left -= len(b)
		return c.ResponseWriter.Write(b)
	}
	_, _ = c.ResponseWriter.Write(b[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// inTurn answers the first request with the first handler, and so on; the last
// one answers all that come after.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[min(next, len(handlers)-1)]
		next++
		mu.Unlock()
		h(w, r)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// left is what lies in the file's directory.
func left(t *testing.T, file string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// wantDone fails unless the file is there, whole, and alone.
func wantDone(t *testing.T, o Options, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if got := read(t, o.File); got != content {
		t.Fatalf("the file has %d bytes; want the %d of the server", len(got), len(content))
	}
	if got := left(t, o.File); got != "file.bin" {
		t.Errorf("left in the directory: %s", got)
	}
}

// wantError fails unless err says what it must, and no secret.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("Get = %v; want an error with %q", err, want)
	}
	for _, secret := range []string{"SECRET", "Signature", "password"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error gives away %q: %v", secret, err)
		}
	}
}
