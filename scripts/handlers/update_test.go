package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// jobboxScript stands in for a jobbox of that version, as far as an update goes
// by it. The init script below calls it for an agent, whose process is only
// drawn: a directory in /proc, and /state/connected where it connects.
func jobboxScript(version int, agent string) string {
	return fmt.Sprintf(`#!/bin/sh
case $1 in
version) echo "jobbox %[1]d" ;;
check) exit 0 ;;
status) cat /state/connected 2>/dev/null || exit 1 ;;
handlers) cat "/handlers/$3" ;;
fetch) echo "fetched $5"; cp /state/download "$6" ;;
agent)
	echo "agent %[1]d" >>/calls
	mkdir -p /proc/77
	if [ -f /bin/jobbox.new ]; then ln -sf /bin/jobbox.new /proc/77/exe; else ln -sf /bin/jobbox /proc/77/exe; fi
	printf 'jobbox\000agent\000' >/proc/77/cmdline
	%[2]s ;;
esac
`, version, agent)
}

const (
	connects = `echo "connected, pid 77" >/state/connected`
	lost     = ":"

	jobboxInit = `#!/bin/sh
echo "$1" >>/calls
case $1 in
start) /bin/jobbox agent ;;
stop) rm -rf /state/connected /proc/77 ;;
esac
`
)

func sumHex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// updateDevice runs version 1, and can download version 2.
func updateDevice(t *testing.T, second string) *device {
	d := newDevice(t)
	d.write("bin/jobbox", jobboxScript(1, connects), 0o755)
	d.write("state/download", second, 0o644)
	d.write("state/connected", "connected, pid 77\n", 0o644)
	d.write("etc/init.d/S80jobbox", jobboxInit, 0o755)
	return d
}

// update runs the handler in a mount name space of its own, or without the
// right to mount.
func (d *device) update(mayMount bool, args ...string) run {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := d.updateCommand(mayMount, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := startWith(cmd, mayMount); err != nil {
		d.t.Fatalf("%v (mounting needs root: run the tests as root)", err)
	}
	d.t.Cleanup(func() { killGroup(cmd.Process.Pid) })
	_ = cmd.Wait()
	return run{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (d *device) updateCommand(mayMount bool, args ...string) *exec.Cmd {
	cmd := d.command("update-jobbox.sh", args...)
	if mayMount {
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	return cmd
}

// startWith takes CAP_SYS_ADMIN away from a child that may not mount. What a
// thread has lost it cannot get back, so the thread ends with it.
func startWith(cmd *exec.Cmd, mayMount bool) error {
	if mayMount {
		return cmd.Start()
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
			result <- err
			return
		}
		result <- cmd.Start()
	}()
	return <-result
}

func TestUpdate(t *testing.T) {
	first := jobboxScript(1, connects)
	good, bad := jobboxScript(2, connects), jobboxScript(2, lost)
	const url = "https://example.com/jobbox?SECRET"
	for _, mayMount := range []bool{true, false} {
		tests := []struct {
			name           string
			second         string
			sum            string
			status         int
			stdout, stderr string
			after, calls   string
			beside         string // what bin/jobbox.old is then
		}{
			{"good", good, sumHex(good), 0, "new: jobbox 2\n", "", good, "stop start agent 2", first},
			{"does not connect", bad, sumHex(bad), 1, "the old one comes back", "the new binary did not connect in time", first, "stop start agent 2 stop start agent 1", ""},
			{"does not run", "no program", sumHex("no program"), 1, "", "the new binary does not run on this device", first, "", ""},
			{"wrong configuration", strings.Replace(good, "check) exit 0", "check) exit 78", 1), "", 1, "", "refuses this device's configuration", first, "", ""},
			{"that one already", good, sumHex(first), 0, "is that one already", "", first, "", ""},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, may mount %v", tt.name, mayMount), func(t *testing.T) {
				d := updateDevice(t, tt.second)
				if tt.sum == "" {
					tt.sum = sumHex(tt.second)
				}
				d.update(mayMount, "", url, tt.sum, "2").check(t, tt.name, tt.status, tt.stdout, tt.stderr)
				if got := d.read("bin/jobbox"); got != tt.after {
					t.Errorf("the binary is now\n%s", got)
				}
				if got := strings.Join(strings.Fields(d.calls()), " "); got != tt.calls {
					t.Errorf("called %q; want %q", got, tt.calls)
				}
				if d.read("bin/jobbox.new") != "" || d.read("bin/jobbox.old") != tt.beside {
					t.Errorf("left behind: new %q, old %q", d.read("bin/jobbox.new"), d.read("bin/jobbox.old"))
				}
			})
		}
	}
}

// interruptTrial sends a signal to an update whose new binary does not connect,
// once that one has been started.
func interruptTrial(t *testing.T, sig syscall.Signal) *device {
	bad := jobboxScript(2, lost)
	d := updateDevice(t, bad)
	cmd := d.updateCommand(true, "", "https://example.com/x", sumHex(bad), "3600")
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (mounting needs root: run the tests as root)", err)
	}
	t.Cleanup(func() { killGroup(cmd.Process.Pid) })
	d.wait("the new one is tried", func() bool { return strings.Contains(d.calls(), "agent 2\n") })
	if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the update succeeded")
	}
	return d
}

