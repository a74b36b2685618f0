package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dying are steps that end in all the ways in which a shutdown can end one.
var dying = []string{
	"exec sleep 1000",
	"sleep 1000; exit 5",
	"trap 'exit 1' TERM; sleep 1000 & wait",
	"trap 'kill -9 $$' TERM; sleep 1000 & wait",
	"sh -c 'sleep 1000'; sh -c 'exit 3'",
	"trap '' TERM; sleep 1000; exit 9", // its child dies, it does not
	"exec perl -e '$SIG{TERM} = sub { exit 7 }; sleep 1000'",
}

// testInit is process 1 of a machine: it has the agent's client, starts steps,
// and goes down as BusyBox does. It prints what each step was reported as.
func testInit() int {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Fprintln(os.Stderr, "mount /proc:", err)
		return 1
	}
	o := Options{RunDir: filepath.Join(os.Args[1], "run"), Limits: Limits{Umask: -1}, Grace: 100 * time.Millisecond}
	results := make(chan string)
	pending := 0
	for i, text := range dying {
		s := script("echo $$ >" + filepath.Join(os.Args[1], fmt.Sprint("pid", i)) + "; " + text)
		s.JobID = fmt.Sprint("job-", i) // for leftovers to be told apart
		pending++
		go func() {
			r, err := NewClient(o).Run(context.Background(), s, nil)
			text, _ := json.Marshal(r)
			results <- fmt.Sprintf("%s: %s %v", dying[i], text, err)
		}()
	}
	for i := range dying {
		for !exists(filepath.Join(os.Args[1], fmt.Sprint("pid", i))) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	time.Sleep(100 * time.Millisecond) // the traps are set by now, or the step dies at once: both are right
	if err := syscall.Kill(-1, syscall.SIGTERM); err != nil {
		fmt.Fprintln(os.Stderr, "kill everything:", err)
		return 1
	}
	for ; pending > 0; pending-- {
		fmt.Println(<-results)
	}
	return 0
}

// At a shutdown every process gets SIGTERM at once, and a step may die of it
// before the runner knows. No such step is reported as anything but
// interrupted: it is run again after the boot. This is a shutdown, in a PID
// namespace of its own.
func TestShutdown(t *testing.T) {
	needRoot(t)
	t.Parallel()
	for i := range 12 {
		dir := t.TempDir()
		cmd := &osexec.Cmd{
			Path: "/proc/self/exe", Args: []string{testInitName, dir}, Stderr: os.Stderr, Env: os.Environ(),
			SysProcAttr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS},
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("the machine: %v\n%s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) != len(dying) {
			t.Errorf("%d: %d results of %d steps: %q", i, len(lines), len(dying), lines)
		}
		for _, line := range lines {
			if !strings.Contains(line, `"Interrupted":true`) {
				t.Errorf("%d: %s", i, line)
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, "run", "*.result")); err != nil || len(left) > 0 {
			t.Errorf("%d: result files %v, %v", i, left, err)
		}
	}
}

// A step that ends before the machine goes down has its result.
func TestEndedBeforeShutdown(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := script("exit 3")
	r := runClient(t, c, s, &runner)
	syscall.Kill(runner.PID, syscall.SIGTERM)
	eventually(t, "the runner has ended", func() bool { return !runner.Alive() })
	if again := runClient(t, NewClient(o), s, &runner); again != r || r.Code != 3 {
		t.Errorf("%+v, then %+v; want status 3", r, again)
	}
}

// An agent that is shut down with the machine does not report what it sees last.
func TestAgentShutDownWithTheRunner(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		readPID(t, dir+"/pid")
		syscall.Kill(runner.PID, syscall.SIGTERM)
		eventually(t, "the runner has ended", func() bool { return !runner.Alive() })
		cancel()
	}()
	if r, err := c.Run(ctx, script("echo $$ >"+dir+"/pid; exec sleep 1000"), &runner); err == nil {
		t.Errorf("%+v; want an error: it is not known how the step ended", r)
	}
}
