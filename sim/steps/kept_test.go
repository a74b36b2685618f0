package steps

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobbox/sim/lab"
)

// Nothing that jobbox was started with by accident is open in a step, whoever it
// runs as.
func TestDescriptorsStay(t *testing.T) {
	b := newBench(t)
	secret, err := os.Open("/etc/shadow")
	b.must(err)
	defer secret.Close()
	r, w, err := os.Pipe()
	b.must(err)
	defer r.Close()
	defer w.Close()
	b.files = []*os.File{secret, r, w}
	b.write("jobs/fds.sh", "#!/bin/sh\nls /proc/self/fd\n", 0o700)
	for _, limits := range []map[string]any{nil, {"processes": 10000}} {
		b.jobs["limits"] = limits
		if limits == nil {
			delete(b.jobs, "limits")
		}
		for _, user := range []string{"", "nobody"} {
			// The fourth is that of ls itself.
			b.wants(shell(user, "ls /proc/self/fd"), "0\n1\n2\n3\n")
			b.wants(handler(user, "fds.sh"), "0\n1\n2\n3\n")
		}
	}
}

// A step finds no terminal to type into as who started jobbox there.
func TestTerminalStays(t *testing.T) {
	b := newBench(t)
	a := shell("nobody", "(: </dev/tty) 2>/dev/null && echo has a terminal; cut -d ' ' -f 7 /proc/self/stat")
	cmd := b.command(a)
	typescript := exec.Command("script", "-qefc", strings.Join(cmd.Args, " "), "/dev/null")
	if o := b.finish(typescript); o.status != "SUCCEEDED" || o.stdout != "0\n" {
		t.Errorf("wrote %q; want a step without a terminal\n%s", o.stdout, o.text)
	}
	// Without jobbox in between there is one, or this test shows nothing.
	out, err := exec.Command("script", "-qefc", "sh -c ': </dev/tty && echo has a terminal'", "/dev/null").Output()
	if err != nil || !strings.Contains(string(out), "has a terminal") {
		t.Errorf("script gives no terminal: %v: %s", err, out)
	}
}

// A step's environment is made for it: nothing of what jobbox was started with
// gets through, be it a secret or what makes programs load something.
func TestEnvironmentStays(t *testing.T) {
	b := newBench(t)
	b.env = []string{"AWS_SECRET_ACCESS_KEY=secret", "LD_PRELOAD=/tmp/x.so", "ENV=/tmp/x", "BASH_ENV=/tmp/x", "IFS=/",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin:.::relative", "TZ=UTC", "LANG=C", "JOBBOX_STEP=7", "HTTPS_PROXY=http://secret@x"}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "LC_") {
			b.env = append(b.env, name+"=C")
		}
	}
	const want = `HOME=/nonexistent
JOBBOX_ATTEMPT=1
JOBBOX_JOB_ID=local
JOBBOX_STEP=1
LANG=C
LOGNAME=nobody
PATH=/usr/sbin:/usr/bin:/sbin:/bin
SHELL=/usr/sbin/nologin
TZ=UTC
USER=nobody
`
	b.wants(shell("nobody", `env | grep -v -e ^LC_ -e ^PWD= -e ^_= -e ^JOBBOX_HANDLER_DIR= | sed 's/^\(JOBBOX_JOB_ID=local\)-.*/\1/' | LC_ALL=C sort`), want)
}

