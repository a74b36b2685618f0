package exec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dumpCore leaves a core file, and a process that takes it away.
const dumpCore = `ulimit -c unlimited
cd "$(mktemp -d)" || exit
(while kill -0 $$; do sleep 0.1; done; rm -r "$PWD") >/dev/null 2>&1 &
kill -SEGV $$`

// outcomes are steps and how they end, under whoever runs them.
var outcomes = []struct {
	name string
	step Step
	want Result
}{
	{"success", script("exit 0"), Result{}},
	{"status 1", script("exit 1"), Result{Code: 1}},
	{"status 194 is a status", script("exit 194"), Result{Code: 194}},
	{"status 255", script("exit 255"), Result{Code: 255}},
	{"status 256 is 0: the kernel keeps eight bits", script("exec perl -e 'exit 256'"), Result{}},
	{"a shell's 128+9 is a status, not a signal", script("exit 137"), Result{Code: 137}},
	{"killed", script("kill -9 $$"), Result{Signal: syscall.SIGKILL}},
	{"terminated", script("kill -15 $$"), Result{Signal: syscall.SIGTERM}},
	{"segmentation fault, with a core", script(dumpCore), Result{Signal: syscall.SIGSEGV}},
	{"abort", script("kill -ABRT $$"), Result{Signal: syscall.SIGABRT}},
	{"broken pipe", script("kill -PIPE $$"), Result{Signal: syscall.SIGPIPE}},
	{"hang-up", script("kill -HUP $$"), Result{Signal: syscall.SIGHUP}},
	{"real-time signal", script("kill -40 $$"), Result{Signal: 40}},
	{"its child is killed, it is not", script("sh -c 'kill -9 $$'; exit 0"), Result{}},
	{"time-out", within(200*time.Millisecond, script("sleep 100")), Result{TimedOut: true, Timeout: 200 * time.Millisecond}},
	{"time-out, SIGTERM ignored", within(200*time.Millisecond, script("trap '' TERM; sleep 100")), Result{TimedOut: true, Timeout: 200 * time.Millisecond}},
	{"time-out, exits 0 when told", within(200*time.Millisecond, script("trap 'exit 0' TERM; sleep 100 & wait")), Result{TimedOut: true, Timeout: 200 * time.Millisecond}},
	{"time-out of a stopped process", within(200*time.Millisecond, script("kill -STOP $$")), Result{TimedOut: true, Timeout: 200 * time.Millisecond}},
	{"in time", within(time.Hour, script("exit 4")), Result{Code: 4}},
	{"a process in the background holds the output", script("sleep 100 & echo $! >&2"), Result{Held: true}},
	{"no such program", Step{ID: newID(), Program: "no-such-program"}, Result{Failure: `cannot start "no-such-program": no such program in PATH`}},
	{"no such path", Step{ID: newID(), Program: "/no/such"}, Result{Failure: `cannot start "/no/such": no such file or directory`}},
	{"a directory", Step{ID: newID(), Program: "/"}, Result{Failure: `cannot start "/": permission denied`}},
	{"not executable", Step{ID: newID(), Program: "/etc/passwd"}, Result{Failure: `cannot start "/etc/passwd": permission denied`}},
	{"no current directory in PATH", Step{ID: newID(), Program: ".profile"}, Result{Failure: `cannot start ".profile": no such program`}},
	{"no program", Step{ID: newID()}, Result{Failure: "no program is named"}},
	{"a NUL", Step{ID: newID(), Program: "echo", Args: []string{"a\x00b"}}, Result{Failure: "holds a NUL byte"}},
	{"not UTF-8", Step{ID: newID(), Program: "echo", Args: []string{"a\xffb"}}, Result{Failure: "is not UTF-8"}},
	{"unknown user", as("nobody-by-that-name", script("exit 0")), Result{Failure: `user "nobody-by-that-name": no such user`}},
	{"a number is no name", as("0", script("exit 0")), Result{Failure: `user "0": no such user`}},
	{"a name with a colon", as("root:x", script("exit 0")), Result{Failure: `user "root:x": no such user`}},
	{"another user", as("nobody", script("test $(id -u) != 0")), Result{}},
	{"arguments too long", Step{ID: newID(), Program: "echo", Args: []string{strings.Repeat("x", 200<<10)}}, Result{Failure: "argument list too long"}},
	{"handler that is not there", handlerStep("none.sh"), Result{Failure: `handler "none.sh": not in the handler directory`}},
	{"directory without the program", Step{ID: newID(), Source: Directory, Dir: "/usr/lib/", Program: "none"}, Result{Failure: `cannot start "/usr/lib/none"`}},
	{"no directory", Step{ID: newID(), Source: Directory, Program: "sh"}, Result{Failure: "no directory is named"}},
	{"a directory's program", Step{ID: newID(), Source: Directory, Dir: "/bin/", Program: "true"}, Result{}},
	{"searched for in PATH", Step{ID: newID(), Source: Search, Program: "true", Args: []string{""}}, Result{}},
	{"built in", handlerStep("built-in.sh"), Result{}},
}

