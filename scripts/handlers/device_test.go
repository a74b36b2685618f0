package handlers

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; a slow machine may need
// a good part of it.
const patience = time.Minute

// A device is a directory that handlers see as their root: BusyBox, what a test
// puts there, and no bash, sudo, systemd or package manager. Nothing in it can
// switch this machine off: poweroff and its like are left out.
type device struct {
	t    *testing.T
	root string
	env  []string
}

// A run is how a handler ended.
type run struct {
	status         int
	stdout, stderr string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{t: t, root: t.TempDir()}
	for _, dir := range []string{"bin", "tmp", "etc/init.d", "run", "root", "dev", "data"} {
		d.mkdir(dir)
	}
	d.installBusyBox()
	d.write("dev/null", "", 0o666) // a plain file does; nothing here reads it
	d.write("proc/sys/kernel/random/boot_id", "11111111-1111-4111-8111-111111111111\n", 0o644)
	for _, name := range Names() {
		script, _ := Lookup(name)
		d.write("handlers/"+name, string(script), 0o700)
	}
	return d
}

func (d *device) installBusyBox() {
	d.t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		d.t.Fatalf("%v: apt-get install busybox-static", err)
	}
	requireStatic(d.t, path)
	binary, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("bin/busybox", string(binary), 0o755)
	list, err := exec.Command(path, "--list").Output()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, applet := range strings.Fields(string(list)) {
		switch applet {
		case "busybox", "poweroff", "halt", "reboot", "init", "shutdown", "rpm", "dpkg", "wget":
		default:
			if err := os.Symlink("busybox", filepath.Join(d.root, "bin", applet)); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

func requireStatic(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Section(".interp") != nil {
		t.Fatalf("%s needs libraries: apt-get install busybox-static", path)
	}
}

func (d *device) path(name string) string { return filepath.Join(d.root, name) }

func (d *device) mkdir(name string) {
	d.t.Helper()
	if err := os.MkdirAll(d.path(name), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) write(name, content string, mode os.FileMode) {
	d.t.Helper()
	d.mkdir(filepath.Dir(name))
	if err := os.WriteFile(d.path(name), []byte(content), mode); err != nil {
		d.t.Fatal(err)
	}
}

// program puts a shell script in PATH that notes its call in /calls first.
func (d *device) program(name, body string) {
	d.t.Helper()
	d.write("bin/"+name, "#!/bin/sh\necho \""+name+" $*\" >>/calls\n"+body, 0o755)
}

// read is the text of a file of the device, empty where there is none.
func (d *device) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	return string(text)
}

func (d *device) calls() string { return d.read("calls") }

// command is a handler as jobbox would start it, by the device's own shell.
func (d *device) command(handler string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"/handlers/" + handler}, args...)...)
	cmd.Dir = "/"
	cmd.Env = append([]string{
		"PATH=/sbin:/bin", "HOME=/root", "USER=root",
		"JOBBOX_JOB_ID=job-1", "JOBBOX_STEP=1", "JOBBOX_ATTEMPT=1", "JOBBOX_HANDLER_DIR=/none",
	}, d.env...)
	cmd.SysProcAttr = inRoot(d.root)
	return cmd
}

// inRoot needs no root where user name spaces may be had without.
func inRoot(root string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Chroot: root, Setpgid: true}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// run runs a handler to its end. What it leaves in the background goes on until
// the test ends.
func (d *device) run(handler string, args ...string) run {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := d.command(handler, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("start %s: %v (this test needs root, or user name spaces)", handler, err)
	}
	group := cmd.Process.Pid
	d.t.Cleanup(func() { _ = syscall.Kill(-group, syscall.SIGKILL) })
	watchdog := time.AfterFunc(patience, func() { _ = syscall.Kill(-group, syscall.SIGKILL) })
	defer watchdog.Stop()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("%s: %v", handler, err)
	}
	return run{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// wait polls until the condition holds.
func (d *device) wait(what string, condition func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// check compares an ending with what is wanted: the status, pieces of standard
// output, and the whole of standard error where the status is not 0: one line.
func (r run) check(t *testing.T, call string, status int, stdout, stderr string) {
	t.Helper()
	if r.status != status || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) {
		t.Errorf("%s = %+v; want status %d, stdout %q, stderr %q", call, r, status, stdout, stderr)
	}
	if lines := strings.Count(r.stderr, "\n"); (stderr == "") != (lines == 0) || lines > 1 {
		t.Errorf("%s wrote %d lines on standard error: %q", call, lines, r.stderr)
	}
}

func call(handler string, args []string) string { return fmt.Sprintf("%s %q", handler, args) }
