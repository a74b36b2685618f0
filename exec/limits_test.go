package exec

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What the operator wants, every step has, and every thread of the runner.
func TestLimits(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	o.Limits = Limits{NoNewPrivs: true, CPU: 3600, AddressSpace: 64 << 20, OpenFiles: 64, Processes: 5000, Umask: 0o27, Nice: 5}
	c := NewClient(o)
	for _, user := range []string{"", "nobody"} {
		r := runClient(t, c, as(user, Step{ID: newID(), JobID: "j", Number: 1, Attempt: 1, Program: "bash", Args: []string{"-c",
			"ulimit -St; ulimit -v; ulimit -n; ulimit -Hn; ulimit -u; umask; nice; sed -n 's/NoNewPrivs:.//p' /proc/self/status; exec grep -h NoNewPrivs /proc/$PPID/task/*/status"}}), nil)
		wantOK(t, r)
		lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		if got, want := strings.Join(lines[:8], " "), "3600 65536 64 64 5000 0027 5 1"; got != want {
			t.Errorf("as %q: limits %q; want %q", user, got, want)
		}
		if len(lines) < 11 {
			t.Errorf("only %d threads looked at", len(lines)-8)
		}
		for _, line := range lines[8:] {
			if line != "NoNewPrivs:\t1" {
				t.Errorf("a thread of the runner has %q", line)
			}
		}
	}
}

// A set-user-ID program stays who it is under no_new_privs.
func TestNoNewPrivs(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir := publicDir(t)
	copyFile(t, "/usr/bin/id", dir+"/id", 0o755|os.ModeSetuid)
	for nnp, want := range map[bool]string{false: "0\n", true: "65534\n"} {
		o := testOptions(t)
		o.Limits.NoNewPrivs = nnp
		if r := runClient(t, NewClient(o), as("nobody", Step{ID: newID(), Program: dir + "/id", Args: []string{"-u"}}), nil); r.Stdout != want {
			t.Errorf("no_new_privs %v: %q, %s; want %q", nnp, r.Stdout, r.Reason(), want)
		}
	}
}

