package exec

import (
	"os"
	osexec "os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	// Fields 4 to 24: parent 1, group 2, session 3, ..., threads 17, ..., start 19.
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1234567890123 20 21"
	want := procStat{pid: 7, state: 'S', group: 2, session: 3, threads: 17, start: 1234567890123}
	for _, name := range []string{"sh", "a) R (b\n) c", "", "(", ") Z 9 9 9"} {
		if got, err := parseStat([]byte("7 (" + name + ") S" + rest)); err != nil || got != want {
			t.Errorf("name %q: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, text := range []string{"", "7", "7 (sh", "7 (sh)", "7 (sh) S 1 2", "x (sh) S" + rest, "7 (sh) SS" + rest, "7 (sh) S 1 2 x" + rest} {
		if got, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q was taken for %+v", text, got)
		}
	}
}

// A process is alive until it has ended, and not as a zombie.
func TestAlive(t *testing.T) {
	cmd := osexec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := identify(cmd.Process.Pid)
	if err != nil || !id.Alive() || id.BootID == "" {
		t.Fatalf("%+v, %v", id, err)
	}
	for _, other := range []Identity{{id.PID, id.StartTime + 1, id.BootID}, {id.PID, id.StartTime, "x"}, {id.PID + 1<<25, id.StartTime, id.BootID}, {}, {0, 0, id.BootID}, {-1, 0, id.BootID}} {
		if other.Alive() {
			t.Errorf("%+v is alive", other)
		}
	}
	in.Close()
	eventually(t, "it is a zombie", func() bool { st, err := readStat(id.PID); return err == nil && st.state == 'Z' })
	if id.Alive() {
		t.Error("a zombie is alive")
	}
	cmd.Wait()
	if id.Alive() {
		t.Error("it is alive after its end")
	}
}

// The main goroutine is sure to be on the first thread only from here on.
func init() {
	if os.Args[0] == testThreadName {
		runtime.LockOSThread()
	}
}

// testThread ends the first thread of its process; another one goes on. Then
// the process looks like a zombie and isn't one.
func testThread() {
	go func() {
		runtime.LockOSThread()
		println("here")
		for {
			time.Sleep(time.Hour)
		}
	}()
	if unix.Gettid() != unix.Getpid() {
		panic("not the first thread")
	}
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// A program whose first thread has ended is held to its time-out, and not taken
// to have ended by itself.
func TestFirstThreadEnds(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	s := Step{ID: newID(), Program: "/bin/bash", Args: []string{"-c", "exec -a " + testThreadName + " /proc/" + self() + "/exe"}, Timeout: 2 * time.Second}
	r := runLocal(t, s, o)
	if !r.TimedOut || r.Stderr != "here\n" {
		t.Errorf("%+v; want a time-out", r)
	}
}