// sameOutcome compares what can be known beforehand of how a step ends.
func sameOutcome(got, want Result) bool {
	return got.Kind() == want.Kind() && got.Code == want.Code && got.Signal == want.Signal && got.Held == want.Held &&
		got.Timeout == want.Timeout && strings.Contains(got.Failure, want.Failure) && !strings.Contains(got.Failure, "\n") &&
		got.OK() == (want == Result{} || want == Result{Held: true})
}

func endHeld(t *testing.T, r Result) {
	if r.Held {
		if pid := readPIDText(r.Stderr); pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestOutcomesHere(t *testing.T) {
	needRoot(t)
	o := testOptions(t)
	for _, tt := range outcomes {
		r := runLocal(t, tt.step, o)
		if !sameOutcome(r, tt.want) {
			t.Errorf("%s: %+v; want %+v", tt.name, r, tt.want)
		}
		endHeld(t, r)
	}
}

func TestOutcomesUnderTheRunner(t *testing.T) {
	needRoot(t)
	t.Parallel()
	for name, limits := range map[string]Limits{
		"plain":    {Umask: -1},
		"prepared": {Umask: -1, NoNewPrivs: true},
		"limited":  {Umask: -1, CPU: 3600, AddressSpace: 8 << 30, Processes: 20000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			o.Limits = limits
			outcomesUnderTheRunner(t, o)
		})
	}
}

func outcomesUnderTheRunner(t *testing.T, o Options) {
	c := NewClient(o)
	for _, tt := range outcomes {
		tt.step.ID = newID()
		runner, err := c.Ready(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := runClient(t, c, tt.step, &runner)
		if !sameOutcome(r, tt.want) {
			t.Errorf("%s: %+v; want %+v", tt.name, r, tt.want)
		}
		if again := runClient(t, c, tt.step, &runner); again.Failure == "" && again != r {
			t.Errorf("%s: asked again: %+v; want %+v", tt.name, again, r)
		}
		if err := c.Forget(tt.step.ID); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		endHeld(t, r)
	}
	if left, err := filepath.Glob(filepath.Join(o.RunDir, "t*")); err != nil || len(left) > 0 {
		t.Errorf("left in the run directory: %v, %v", left, err)
	}
}

// A time-out ends the whole group; what has asked for time to clean up has it.
func TestTimeOutEndsTheGroup(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.Grace = patience
	dir := t.TempDir()
	s := within(time.Second, script("cd "+dir+`
		sh -c 'trap "" TERM; echo $$ >deaf; while :; do sleep 0.1; done' &
		sh -c 'trap "sleep 0.3; echo clean >cleaned; exit" TERM; echo $$ >slow; while :; do sleep 0.1; done' &
		while ! test -s deaf || ! test -s slow; do sleep 0.1; done; echo ok; exec sleep 100`))
	done := make(chan Result, 1)
	go func() { done <- runHere(context.Background(), s, o) }()
	deaf := readPID(t, filepath.Join(dir, "deaf"))
	eventually(t, "the other one has cleaned up", func() bool { return len(readLines(t, filepath.Join(dir, "cleaned"))) > 0 })
	if !alive(deaf) {
		t.Error("SIGKILL came before the grace had passed")
	}
	syscall.Kill(deaf, syscall.SIGKILL) // it is the last one: the grace need not pass
	if r := <-done; !r.TimedOut || r.Stdout != "ok\n" {
		t.Errorf("%+v; want a time-out after ok", r)
	}
}

// A grandchild that ignores SIGTERM does not outlive the grace.
func TestTimeOutKillsTheDeaf(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	file := filepath.Join(t.TempDir(), "pid")
	r := runLocal(t, within(time.Second, script("sh -c 'trap \"\" TERM; echo $$ >"+file+"; while :; do sleep 0.1; done' & wait")), o)
	if !r.TimedOut {
		t.Errorf("%+v; want a time-out", r)
	}
	pid := readPID(t, file)
	eventually(t, "the grandchild is gone", func() bool { return !alive(pid) })
}

func TestEndOfContextEndsTheStep(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	file := filepath.Join(t.TempDir(), "pid")
	done := make(chan Result, 1)
	go func() { done <- runHere(ctx, script("echo $$ >"+file+"; sleep 100"), testOptions(t)) }()
	readPID(t, file)
	cancel()
	if r := <-done; r.Kind() != KindEnded || r.Reason() != "Ended on request" {
		t.Errorf("%+v; want it ended", r)
	}
}

// An end that is asked for after the step has ended by itself changes nothing.
func TestEndAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := execution{step: script("exit 7"), opts: testOptions(t)}
	e.started = func(pid int) {
		eventually(t, "the step has ended", func() bool {
			st, err := readStat(pid)
			return err == nil && st.dead()
		})
		cancel()
	}
	if r := e.run(ctx); r.Code != 7 || r.Ended {
		t.Errorf("%+v; want status 7", r)
	}
}

func TestReasons(t *testing.T) {
	for want, r := range map[string]Result{
		"Exited with status: 0": {}, "Exited with status: 194": {Code: 194}, "Killed by signal: 9": {Signal: 9},
		"Timed out after 30s": {TimedOut: true, Timeout: 30 * time.Second}, "Ended on request": {Ended: true}, "x: y": {Failure: "x: y"},
		"Interrupted: the device or the runner went down while it ran": {Interrupted: true},
	} {
		if got := r.Reason(); got != want || r.OK() != (want == "Exited with status: 0") {
			t.Errorf("%+v: %q, OK %v; want %q", r, got, r.OK(), want)
		}
	}
}

// The search in PATH goes on where execve says that this one cannot be run, as
// execvp's does.
func TestPathSearch(t *testing.T) {
	needRoot(t)
	o, dir := testOptions(t), publicDir(t)
	for _, d := range []string{"locked", "notdir", "dir/prog", "plain", "good", "worse"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, dir+"/locked/prog", "#!/bin/sh\necho locked\n", 0o755)
	os.Chmod(dir+"/locked", 0o700)
	writeFile(t, dir+"/plain/prog", "#!/bin/sh\necho plain\n", 0o644)
	writeFile(t, dir+"/good/prog", "#!/bin/sh\necho good\n", 0o755)
	writeFile(t, dir+"/worse/prog", "no program", 0o755)
	t.Chdir(dir + "/worse")
	join := func(dirs ...string) string { return strings.ReplaceAll(strings.Join(dirs, ":"), "@", dir) }
	tests := []struct{ name, path, stdout, failure string }{
		{"not for this user, a directory, not executable, then good", join("@/locked", "@/none", "@/dir", "@/plain", "@/good", "@/worse"), "good\n", ""},
		{"empty and relative entries are no entries", join("", ".", "../worse", "@/good"), "good\n", ""},
		{"found, and no program", join("@/worse", "@/good"), "", "exec format error"},
		{"only unusable ones", join("@/plain", "@/dir"), "", `cannot start "` + dir + `/plain/prog": permission denied`},
	}
	for _, tt := range tests {
		t.Setenv("PATH", tt.path)
		r := runLocal(t, as("nobody", Step{ID: newID(), Program: "prog"}), o)
		if r.Stdout != tt.stdout || !strings.Contains(r.Failure, tt.failure) || (r.Failure == "") != (tt.failure == "") {
			t.Errorf("%s: stdout %q, failure %q; want %q, %q", tt.name, r.Stdout, r.Failure, tt.stdout, tt.failure)
		}
	}
}