// The groups of a step are its user's, all of them and no others. The users are
// this test's, in a mount name space of its own.
func TestGroups(t *testing.T) {
	b := newBench(t)
	b.write("passwd", "root:x:0:0:root:/root:/bin/sh\nlamp:x:4711:4712:lamp:"+b.dir+":/bin/sh\nbad:x:-1:0::/:/bin/sh\ntwin:x:4294967295:0::/:/bin/sh\n", 0o644)
	b.write("group", "root:x:0:lamp2\nlamp:x:4712:\naudio:x:29:root,lamp\nvideo:x:44:lamp\nother:x:99:lamp2\nodd:x:x:lamp\n", 0o644)
	b.prefix = []string{"unshare", "--mount", "sh", "-c",
		"mount --bind " + b.path("passwd") + " /etc/passwd && mount --bind " + b.path("group") + ` /etc/group && exec "$@"`, "sh"}
	for _, limits := range []map[string]any{{"nice": 0}, {"processes": 10000}} {
		b.jobs["limits"] = limits
		b.wants(shell("lamp", "id -u; id -g; id -G; grep ^Cap[IPEA] /proc/self/status | cut -f 2 | sort -u; pwd"),
			"4711\n4712\n4712 29 44\n0000000000000000\n"+b.dir+"\n")
		for _, user := range []string{"bad", "twin", "4711", "+4711", "lamp2", "nobody"} {
			b.refuses(shell(user, "id"), "no such user")
		}
	}
}

// A jobbox that is not root runs steps as itself and as nobody else.
func TestWithoutRoot(t *testing.T) {
	b := newBench(t)
	b.must(os.Chown(b.path("jobs"), 65534, 65534))
	b.write("jobs/who.sh", "#!/bin/sh\nid -u\n", 0o700)
	b.must(os.Chown(b.path("jobs/who.sh"), 65534, 65534))
	b.prefix = as("nobody")
	for _, user := range []string{"", "nobody"} {
		b.wants(shell(user, "id -u"), "65534\n")
		b.wants(handler(user, "who.sh"), "65534\n")
	}
	for _, user := range []string{"root", "daemon"} {
		b.refuses(shell(user, "id -u"), "only root may become another user")
		b.refuses(handler(user, "who.sh"), "only root may become another user")
	}
	// A handler of another ordinary user would be that user's way to this one.
	b.must(os.Chown(b.path("jobs/who.sh"), 1, 1))
	if o := b.run(handler("", "who.sh")); o.status != "FAILED" || o.stdout != "" {
		t.Errorf("a handler of user 1: %s", o.text)
	}
}

// What jobs.limits asks for is what a step has, as root and as another user.
func TestLimits(t *testing.T) {
	b := newBench(t)
	b.jobs["limits"] = map[string]any{
		"no-new-privs": true, "cpu-seconds": 1, "address-space": 1 << 30, "open-files": 40,
		"processes": 4000, "umask": "0137", "nice": 5,
	}
	const show = `sed -n -E 's/^(Max (cpu time|address space|open files|processes)) +([^ ]+) +([^ ]+).*/\1 \3 \4/p' /proc/self/limits; ` +
		`grep NoNewPrivs /proc/self/status; umask; nice`
	const want = "Max cpu time 1 2\nMax processes 4000 4000\nMax open files 40 40\nMax address space 1073741824 1073741824\n" +
		"NoNewPrivs:\t1\n0137\n5\n"
	b.write("jobs/show.sh", "#!/bin/sh\n"+show+"\n", 0o700)
	for _, user := range []string{"", "nobody"} {
		b.wants(shell(user, show), want)
		b.wants(handler(user, "show.sh"), want)
		b.refuses(shell(user, "while :; do :; done"), "Killed by signal: 24")
	}
}

// A step that uses up what it may have takes nothing of jobbox with it.
func TestLimitsHold(t *testing.T) {
	b := newBench(t)
	b.jobs["limits"] = map[string]any{"address-space": 64 << 20, "processes": 1}
	if o := b.run(shell("", "tail /dev/zero")); o.status != "FAILED" {
		t.Errorf("more memory than allowed: %s", o.text)
	}
	// Two processes of that user are one too many.
	if o := b.run(shell("nobody", "sleep 0; echo forked")); o.status != "FAILED" || strings.Contains(o.stdout, "forked") {
		t.Errorf("more processes than allowed: %s", o.text)
	}
}

