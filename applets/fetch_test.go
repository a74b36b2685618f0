//go:build !exclude_fetch

package applets

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fetchServer is an HTTPS server with one file, and the PEM file that makes its
// certificate trusted.
func fetchServer(t *testing.T, serve http.HandlerFunc) (server *httptest.Server, ca string) {
	t.Helper()
	server = httptest.NewUnstartedServer(serve)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return server, ca
}

func serveHello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader("hello, device\n"))
}

// call runs an applet in this process.
func callApplet(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = Main(append([]string{"jobbox"}, args...), &Env{Stdout: &out, Stderr: &errs, Getenv: os.Getenv})
	return status, out.String(), errs.String()
}

func TestFetchApplet(t *testing.T) {
	server, ca := fetchServer(t, serveHello)
	file := filepath.Join(t.TempDir(), "file")
	url := server.URL + "/x?X-Amz-Signature=SECRET"
	status, out, errs := callApplet("fetch", "--ca", ca, url, "--timeout=5m", file)
	if want := file + ": 14 bytes\n"; status != ExitOK || out != want || errs != "" {
		t.Errorf("fetch = %d, %q, %q; want 0, %q", status, out, errs, want)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "hello, device\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	status, out, errs = callApplet("fetch", url, file)
	if status != ExitFailure || out != "" || !strings.Contains(errs, "unknown authority") || strings.Contains(errs, "SECRET") {
		t.Errorf("fetch without --ca = %d, %q, %q", status, out, errs)
	}
	status, _, errs = callApplet("fetch", "--ca", ca, "--sha256", strings.Repeat("0", 64), "--", url, file)
	if status != ExitFailure || !strings.Contains(errs, "the file has the SHA-256") {
		t.Errorf("fetch of something else = %d, %q", status, errs)
	}
}

// What goes wrong and is tried again is no line on standard error: there, one
// line fails a job of the old schema.
func TestFetchRetriesOnStandardOutput(t *testing.T) {
	asked := 0
	server, ca := fetchServer(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		serveHello(w, r)
	})
	file := filepath.Join(t.TempDir(), "file")
	status, out, errs := callApplet("fetch", "--ca", ca, server.URL, file)
	if want := "the server answers with status 503; again in 1s\n"; status != ExitOK || !strings.HasPrefix(out, want) || errs != "" {
		t.Errorf("fetch = %d, %q, %q; want 0, %q first", status, out, errs, want)
	}
}

// A clock that stands before the build cannot be right.
func TestCertificateTime(t *testing.T) {
	defer func(saved time.Time) { buildTime = saved }(buildTime)
	buildTime = time.Now().Add(-time.Hour)
	if d := time.Since(certificateTime()); d > time.Minute {
		t.Errorf("certificates are verified as of %v ago", d)
	}
	buildTime = time.Now().AddDate(10, 0, 0)
	if got := certificateTime(); !got.Equal(buildTime) {
		t.Errorf("certificates are verified as of %v; want %v", got, buildTime)
	}
}

// TestFetchChild is no test of its own: the one below runs it as a process,
// since Go reads a proxy's variables once and for all.
func TestFetchChild(t *testing.T) {
	args := os.Getenv("FETCH_ARGS")
	if args == "" {
		return
	}
	os.Exit(Main(append([]string{"jobbox", "fetch"}, strings.Split(args, "\n")...),
		&Env{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
}

func fetchProcess(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFetchChild$")
	cmd.Env = append([]string{"FETCH_ARGS=" + strings.Join(args, "\n"), "PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

func TestFetchHeedsTheProxyVariables(t *testing.T) {
	server, ca := fetchServer(t, serveHello)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" || r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		tunnel(w, server.Listener.Addr().String())
	}))
	defer proxy.Close()
	authority := strings.TrimPrefix(proxy.URL, "http://")
	for _, tt := range []struct {
		env    string
		status int
		want   string
	}{
		{"https_proxy=http://user:password@" + authority, ExitOK, "14 bytes"},
		{"HTTPS_PROXY=http://user:password@" + authority, ExitOK, "14 bytes"},
		{"https_proxy=http://" + authority, ExitFailure, "proxy: no tunnel"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		cmd := fetchProcess([]string{tt.env}, "--ca", ca, "--timeout", "10s", "https://example.com/x", file)
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != tt.status || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "password") {
			t.Errorf("with %s: %d, %s; want %d, %q", tt.env, status, out, tt.status, tt.want)
		}
	}
}

func tunnel(w http.ResponseWriter, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(server, client) }()
	_, _ = io.Copy(client, server)
}

// SIGTERM, as at the end of a step's time, ends a download that waits, and
// leaves what the next one can take up.
func TestFetchEndsBySignal(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server, ca := fetchServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "14")
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, "hello")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-release
	})
	defer close(release)
	file := filepath.Join(t.TempDir(), "file")
	cmd := fetchProcess(nil, "--ca", ca, server.URL, file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	for end := time.Now().Add(time.Minute); size(file+".part") != 5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no part after a minute")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != ExitFailure {
		t.Errorf("fetch ended with %v; want exit status 1", err)
	}
	if size(file+".part.info") <= 0 || size(file) >= 0 {
		t.Error("the part cannot be taken up, or passes for the file")
	}
}

// size is a file's length, -1 where there is none.
func size(file string) int64 {
	st, err := os.Stat(file)
	if err != nil {
		return -1
	}
	return st.Size()
}

func TestBarLine(t *testing.T) {
	for _, tt := range []struct {
		have, total int64
		want        string
	}{
		{0, 4096, "[                                        ]   0% of 4 kB"},
		{2048, 4096, "[====================                    ]  50% of 4 kB"},
		{4096, 4096, "[========================================] 100% of 4 kB"},
		{1 << 62, 1 << 62, "[========================================] 100% of 4503599627370496 kB"},
		{5000, -1, "4 kB"},
	} {
		if got := barLine(tt.have, tt.total); got != tt.want {
			t.Errorf("barLine(%d, %d) = %q; want %q", tt.have, tt.total, got, tt.want)
		}
	}
}

// On a terminal there is a bar, and a plain line after it.
func TestProgressOnATerminal(t *testing.T) {
	server, ca := fetchServer(t, serveHello)
	master, slave := openTerminal(t)
	cmd := fetchProcess(nil, "--ca", ca, server.URL, filepath.Join(t.TempDir(), "file"))
	cmd.Stdout = slave
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	shown, _ := io.ReadAll(master) // ends with EIO, as terminals do
	if !bytes.Contains(shown, []byte("100% of 0 kB")) || !bytes.HasSuffix(shown, []byte("14 bytes\r\n")) {
		t.Errorf("the terminal shows %q", shown)
	}
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
