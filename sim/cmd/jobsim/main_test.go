package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"jobbox/sim/lab"
)

func TestMain(m *testing.M) {
	testscript.Main(mainRunner{m}, map[string]func(){"jobsim": main})
}

// mainRunner removes what the tests have built.
type mainRunner struct{ m *testing.M }

func (r mainRunner) Run() int { return lab.Main(r.m) }

func TestScripts(t *testing.T) {
	jobbox := lab.Build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("JOBBOX", jobbox)
			e.Values[processesKey{}] = processes{}
			e.Defer(func() {
				if err := lab.EndRunnersBelow(e.WorkDir); err != nil {
					t.Error(err)
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"background": background,
			"signal":     signalProcess,
			"ready":      ready,
			"await":      await,
		},
	})
}

// processes are those that a script has put into the background, by name.
type processes map[string]*process

type process struct {
	cmd  *exec.Cmd
	out  string // a file
	done chan struct{}
	err  error // of its end; read after done
}

type processesKey struct{}

// background NAME COMMAND...: starts a command whose output goes to the file
// NAME.out, and that is killed when the script ends.
func background(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.MkAbs(args[0] + ".out")
	f, err := os.Create(out)
	ts.Check(err)
	defer f.Close()
	path := args[1]
	if path == "jobsim" {
		path, err = os.Executable() // the test binary, which is jobsim under that name
		ts.Check(err)
	}
	cmd := exec.Command(path, args[2:]...)
	cmd.Args[0] = args[1]
	cmd.Stdout, cmd.Stderr = f, f
	cmd.Dir = ts.MkAbs(".")
	// No proxy and no settings of whoever runs the tests.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + ts.MkAbs(".")}
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, out: out, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	started(ts)[args[0]] = p
	ts.Defer(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-p.done
	})
}

func started(ts *testscript.TestScript) processes {
	return ts.Value(processesKey{}).(processes)
}

// signal NAME: sends SIGTERM and waits for the end, which must be exit status 0.
func signalProcess(ts *testscript.TestScript, _ bool, args []string) {
	p := started(ts)[args[0]]
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
		if p.err != nil {
			ts.Fatalf("%s after SIGTERM: %v\n%s", args[0], p.err, ts.ReadFile(p.out))
		}
	case <-time.After(lab.Patience):
		ts.Fatalf("%s does not end after SIGTERM", args[0])
	}
}

// ready DIR: waits until the cloud in DIR answers.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	waitUntil(ts, "the cloud in "+args[0], func() bool {
		c, err := dial(ts.MkAbs(args[0]))
		if err != nil {
			return false
		}
		_, err = c.do(context.Background(), http.MethodGet, "/things", nil)
		return err == nil
	})
}

// await FILE TEXT: waits until a file holds a text.
func await(ts *testscript.TestScript, _ bool, args []string) {
	waitUntil(ts, args[1]+" in "+args[0], func() bool {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(data), args[1])
	})
}

func waitUntil(ts *testscript.TestScript, what string, condition func() bool) {
	deadline := time.Now().Add(lab.Patience)
	for !condition() {
		if time.Now().After(deadline) {
			ts.Fatalf("waiting for %s: not in %v", what, lab.Patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
