package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oneRun is a step that leaves a line when it begins and when it ends.
func oneRun(dir string) Step {
	return script("cd " + dir + "; echo begun $JOBBOX_ATTEMPT >>log; echo $$ >pid; echo out; echo err >&2; sleep 0.15; echo ended >>log; exit 7")
}

// The agent is killed at some instant from its start to the step's end; the
// next one takes up the step's one result, and it has run once.
func TestAgentKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	for i := range 25 {
		dir := t.TempDir()
		s := oneRun(dir)
		journal := filepath.Join(dir, "journal")
		cmd, _ := startTestClient(t, errandSheet{RunDir: o.RunDir, HandlerDir: o.HandlerDir, Steps: []Step{s}, Ready: true, Journal: journal}, &syscall.SysProcAttr{Setsid: true})
		after := time.Duration(rand.IntN(300)) * time.Millisecond
		time.Sleep(after) // the instant is the test's input
		// Group and all, as a careless service manager does it.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		r := runClient(t, NewClient(o), s, readJournal(journal))
		if r.Code != 7 || r.Stdout != "out\n" || r.Stderr != "err\n" {
			t.Errorf("%d, killed after %v: %+v; want status 7", i, after, r)
		}
		if log := strings.Join(readLines(t, dir+"/log"), ","); log != "begun 1,ended" {
			t.Errorf("%d, killed after %v: the step did %q", i, after, log)
		}
	}
}

// The runner is killed at some instant: the step ended before and its result is
// there, or it was interrupted and nothing of it is left. It is never run twice
// and never reported as something else.
func TestRunnerKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	kinds := make(map[Kind]int)
	for i := range 25 {
		dir := t.TempDir()
		s := oneRun(dir)
		c := NewClient(o)
		runner, err := c.Ready(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after := time.Duration(rand.IntN(250)) * time.Millisecond
		time.AfterFunc(after, func() { syscall.Kill(runner.PID, syscall.SIGKILL) })
		r := runClient(t, c, s, &runner)
		kinds[r.Kind()]++
		log := strings.Join(readLines(t, dir+"/log"), ",")
		switch {
		case r.Kind() == KindInterrupted && (log == "begun 1" || log == "" || log == "begun 1,ended"):
		case r.Kind() == KindExited && r.Code == 7 && log == "begun 1,ended":
		default:
			t.Errorf("%d, killed after %v: %+v; the step did %q", i, after, r, log)
		}
		if pid := readLines(t, dir+"/pid"); len(pid) > 0 && alive(readPIDText(pid[0])) {
			t.Errorf("%d, killed after %v: the step's process is still there", i, after)
		}
		if again := runClient(t, c, s, &runner); again != r {
			t.Errorf("%d: asked again: %+v; want %+v", i, again, r)
		}
		eventually(t, "the runner is dead", func() bool { return !runner.Alive() })
	}
	t.Logf("%d interrupted, %d ended before", kinds[KindInterrupted], kinds[KindExited])
}

// The next attempt of an interrupted step is a step of its own.
func TestNextAttemptAfterAnInterruption(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := script("cd " + dir + "; echo begun $JOBBOX_ATTEMPT >>log; echo $$ >pid; test $JOBBOX_ATTEMPT = 2 || sleep 1000; echo ended >>log; exit 7")
	go func() {
		readPID(t, dir+"/pid")
		syscall.Kill(runner.PID, syscall.SIGKILL)
	}()
	if r := runClient(t, c, s, &runner); !r.Interrupted {
		t.Fatalf("%+v; want it interrupted", r)
	}
	s.ID, s.Attempt = newID(), 2
	if r := runClient(t, c, s, nil); r.Code != 7 {
		t.Errorf("%+v; want status 7", r)
	}
	if log := strings.Join(readLines(t, dir+"/log"), ","); log != "begun 1,begun 2,ended" {
		t.Errorf("the step did %q", log)
	}
}

// service is a step that leaves a process behind, in its own group and session
// or in a session of its own.
func service(dir, name, how string) Step {
	s := script("cd " + dir + "; " + how + " sh -c 'echo $$ >" + name + "; while :; do echo tick; sleep 0.05; done' & while ! test -s " + name + "; do sleep 0.02; done")
	s.JobID = name
	return s
}

