package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// jobboxScript stands in for a jobbox of that version, as far as an update goes
// by it before it puts the new one on trial. (sim/update has real ones tried.)
func jobboxScript(version int) string {
	return fmt.Sprintf(`#!/bin/sh
case $1 in
version) echo "jobbox %d" ;;
check) [ "$2" = --config-file ] && [ "$3" = /conf ] && [ "$JOBBOX_LEVEL" = debug ] || exit 78 ;;
status) cat /state/connected 2>/dev/null || { echo "not connected"; exit 1; } ;;
handlers) cat "/handlers/$3" ;;
fetch) cp /state/download "$6" ;;
esac
`, version)
}

func sumHex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// updateDevice runs version 1, whose agent is only drawn, as a directory in
// /proc, and can download what is second.
func updateDevice(t *testing.T, second string) *device {
	d := newDevice(t)
	d.write("bin/jobbox", jobboxScript(1), 0o755)
	d.write("state/download", second, 0o644)
	d.write("state/connected", "connected, pid 77\n", 0o644)
	d.write("proc/self/mountinfo", "", 0o644)
	d.write("proc/77/cmdline", "jobbox\x00agent\x00--config-file\x00/conf\x00", 0o644)
	d.write("proc/77/environ", "PATH=/bin\x00JOBBOX_LEVEL=debug\x00", 0o644)
	if err := unix.Symlink("/bin/jobbox", d.path("proc/77/exe")); err != nil {
		t.Fatal(err)
	}
	return d
}

// update runs the handler in a device that nothing can be mounted on.
func (d *device) update(args ...string) run {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := d.command("update-jobbox.sh", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := startWithoutMount(cmd); err != nil {
		d.t.Fatalf("%v (it needs root: run the tests as root)", err)
	}
	d.t.Cleanup(func() { killGroup(cmd.Process.Pid) })
	_ = cmd.Wait() // its status is in ProcessState
	return run{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// startWithoutMount takes CAP_SYS_ADMIN away from a child. What a thread has lost
// it cannot get back, so the thread ends with it.
func startWithoutMount(cmd *exec.Cmd) error {
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

// TestUpdateRefused: what cannot end well does not begin. The agent is left alone,
// and nothing is left over.
func TestUpdateRefused(t *testing.T) {
	first, good := jobboxScript(1), jobboxScript(2)
	hangs := strings.Replace(good, "version) ", "version) trap '' TERM; sleep 600; ", 1)
	tests := []struct {
		name, second, sum string
		arrange           func(d *device)
		status            int
		stdout, stderr    string
	}{
		{"that one already", good, sumHex(first), nil, 0, "is that one already", ""},
		{"does not run", "no program", "", nil, 1, "", "the new binary does not run on this device"},
		{"does not end", hangs, "", func(d *device) { d.limit("within 60", "within 2") }, 1, "", "the new binary does not run on this device"},
		{"does not take the configuration", strings.Replace(good, "[ \"$2\"", "false && [ \"$2\"", 1), "", nil, 1, "new: jobbox 2\n", "refuses this device's configuration"},
		{"nothing can be mounted", good, "", nil, 3, "", "nothing can be mounted here"},
		{"a mistake in the configuration", good, "", func(d *device) { d.write("proc/77/environ", "PATH=/bin\x00", 0o644) }, 1, "", "configuration has a mistake"},
		{"no agent", good, "", func(d *device) { d.write("proc/77/cmdline", "jobbox\x00fetch\x00", 0o644) }, 3, "", "no agent runs from /bin/jobbox"},
		{"the runner is none", good, "", func(d *device) { d.write("proc/77/cmdline", "jobbox-runner\x00 agent \x00", 0o644) }, 3, "", "no agent runs from /bin/jobbox"},
		{"not connected", good, "", func(d *device) {
			d.limit("tries=30", "tries=1")
			d.remove("state/connected")
		}, 1, "", "the agent is not connected"},
		{"cannot tell", good, "", func(d *device) {
			d.write("bin/jobbox", strings.Replace(first, "status)", "status) echo usage; exit 2 ;; x)", 1), 0o755)
		}, 3, "", "cannot tell whether it is connected"},
		{"something else lies over it", good, "", func(d *device) {
			d.write("proc/self/mountinfo", "36 25 8:1 /x /bin/jobbox rw - ext4 /dev/sda1 rw\n", 0o644)
		}, 1, "", "something is mounted over /bin/jobbox"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := updateDevice(t, tt.second)
			if tt.sum == "" {
				tt.sum = sumHex(tt.second)
			}
			if tt.arrange != nil {
				tt.arrange(d)
			}
			before := d.read("bin/jobbox")
			d.update("", "https://example.com/jobbox?SECRET", tt.sum, "2").check(t, tt.name, tt.status, tt.stdout, tt.stderr)
			if d.read("bin/jobbox") != before || d.read("bin/jobbox.new") != "" || d.read("bin/jobbox.old") != "" {
				t.Errorf("left behind: %q, new %q, old %q", d.read("bin/jobbox"), d.read("bin/jobbox.new"), d.read("bin/jobbox.old"))
			}
		})
	}
}

// limit has the handler wait for less long.
func (d *device) limit(from, to string) {
	d.t.Helper()
	text := d.read("handlers/update-jobbox.sh")
	if !strings.Contains(text, from) {
		d.t.Fatalf("update-jobbox.sh has no %q", from)
	}
	d.write("handlers/update-jobbox.sh", strings.Replace(text, from, to, 1), 0o700)
}

func (d *device) remove(name string) {
	d.t.Helper()
	if err := unix.Unlink(d.path(name)); err != nil {
		d.t.Fatal(err)
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
