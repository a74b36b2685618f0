package exec

import (
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"jobbox/internal/jsontext"
)

// surroundings is a handler that reports what it sees, one item a line.
const surroundings = `#!/bin/sh
env | sort | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL= | sed 's/^/env /'
echo "cwd $(pwd)"
echo "ids $(id -u) $(id -g) $(id -G)"
readlink /proc/self/fd/0 | sed 's/^/stdin /'
read line || echo "end of stdin"
sed -n 's/^\(Sig[BIC][lgg][knt]*\|SigIgn\|SigBlk\|NoNewPrivs\):/& /p' /proc/self/status
set -- $(cat /proc/self/stat)
echo "group $5 session $6 parent $4"
echo "self $$"
`

// leaky starts the test client as a careless parent would: with a descriptor
// left open, a secret in the environment, signals blocked and ignored.
const leaky = `import json, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD})
for s in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD, signal.SIGQUIT):
    signal.signal(s, signal.SIG_IGN)
fd = os.open("/etc/hostname", os.O_RDONLY)
os.dup2(fd, 77)
os.set_inheritable(77, True)
os.environ["PATH"] = "relative:/usr/local/bin::/usr/bin:/bin"
os.environ["AWS_SECRET_ACCESS_KEY"] = "secret"
os.execv(sys.argv[1], ["` + testClientName + `", sys.argv[2]])
`

func runLeaky(t *testing.T, sheet errandSheet) []Result {
	t.Helper()
	text, err := json.Marshal(sheet)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command("python3", "-c", leaky, self, string(text))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "LC_TIME=C", "TZ=Europe/Zurich", "HOME=/elsewhere", "JOBBOX_JOB_ID=old", "LD_LIBRARY_PATH=/x"}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("client: %v\n%s", err, out)
	}
	var results []Result
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var r Result
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	return results
}

// Whatever the agent was started with, a step starts with what SPEC section 4
// says, and with nothing else.
func TestSurroundings(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	writeHandler(t, o, "show", surroundings)
	fds := script("ls -l /proc/self/fd | sed -n 's/.* \\([0-9]* -> .*\\)/\\1/p'")
	sheet := errandSheet{RunDir: o.RunDir, HandlerDir: o.HandlerDir, Ready: true, Steps: []Step{
		{ID: newID(), JobID: "job ä", Number: 2, Attempt: 3, Source: Default, Program: "show", User: "nobody"},
		{ID: newID(), JobID: "j", Number: 1, Attempt: 1, Source: Default, Program: "show"},
		fds, as("nobody", script("readlink /proc/self/fd/*; ls /proc/self/fd | wc -w")),
	}}
	results := runLeaky(t, sheet)
	for _, r := range results {
		wantOK(t, r)
	}
	checkSurroundings(t, results[0].Stdout, []string{
		"env HOME=/nonexistent", "env JOBBOX_ATTEMPT=3", "env JOBBOX_HANDLER_DIR=" + o.HandlerDir, "env JOBBOX_JOB_ID=job ä", "env JOBBOX_STEP=2",
		"env LANG=C.UTF-8", "env LC_TIME=C", "env LOGNAME=nobody", "env PATH=/usr/local/bin:/usr/bin:/bin", "env SHELL=/usr/sbin/nologin", "env TZ=Europe/Zurich", "env USER=nobody",
		"cwd /", "ids 65534 65534 65534", "stdin /dev/null", "end of stdin", "SigBlk:  0000000000000000", "SigIgn:  0000000000000000", "NoNewPrivs:  0",
	})
	if got := results[1].Stdout; !strings.Contains(got, "env HOME=/root\n") || !strings.Contains(got, "cwd /root\n") || !strings.Contains(got, "ids 0 0 0\n") {
		t.Errorf("the agent's own user: %s", got)
	}
	for _, line := range strings.Split(strings.TrimSpace(results[2].Stdout), "\n") {
		n, target, _ := strings.Cut(line, " -> ")
		own := strings.HasPrefix(target, "/proc/") && strings.HasSuffix(target, "/fd")                      // ls itself
		if !slices.Contains([]string{"0", "1", "2"}, n) && !own && !strings.Contains(target, "/dev/null") { // dash keeps its stdin at 10
			t.Errorf("descriptor open in the child: %s", line)
		}
	}
}

// checkSurroundings wants exactly those lines, and the step to be the first of
// a group of its own in a session that is not its own.
func checkSurroundings(t *testing.T, got string, want []string) {
	t.Helper()
	var rest []string
	var group, session, self string
	for _, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(got, "\t", " ")), "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "group":
			group, session = f[1], f[3]
		case "self":
			self = f[1]
		case "SigCgt:":
		default:
			rest = append(rest, line)
		}
	}
	if group != self || session == self || session == "" {
		t.Errorf("process %s is in group %s, session %s; want a group of its own in the runner's session", self, group, session)
	}
	for i := range rest {
		rest[i] = strings.Join(strings.Fields(rest[i]), " ")
		// The C library of a test binary with the race detector ignores its own
		// signal 32; jobbox itself has no C library.
		rest[i] = strings.ReplaceAll(rest[i], "SigIgn: 0000000080000000", "SigIgn: 0000000000000000")
	}
	for _, line := range want {
		if !slices.Contains(rest, strings.Join(strings.Fields(line), " ")) {
			t.Errorf("no line %q in %q", line, rest)
		}
	}
	if len(rest) != len(want) {
		t.Errorf("want %d lines, got %d:\n%s", len(want), len(rest), strings.Join(rest, "\n"))
	}
}