// While somebody swaps what lies under a handler's name, what runs is what was
// checked, or nothing.
func TestSwappedHandlers(t *testing.T) {
	b := newBench(t)
	good, link, theirs := b.path("good"), b.path("link"), b.path("theirs")
	b.write("evil", "#!/bin/sh\necho evil\n", 0o700)
	swaps := []func() error{
		func() error { return writeHandler(good, "#!/bin/sh\necho good $(id -u)\n", 0o700, 0) },
		func() error { return os.Symlink(b.path("evil"), link) },
		func() error { return writeHandler(theirs, "#!/bin/sh\necho evil\n", 0o700, 65534) },
		func() error { return writeHandler(theirs, "#!/bin/sh\necho evil\n", 0o777, 0) },
		func() error { return syscall.Mkfifo(theirs, 0o700) },
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- swap(b.path("jobs/h.sh"), []string{good, link, theirs, theirs, theirs}, swaps, stop) }()
	seen := map[string]int{}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		o := b.run(handler("nobody", "h.sh"))
		if strings.Contains(o.text, "evil") || o.status == "SUCCEEDED" && o.stdout != "good 65534\n" {
			t.Fatalf("ran something else: %s", o.text)
		}
		seen[o.status]++
	}
	close(stop)
	b.must(<-done)
	if seen["SUCCEEDED"] == 0 || seen["FAILED"] == 0 {
		t.Errorf("%v; want the swap to be seen and not to be seen", seen)
	}
}

func writeHandler(path, text string, mode os.FileMode, owner int) error {
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		return err
	}
	if err := os.Chown(path, owner, owner); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// swap makes one file after the other and puts it under name, in one act each.
func swap(name string, made []string, makers []func() error, stop chan struct{}) error {
	for i := 0; ; i = (i + 1) % len(makers) {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := makers[i](); err != nil {
			return err
		}
		if err := os.Rename(made[i], name); err != nil {
			return err
		}
	}
}

// Who stops "jobbox run" stops the step and all of its group, and finds nothing
// left: no process, no directory.
func TestInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		b := newBench(t)
		b.env = []string{"TMPDIR=" + b.path("tmp")}
		b.must(os.Mkdir(b.path("tmp"), 0o755))
		b.must(syscall.Mkfifo(b.path("ready"), 0o600))
		cmd := b.command(shell("", "sleep 1000 & echo $! >"+b.path("pid")+"; echo >"+b.path("ready")+"; wait"))
		var out strings.Builder
		cmd.Stdout = &out
		b.must(cmd.Start())
		_, err := os.ReadFile(b.path("ready")) // until the step has come so far
		b.must(err)
		b.must(cmd.Process.Signal(sig))
		err = cmd.Wait()
		if o := read(cmd.ProcessState.ExitCode(), out.String()); o.code != 1 || o.status != "FAILED" {
			t.Errorf("%v: %v: %s", sig, err, o.text)
		}
		pid, err := os.ReadFile(b.path("pid"))
		b.must(err)
		// A dead process that nobody has waited for has no command line any more.
		if line, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline"); len(line) > 0 {
			t.Errorf("%v: a process of the step is still there: %q", sig, line)
		}
		if left, _ := filepath.Glob(b.path("tmp/*")); len(left) > 0 {
			t.Errorf("%v: left behind: %q", sig, left)
		}
	}
}

// The agent itself, started with stray descriptors and a secret in its
// environment: what a job gets to see of them.
func TestAgentKeepsWhatIsIts(t *testing.T) {
	l := lab.New(t)
	d := l.Device("keeps")
	d.Env = []string{"AWS_SECRET_ACCESS_KEY=secret"}
	d.Prefix = []string{"sh", "-c", `exec 7</etc/shadow 8</etc/passwd; exec "$@"`, "sh"}
	d.Jobs()["limits"] = map[string]any{"umask": "077", "no-new-privs": true}
	d.StartAndWait()
	id := l.CreateJob(map[string]any{"version": "1.0", "includeStdOut": true, "steps": []any{
		map[string]any{"action": shell("nobody", "ls /proc/self/fd; env | grep -c SECRET; umask; grep NoNewPrivs /proc/self/status")},
	}})
	e := l.WaitFinal(id)
	if got := e.Details["stdout"]; got != "0\n1\n2\n3\n0\n0077\nNoNewPrivs:\t1\n" {
		t.Errorf("%s: wrote %q", e.Status, got)
	}
}
