package exec

import (
	"context"
	"os"
	osexec "os/exec"
	"testing"
)

// What another user has put where the run directory is to be says nothing about
// a step.
func TestRunDirectoryOfAnotherUser(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	if err := os.Mkdir(o.RunDir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := script("exit 1")
	if err := writeResult(o.RunDir, s.ID, Result{Stdout: "forged"}); err != nil {
		t.Fatal(err)
	}
	victim := osexec.Command("sleep", "1000")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Wait()
	defer victim.Process.Kill()
	id, err := identify(victim.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	dead := Identity{PID: 1 << 25, StartTime: 1, BootID: BootID()}
	if err := writeMarker(o.RunDir, marker{step: s, runner: dead, process: id}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(o.RunDir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	for _, begun := range []*Identity{nil, &dead} {
		if r := runClient(t, NewClient(o), s, begun); r.OK() || r.Stdout != "" {
			t.Errorf("%+v", r)
		}
	}
	if !id.Alive() {
		t.Error("a marker of another user has ended a process")
	}
}

// Close leaves no runner behind, and no directory either, but for a step that
// still runs.
func TestClose(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := NewClient(o)
	c.Close() // where none is
	wantOK(t, runClient(t, c, script("true"), nil))
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := os.RemoveAll(o.RunDir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runner is gone", func() bool { return !runner.Alive() })
	if exists(o.RunDir) {
		t.Error("the run directory has come back")
	}
	busy := make(chan Result, 1)
	file := t.TempDir() + "/pid"
	s := script("echo $$ >" + file + "; exec sleep 1000")
	go func() {
		r, _ := NewClient(o).Run(context.Background(), s, nil)
		busy <- r
	}()
	pid := readPID(t, file)
	c.Close()
	if !alive(pid) {
		t.Error("the step has ended with Close")
	}
	if err := c.End(t.Context(), s.ID); err != nil {
		t.Error(err)
	}
	if r := <-busy; r.Kind() != KindEnded {
		t.Errorf("%+v; want it ended", r)
	}
}