func TestHomes(t *testing.T) {
	needRoot(t)
	dir := publicDir(t)
	open, locked := filepath.Join(dir, "open"), filepath.Join(dir, "locked")
	for d, mode := range map[string]os.FileMode{open: 0o755, locked: 0o700} {
		if err := os.Mkdir(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	line := func(name, home string) string { return name + ":x:65534:65534::" + home + ":\n" }
	useDatabase(t, line("open", open)+line("locked", locked)+line("none", "/none")+line("empty", "")+line("relative", "tmp")+line("file", "/etc/passwd"), "")
	for user, want := range map[string]string{"open": open, "locked": "/", "none": "/", "empty": "/", "relative": "/", "file": "/"} {
		r := runLocal(t, as(user, script("pwd; echo $SHELL; cat /proc/self/comm")), testOptions(t))
		if r.Stdout != want+"\n/bin/sh\ncat\n" {
			t.Errorf("user %s: %q, %s; want to be in %s", user, r.Stdout, r.Reason(), want)
		}
	}
}

// All supplementary groups are the user's own: none of the agent's is left.
func TestGroupsAreReplaced(t *testing.T) {
	needRoot(t)
	old, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups([]int{0, 4, 27, 4242}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setgroups(old)
	useDatabase(t, "ann:x:12345:23456::/:\nroot:x:0:0::/:\nbob:x:12346:23457::/:", "a:x:34567:ann,root\nb:x:34568:bob\nc:x:34569:eve,ann\n")
	for user, want := range map[string]string{
		"ann": "12345 23456 23456 34567 34569", "bob": "12346 23457 23457 34568", "root": "0 0 0 34567", "": "0 0 0 4 27 4242",
	} {
		r := runLocal(t, as(user, script("echo $(id -u) $(id -g) $(id -G); sed -n 's/^[UG]id:.//p' /proc/self/status | tr '\\n' ' '")), testOptions(t))
		ids := strings.Fields(want)
		if lines := strings.SplitN(r.Stdout, "\n", 2); lines[0] != want || strings.Count(lines[1], ids[0]+"\t")+strings.Count(lines[1], ids[0]+" ") < 4 {
			t.Errorf("user %q: %q, %s; want %s, for real, effective and saved", user, r.Stdout, r.Reason(), want)
		}
	}
}

// Capabilities go with root.
func TestNoCapabilitiesLeft(t *testing.T) {
	needRoot(t)
	r := runLocal(t, as("nobody", script("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status; chown 0:0 /proc/self/exe 2>/dev/null || echo refused; kill -0 1 2>/dev/null || echo refused")), testOptions(t))
	wantOK(t, r)
	if strings.Count(r.Stdout, "0000000000000000") != 4 || strings.Count(r.Stdout, "refused") != 2 {
		t.Errorf("nobody has %s", r.Stdout)
	}
}

// An agent that is not root runs steps as itself, and nobody else's.
func TestAgentThatIsNotRoot(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir := publicDir(t)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	jobs := filepath.Join(dir, "jobs")
	if err := os.Mkdir(jobs, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "/bin/true", filepath.Join(jobs, "elf"), 0o700)
	writeFile(t, filepath.Join(jobs, "script"), "#!/bin/sh\nid -un\n", 0o500)
	writeFile(t, filepath.Join(jobs, "roots"), "#!/bin/sh\nid -un\n", 0o700)
	for _, name := range []string{"", "elf", "script"} {
		if err := os.Chown(filepath.Join(jobs, name), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{RunDir: filepath.Join(dir, "run"), HandlerDir: jobs}
	steps := []Step{script("id -un; id -G"), as("nobody", script("id -un")), as("root", script("id -un")), as("daemon", script("id -un")),
		as("no-one", script("id -un")), handlerStep("elf"), handlerStep("script"), handlerStep("roots")}
	want := []Result{{Stdout: "nobody\n65534\n"}, {Stdout: "nobody\n"}, {Failure: "only root may become another user"}, {Failure: "only root may become another user"},
		{Failure: "no such user"}, {}, {Stdout: "nobody\n"}, {Failure: "permission denied"}}
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, local := range []bool{false, true} {
		for i, r := range runTestClient(t, errandSheet{RunDir: o.RunDir, HandlerDir: jobs, Steps: steps, Local: local}, attr) {
			if r.Stdout != want[i].Stdout || !strings.Contains(r.Failure, want[i].Failure) || (r.Failure == "") != (want[i].Failure == "") {
				t.Errorf("%q as %q: %+v; want %+v", steps[i].Args, steps[i].User, r, want[i])
			}
		}
	}
	endOthersRunner(t, o.RunDir)
}

// endOthersRunner ends the runner of another user's run directory.
func endOthersRunner(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, runnerName))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsontext.Parse(data, maxFile)
	if err != nil {
		t.Fatal(err)
	}
	f := fields{v: v}
	if id := f.identity(); f.err == nil && id.Alive() {
		syscall.Kill(id.PID, syscall.SIGKILL)
	}
}