// Losing power while a bad one is tried leaves the old one: the mount is gone
// with the kernel, as it is here with the name space.
func TestUpdateLosesPower(t *testing.T) {
	d := interruptTrial(t, syscall.SIGKILL)
	if d.read("bin/jobbox") != jobboxScript(1, connects) {
		t.Error("the machine would start with the new one")
	}
}

// A cancelled update must not leave the device without an agent.
func TestUpdateIsCancelled(t *testing.T) {
	d := interruptTrial(t, syscall.SIGTERM)
	if got := d.calls(); !strings.HasSuffix(got, "agent 2\nstop\nstart\nagent 1\n") || d.read("bin/jobbox") != jobboxScript(1, connects) {
		t.Errorf("called\n%s", got)
	}
}

// Where init or a supervisor keeps the agent running, it is ended, and what
// starts it again finds the new one.
func TestUpdateUnderASupervisor(t *testing.T) {
	good := jobboxScript(2, connects)
	d := updateDevice(t, good)
	d.write("etc/init.d/S80jobbox", "", 0o644)
	if err := unix.Unlink(d.path("etc/init.d/S80jobbox")); err != nil {
		t.Fatal(err)
	}
	// A process for the handler to end; the supervisor below starts the new one.
	agent := exec.Command("sleep", "3600")
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := agent.Process.Pid
	d.write(fmt.Sprintf("proc/%d/cmdline", pid), "jobbox\x00agent\x00", 0o644)
	if err := unix.Symlink("/bin/jobbox", d.path(fmt.Sprintf("proc/%d/exe", pid))); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = agent.Wait()
		d.mkdir("proc/77")
		_ = unix.Symlink("/bin/jobbox", d.path("proc/77/exe"))
	}()
	d.update(false, "", "https://example.com/x", sumHex(good), "3600").check(t, "update", 0, "is new, and connected", "")
	if status, ok := agent.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the agent ended with %v", agent.ProcessState)
	}
}

// An old agent that did not stop is connected, but proves nothing of the new one.
func TestUpdateThatLeavesTheOldAgentRunning(t *testing.T) {
	first, good := jobboxScript(1, connects), jobboxScript(2, connects)
	for _, mayMount := range []bool{true, false} {
		d := updateDevice(t, good)
		d.write("etc/init.d/S80jobbox", "#!/bin/sh\n", 0o755)
		d.mkdir("proc/77")
		if err := unix.Link(d.path("bin/jobbox"), d.path("proc/77/exe")); err != nil {
			t.Fatal(err)
		}
		d.update(mayMount, "", "https://example.com/x", sumHex(good), "1").check(t, "update", 1, "", "did not connect in time")
		if d.read("bin/jobbox") != first {
			t.Error("the new one has stayed")
		}
	}
}

func TestUpdateArguments(t *testing.T) {
	d := updateDevice(t, "")
	sum := sumHex("x")
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"", "https://h/x"}, 2, "want RUNASUSER URL SHA256 [SECONDS], got 2 arguments"},
		{[]string{"", "https://h/x", ""}, 2, "64 hexadecimal digits"},
		{[]string{"", "https://h/x", "abc"}, 2, "64 hexadecimal digits, got 3"},
		{[]string{"", "https://h/x", strings.Repeat("x", 64)}, 2, "64 hexadecimal digits"},
		{[]string{"", "file:///x", sum}, 2, "the URL must begin with"},
		{[]string{"", "https://h/x y", sum}, 2, "holds a space"},
		{[]string{"", "https://h/x", sum, "0"}, 2, "seconds: want"},
		{[]string{"", "https://h/x", sum, "9999"}, 2, "seconds: want at most 3600"},
		{[]string{"", "https://h/x", sum, "$(x)"}, 2, "seconds: want"},
	} {
		d.run("update-jobbox.sh", tt.args...).check(t, call("update-jobbox.sh", tt.args), tt.status, "", tt.want)
	}
	if d.calls() != "" {
		t.Errorf("called %s", d.calls())
	}
}

// Where success could not be told from failure, nothing is done.
func TestUpdateOfOneThatCannotTell(t *testing.T) {
	d := updateDevice(t, "")
	d.write("bin/jobbox", strings.Replace(jobboxScript(1, connects), "status)", "status) exit 2 ;; x)", 1), 0o755)
	d.run("update-jobbox.sh", "", "https://h/x", sumHex("x")).check(t, "update", 3, "", "cannot tell whether it is connected")
	if d.calls() != "" {
		t.Errorf("called %s", d.calls())
	}
}