// Each limit bites, and the result says what of.
func TestLimitsBite(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	o.Limits = Limits{CPU: 1, AddressSpace: 256 << 20, OpenFiles: 64, Processes: 30, Umask: 0o77}
	c := NewClient(o)
	file := t.TempDir() + "/file"
	tests := []struct {
		name string
		step Step
		ok   func(Result) bool
	}{
		{"processor time", script("while :; do :; done"), func(r Result) bool { return r.Signal == syscall.SIGXCPU }},
		{"processor time, deaf", script("trap '' XCPU; while :; do :; done"), func(r Result) bool { return r.Signal == syscall.SIGKILL }},
		{"memory", Step{Program: "perl", Args: []string{"-e", "$x = 'x' x 1000000000"}}, func(r Result) bool { return r.Code != 0 && strings.Contains(r.Stderr, "emory") }},
		{"files", Step{Program: "perl", Args: []string{"-e", "for (1..100) { open $f[$_], '<', '/dev/null' or die qq(file $_: $!\n) }"}}, func(r Result) bool {
			return r.Code != 0 && strings.Contains(r.Stderr, "Too many open files")
		}},
		{"processes", as("nobody", Step{Program: "perl", Args: []string{"-e", "for (1..100) { my $p = fork; die qq(fork: $!\n) unless defined $p; if (!$p) { sleep 2; exit } }"}}), func(r Result) bool {
			return r.Code != 0 && strings.Contains(r.Stderr, "temporarily unavailable")
		}},
		{"umask", script("echo x >" + file + "; stat -c %a " + file), func(r Result) bool { return r.Stdout == "600\n" }},
	}
	for _, tt := range tests {
		tt.step.ID, tt.step.JobID = newID(), "j"
		if r := runClient(t, c, tt.step, nil); !tt.ok(r) {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

// The runner lives under what it has limited itself to: many steps with much
// output, side by side, as root and as an agent that is not.
func TestRunnerLivesUnderItsLimits(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	o.Limits = Limits{AddressSpace: 64 << 20, OpenFiles: 128, Processes: 200, Umask: -1}
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writeHandler(t, o, "h", "#!/bin/sh\nhead -c 100000 /dev/zero; head -c 100000 /dev/zero >&2\n")
	const atOnce, rounds = 8, 40
	failures := make(chan string, atOnce)
	for i := range atOnce {
		go func() {
			for range rounds {
				s := handlerStep("h")
				if i%2 == 0 {
					s.User = "nobody"
				}
				s.LogOutput = true
				r := runClient(t, c, s, &runner)
				if !r.OK() || r.StdoutBytes != 100000 {
					failures <- fmt.Sprintf("%+v", r)
					return
				}
			}
			failures <- ""
		}()
	}
	for range atOnce {
		if f := <-failures; f != "" {
			t.Error(f)
		}
	}
	if !runner.Alive() {
		t.Error("the runner has died")
	}
}

// New settings reach the next step, once the runner is idle; a step that runs
// is not disturbed, and neither is a service that holds its output.
func TestSetOptions(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(t), t.TempDir()
	c := NewClient(o)
	old, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantOK(t, runClient(t, c, service(dir, "service", ""), &old))
	running := make(chan Result, 1)
	go func() {
		running <- runClient(t, c, script("echo $$ >"+dir+"/pid; while ! test -e "+dir+"/go; do sleep 0.05; done; umask"), &old)
	}()
	readPID(t, dir+"/pid")
	o.Limits.Umask = 0o47
	c.SetOptions(o)
	if id, err := c.Ready(t.Context()); err != nil || id != old {
		t.Errorf("while a step runs: %v, %v; want the old one", id, err)
	}
	writeFile(t, dir+"/go", "", 0o600)
	if r := <-running; !r.OK() || r.Stdout == "0047\n" {
		t.Errorf("the step that ran: %+v", r)
	}
	id, err := c.Ready(t.Context())
	if err != nil || id == old {
		t.Fatalf("afterwards: %v, %v; want a new one", id, err)
	}
	if r := runClient(t, c, script("umask"), &id); r.Stdout != "0047\n" {
		t.Errorf("the next step: %+v", r)
	}
	if pid := readPID(t, dir+"/service"); !alive(pid) || !old.Alive() {
		t.Errorf("the service is alive: %v, who reads its output: %v", alive(pid), old.Alive())
	} else {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	killMatching(t, old.PID)
	eventually(t, "the old runner is gone", func() bool { return !old.Alive() })
}

// A limit that the runner itself could not live under is the step's alone.
func TestFewOpenFiles(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.Limits.OpenFiles = 5
	for range 3 {
		if r := runClient(t, NewClient(o), script("ulimit -n; ulimit -Hn"), nil); !r.OK() || r.Stdout != "5\n5\n" {
			t.Errorf("%+v", r)
		}
	}
}

// A process that is about to become a step's program, and that somebody stops,
// holds nobody up: nor does it where it is traced, or goes on.
func TestStoppedBeforeItBegins(t *testing.T) {
	t.Parallel()
	p, err := forkExec("/proc/self/exe", []string{testIdleName}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	begun := p.endIfStopped()
	defer begun()
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if ws, err := p.reap(); err != nil || ws.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v, %v; want SIGKILL", ws, err)
	}
}

// A step's program itself may be stopped as long as it likes.
func TestStoppedProgram(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := as("nobody", script("(sleep 0.7; kill -CONT $$) & kill -STOP $$; echo went on"))
	if r := runClient(t, NewClient(testOptions(t)), s, nil); !r.OK() || r.Stdout != "went on\n" {
		t.Errorf("%+v", r)
	}
}

// Steps under limits see the same as others, but for the limits.
func TestLimitedSeesTheSame(t *testing.T) {
	needRoot(t)
	t.Parallel()
	printer := publicDir(t) + "/printer"
	buildPrinter(t, printer)
	var seen [2]string
	for i, limits := range []Limits{{Umask: -1}, {Umask: -1, CPU: 3600, Processes: 20000}} {
		o := testOptions(t)
		o.Limits = limits
		writeHandler(t, o, "show", surroundings)
		copyFile(t, printer, o.HandlerDir+"/printer", 0o700)
		c := NewClient(o)
		for _, user := range []string{"", "nobody"} {
			for _, s := range []Step{
				handlerStep("show", user, "x"), handlerStep("printer", user, "", "b c"), script("ulimit -n; ulimit -H -n; ls /proc/self/fd | wc -l; pwd"),
				{ID: newID(), JobID: "j", Source: Search, Program: "built-in.sh", Args: []string{user}},
			} {
				s.User = user
				r := runClient(t, c, s, nil)
				wantOK(t, r)
				seen[i] += r.Stdout
			}
		}
		seen[i] = strings.ReplaceAll(seen[i], o.RunDir, "RUN")
		seen[i] = strings.ReplaceAll(seen[i], o.HandlerDir, "JOBS")
		seen[i] = regexp.MustCompile(`(?m)^(group|self) .*|\d+\.\d+\.\d+`).ReplaceAllString(seen[i], "N")
	}
	if seen[0] != seen[1] {
		t.Errorf("without limits:\n%s\nwith limits:\n%s", seen[0], seen[1])
	}
}

func FuzzLimitedSpec(f *testing.F) {
	f.Add(limitedSpec{path: "/bin/sh", home: "/", cred: &syscall.Credential{Uid: 1, Gid: 2, Groups: []uint32{2, 3}}, limits: Limits{CPU: 1}}.encode())
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseLimitedSpec(text)
		if err == nil && s.cred != nil && (s.cred.Uid == 1<<32-1 || s.cred.Gid == 1<<32-1) {
			t.Errorf("%q leaves the user as it is", text)
		}
	})
}