// What is left of an interrupted step is ended: the whole group, and whoever
// carries its marks in the runner's session. Services of other steps live on,
// and so does one that this step has put into a session of its own.
func TestWhatAnInterruptionEnds(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	others := map[string]bool{"earlier": true, "daemon": true, "stranger": true, "unmarked": false, "moved": false, "marked": false, "deaf": false}
	wantOK(t, runClient(t, c, service(dir, "earlier", ""), &runner))
	stranger := osexec.Command("sh", "-c", "echo $$ >"+dir+"/stranger; exec sleep 1000")
	stranger.Env = append(stranger.Environ(), "JOBBOX_JOB_ID=job-9", "JOBBOX_STEP=4", "JOBBOX_ATTEMPT=2")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer stranger.Process.Kill()
	s := script(`cd ` + dir + `
		setsid sh -c 'echo $$ >daemon; exec sleep 1000' &
		env -i sh -c 'echo $$ >unmarked; exec sleep 1000' &
		perl -e 'setpgrp; open F, ">moved"; print F "$$\n"; close F; sleep 1000' &
		sh -c 'echo $$ >marked; exec sleep 1000' &
		sh -c 'trap "" TERM; echo $$ >deaf; while :; do sleep 0.1; done' &
		wait`)
	s.JobID, s.Number, s.Attempt = "job-9", 4, 2
	go func() {
		for name := range others {
			readPID(t, filepath.Join(dir, name))
		}
		syscall.Kill(runner.PID, syscall.SIGKILL)
	}()
	if r := runClient(t, c, s, &runner); !r.Interrupted {
		t.Fatalf("%+v; want it interrupted", r)
	}
	for name, lives := range others {
		if name == "earlier" {
			continue // it writes to a pipe that has died with the runner
		}
		pid := readPID(t, filepath.Join(dir, name))
		if lives != alive(pid) {
			t.Errorf("%s: alive: %v; want %v", name, !lives, lives)
		}
		if lives && name == "daemon" {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// A step that ends well leaves its services alone, and neither waits for them
// nor lets them die of a closed pipe: the runner reads on for as long as they
// write, and is there for the next steps.
func TestServicesLiveOn(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := runClient(t, c, service(dir, "chatty", ""), &runner)
	if !r.OK() || !r.Held {
		t.Fatalf("%+v; want success with its output held", r)
	}
	flood := script("cd " + dir + "; sh -c 'echo $$ >flood; yes | head -c 10000000; echo done >flooded; sleep 1000' & while ! test -s flood; do sleep 0.02; done")
	wantOK(t, runClient(t, c, flood, &runner))
	eventually(t, "ten megabytes have gone through", func() bool { return len(readLines(t, dir+"/flooded")) == 1 })
	c.drop()
	time.Sleep(idleTime + 2*time.Second) // nothing happens in this time, and that is the point
	pid, later := readPID(t, dir+"/chatty"), readPID(t, dir+"/flood")
	if !alive(pid) || !alive(later) || !runner.Alive() {
		t.Errorf("services alive: %v, %v, runner: %v", alive(pid), alive(later), runner.Alive())
	}
	syscall.Kill(pid, syscall.SIGKILL)
	syscall.Kill(-later, syscall.SIGKILL)
	killMatching(t, runner.PID)
	eventually(t, "the runner has ended", func() bool { return !runner.Alive() })
}

// killMatching ends what is left in a runner's session.
func killMatching(t *testing.T, session int) {
	t.Helper()
	eachProcess(func(st procStat) bool {
		if st.session == session && st.pid != session {
			syscall.Kill(st.pid, syscall.SIGKILL)
		}
		return true
	})
}

// The runner costs nothing when there is nothing to do: it is gone.
func TestIdleRunnerEnds(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := NewClient(o)
	r := runClient(t, c, script("echo hello"), nil)
	wantOK(t, r)
	l, err := dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	runner := l.hello.runner
	l.Close()
	began := time.Now()
	eventually(t, "the runner has ended", func() bool { return !runner.Alive() })
	if idle := time.Since(began); idle < idleTime/2 {
		t.Errorf("the runner ended after %v; the next step of a job would start another", idle)
	}
	for _, name := range []string{socketName, runnerName} {
		if exists(filepath.Join(o.RunDir, name)) {
			t.Errorf("it has left %s behind", name)
		}
	}
	wantOK(t, runClient(t, c, script("echo hello"), nil))
}

// The end of Run's context leaves the step alone; a later Run has its result.
func TestEndOfRunLeavesTheStep(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	s := script("echo $$ >" + dir + "/pid; while ! test -e " + dir + "/go; do sleep 0.05; done; echo done")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		readPID(t, dir+"/pid")
		cancel()
	}()
	c := NewClient(o)
	runner, err := c.Ready(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Run(ctx, s, &runner); !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v; want %v", r, err, context.Canceled)
	}
	if !alive(readPID(t, dir+"/pid")) {
		t.Error("the step has ended with Run")
	}
	writeFile(t, dir+"/go", "", 0o600)
	if r := runClient(t, NewClient(o), s, &runner); !r.OK() || r.Stdout != "done\n" {
		t.Errorf("%+v; want success", r)
	}
}

// End ends the whole group, also for a client that has not started the step,
// and is no error for a step that does not run.
func TestEnd(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	s := script("trap '' TERM; echo $$ >" + dir + "/pid; while :; do sleep 0.1; done")
	c := NewClient(o)
	done := make(chan Result, 1)
	go func() {
		r, _ := c.Run(context.Background(), s, nil)
		done <- r
	}()
	pid := readPID(t, dir+"/pid")
	if err := NewClient(o).End(t.Context(), s.ID); err != nil {
		t.Errorf("End: %v", err)
	}
	if r := <-done; r.Kind() != KindEnded {
		t.Errorf("%+v; want it ended", r)
	}
	if alive(pid) {
		t.Error("the step's process is still there")
	}
	if err := c.End(t.Context(), "none"); err != nil {
		t.Errorf("End of a step that nobody knows: %v", err)
	}
	if err := NewClient(testOptions(t)).End(t.Context(), "none"); err != nil {
		t.Errorf("End where no runner is: %v", err)
	}
}

// Many clients at once start one runner; the same step asked for by all of them
// runs once, and different ones side by side.
func TestManyClients(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	same := oneRun(dir)
	type answer struct {
		runner Identity
		r      Result
		err    error
	}
	answers := make(chan answer)
	const n = 16
	for i := range n {
		go func() {
			c := NewClient(o)
			id, err := c.Ready(context.Background())
			s := same
			if i%2 == 1 {
				s = script("sleep 0.1; exit " + strconv.Itoa(i))
			}
			r := Result{}
			if err == nil {
				r, err = c.Run(context.Background(), s, &id)
			}
			if err == nil && i%2 == 1 && r.Code != i {
				err = fmt.Errorf("status %d; want %d", r.Code, i)
			}
			if err == nil && i%2 == 0 && r.Code != 7 {
				err = fmt.Errorf("%s; want status 7", r.Reason())
			}
			answers <- answer{id, r, err}
		}()
	}
	var runners []Identity
	for range n {
		a := <-answers
		if a.err != nil {
			t.Error(a.err)
		}
		if !slices.Contains(runners, a.runner) {
			runners = append(runners, a.runner)
		}
	}
	if len(runners) != 1 {
		t.Errorf("%d runners: %v", len(runners), runners)
	}
	if log := strings.Join(readLines(t, dir+"/log"), ","); log != "begun 1,ended" {
		t.Errorf("the step did %q", log)
	}
}

// A step of an earlier boot, and one whose runner is gone and has left nothing,
// were interrupted: they are not run again under the same ID.
func TestBegunElsewhere(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	self, err := identify(1)
	if err != nil {
		t.Fatal(err)
	}
	otherBoot, otherStart, gone := self, self, self
	otherBoot.BootID = "00000000-0000-0000-0000-000000000000"
	otherStart.StartTime++
	gone.PID = 1 << 30
	for name, id := range map[string]Identity{"another boot": otherBoot, "its number is another's now": otherStart, "no such process": gone} {
		if r := runClient(t, NewClient(o), oneRun(dir), &id); !r.Interrupted {
			t.Errorf("%s: %+v; want it interrupted", name, r)
		}
	}
	// A runner that lives, and has retired: it will never run it.
	if r := runClient(t, NewClient(o), oneRun(dir), &self); !r.Interrupted {
		t.Errorf("a runner that does not serve: %+v; want it interrupted", r)
	}
	// A marker without a result, and a journal that knows nothing of it.
	s := oneRun(dir)
	d, err := openOwnDir(o.RunDir)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := writeMarker(o.RunDir, marker{step: s, runner: gone}); err != nil {
		t.Fatal(err)
	}
	if r := runClient(t, NewClient(o), s, nil); !r.Interrupted {
		t.Errorf("a marker of a runner that is gone: %+v; want it interrupted", r)
	}
	if log := readLines(t, dir+"/log"); len(log) > 0 {
		t.Errorf("it did run: %q", log)
	}
}

// A step that stops its own agent, replaces the program and starts it again, as
// a package upgrade does, ends in one success that the new agent takes up.
func TestStepUpgradesItsAgent(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	program := filepath.Join(dir, "program")
	copyFile(t, "/proc/self/exe", program, 0o755)
	copyFile(t, "/proc/self/exe", program+".new", 0o755)
	s := script(`cd ` + dir + `; echo begun >>log
		while ! test -s agent; do sleep 0.02; done
		kill -9 $(cat agent)
		mv program.new program
		setsid bash -c 'exec -a ` + testClientName + ` ./program "$(cat sheet)"' >answer 2>&1 &
		sleep 0.5; echo upgraded`)
	sheet := errandSheet{RunDir: o.RunDir, HandlerDir: o.HandlerDir, Steps: []Step{s}, Ready: true, Journal: filepath.Join(dir, "journal")}
	text, err := json.Marshal(errandSheet{RunDir: o.RunDir, HandlerDir: o.HandlerDir, Steps: []Step{s}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/sheet", string(text), 0o600)
	first, err := json.Marshal(sheet)
	if err != nil {
		t.Fatal(err)
	}
	agent := &osexec.Cmd{Path: program, Args: []string{testClientName, string(first)}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/agent", strconv.Itoa(agent.Process.Pid)+"\n", 0o600)
	if err := agent.Wait(); err == nil {
		t.Error("the first agent was not killed")
	}
	var r Result
	eventually(t, "the new agent has the result", func() bool {
		text, err := os.ReadFile(dir + "/answer")
		return err == nil && strings.HasSuffix(string(text), "\n") && json.Unmarshal(text, &r) == nil
	})
	if !r.OK() || r.Stdout != "upgraded\n" {
		t.Errorf("%+v; want success", r)
	}
	if log := readLines(t, dir+"/log"); len(log) != 1 {
		t.Errorf("it ran %d times", len(log))
	}
}
