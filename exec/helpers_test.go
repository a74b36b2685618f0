package exec

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come: long, since the machine
// may be slow and busy, and never spent where all is well.
const patience = 60 * time.Second

// needRoot fails rather than skips: these tests are about users.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("run this test as root: it starts processes of other users")
	}
}

// testOptions is a device's: a run directory and a handler directory of its own.
func testOptions(t testing.TB) Options {
	t.Helper()
	dir := publicDir(t)
	o := Options{
		RunDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"),
		HandlerDir: filepath.Join(dir, "jobs"),
		Grace:      300 * time.Millisecond, Limits: Limits{Umask: -1}, BuiltIn: testBuiltIn,
	}
	for _, d := range []string{o.HandlerDir, o.StateDir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { endRunner(t, o) })
	return o
}

// endRunner ends the runner of a test, so that none is left behind.
func endRunner(t testing.TB, o Options) {
	l, err := dial(context.Background(), o)
	if err != nil {
		return
	}
	defer l.Close()
	if err := syscall.Kill(l.hello.runner.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("kill the runner: %v", err)
	}
	eventually(t, "the runner is gone", func() bool { return !l.hello.runner.Alive() })
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

var lastID atomic.Int64

// newID is a step ID that no other step of this test run has.
func newID() string { return "t" + strconv.FormatInt(lastID.Add(1), 10) }

// script is a step that runs sh.
func script(text string) Step {
	return Step{ID: newID(), JobID: "job-1", Number: 1, Attempt: 1, Program: "/bin/sh", Args: []string{"-c", text}}
}

func as(user string, s Step) Step {
	s.User = user
	return s
}

func within(d time.Duration, s Step) Step {
	s.Timeout = d
	return s
}

// handlerStep is a step that runs a handler of the handler directory.
func handlerStep(name string, args ...string) Step {
	return Step{ID: newID(), JobID: "job-1", Number: 1, Attempt: 1, Source: Default, Program: name, Args: args}
}

// runHere runs one step in this process, without a runner, and waits for it. The
// end of ctx ends the step.
func runHere(ctx context.Context, s Step, o Options) Result {
	e := execution{step: s, opts: o}
	if s.LogOutput {
		e.lines = logLines(o.Log, s)
	}
	return e.run(ctx)
}

func runLocal(t testing.TB, s Step, o Options) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	return runHere(ctx, s, o)
}

func runClient(t testing.TB, c *Client, s Step, begun *Identity) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	r, err := c.Run(ctx, s, begun)
	if err != nil {
		t.Fatalf("Run(%q %q): %v", s.Program, s.Args, err)
	}
	return r
}

// writeHandler puts a handler into the handler directory.
func writeHandler(t testing.TB, o Options, name, text string) string {
	t.Helper()
	path := filepath.Join(o.HandlerDir, name)
	writeFile(t, path, text, 0o700)
	return path
}

func writeFile(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// copyFile makes dst a copy of a program of this machine.
func copyFile(t testing.TB, src, dst string, mode os.FileMode) {
	t.Helper()
	text, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dst, string(text), mode)
}

// wantOK fails the test unless the step succeeded.
func wantOK(t testing.TB, r Result) {
	t.Helper()
	if !r.OK() {
		t.Fatalf("%s; stdout %q, stderr %q; want success", r.Reason(), r.Stdout, r.Stderr)
	}
}

// readLines is what a step has written to a file, a line each.
func readLines(t testing.TB, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// readPID waits for a process to write its number to a file.
func readPID(t testing.TB, path string) int {
	t.Helper()
	pid := 0
	eventually(t, "a process number is in "+path, func() bool {
		b, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	return pid
}

func alive(pid int) bool {
	id, err := identify(pid)
	return err == nil && id.Alive()
}

// startTestClient starts a client in a process of its own.
func startTestClient(t testing.TB, sheet errandSheet, attr *syscall.SysProcAttr) (*osexec.Cmd, *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(sheet)
	if err != nil {
		t.Fatal(err)
	}
	cmd := &osexec.Cmd{
		Path: "/proc/self/exe", Args: []string{testClientName, string(text)},
		Stderr: os.Stderr, SysProcAttr: attr, Env: os.Environ(),
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// runTestClient runs a client to its end and returns its results.
func runTestClient(t testing.TB, sheet errandSheet, attr *syscall.SysProcAttr) []Result {
	t.Helper()
	cmd, out := startTestClient(t, sheet, attr)
	var results []Result
	for d := json.NewDecoder(out); ; {
		var r Result
		if d.Decode(&r) != nil {
			break
		}
		results = append(results, r)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("client: %v", err)
	}
	return results
}

// readPIDText is a process number that a step has printed.
func readPIDText(s string) int {
	pid, _ := strconv.Atoi(strings.TrimSpace(s))
	return pid
}

// publicDir is a directory that every user can enter; t.TempDir is not.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "exec-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
