package handlers

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func (d *device) boot(id string) {
	d.write("proc/sys/kernel/random/boot_id", id+"\n", 0o644)
}

func (d *device) attempt(n int) { d.env = []string{"JOBBOX_ATTEMPT=" + strconv.Itoa(n)} }

func TestReboot(t *testing.T) {
	d := newDevice(t)
	steps := []struct {
		what    string
		boot    string
		attempt int
		keepRun bool // whether /run is kept, as it is where no tmpfs lies there
		status  int
	}{
		{"asks", "one", 1, true, 194},
		{"jobbox's runner was ended before it took that down: no reboot yet", "one", 2, true, 194},
		{"rebooted", "two", 3, true, 0},
		{"another job", "two", 1, true, 194},
		{"rebooted, /run is new", "three", 2, false, 0},
		{"power cut before it ran", "four", 2, false, 0},
	}
	for _, s := range steps {
		if !s.keepRun {
			if err := os.RemoveAll(d.path("run")); err != nil {
				t.Fatal(err)
			}
			d.mkdir("run")
		}
		d.boot(s.boot)
		d.attempt(s.attempt)
		d.run("reboot.sh", "").check(t, s.what, s.status, "boot id", "")
	}
	if left := d.read("run/jobbox-reboot"); left != "" {
		t.Errorf("the note is left behind: %q", left)
	}
}

// Where anybody may write to /run, a link there leads to no other file.
func TestNotesAreNotWrittenThroughLinks(t *testing.T) {
	d := newDevice(t)
	d.program("poweroff", "")
	d.write("precious", "precious", 0o644)
	for handler, status := range map[string]int{"reboot.sh": 194, "shutdown.sh": 0} {
		note := d.path("run/jobbox-" + strings.TrimSuffix(handler, ".sh"))
		if err := os.Symlink("/precious", note); err != nil {
			t.Fatal(err)
		}
		d.run(handler, "").check(t, handler, status, "", "")
		info, err := os.Lstat(note)
		if err != nil || info.Mode() != 0o600 || d.read("precious") != "precious" {
			t.Errorf("%s: the note is %v (%v), the link's target holds %q", handler, info.Mode(), err, d.read("precious"))
		}
	}
}

// Another job's note, or one of another step, says nothing about this one.
func TestRebootNoteOfAnotherJob(t *testing.T) {
	d := newDevice(t)
	d.boot("one")
	d.write("run/jobbox-reboot", "job-0 1 one\n", 0o600)
	d.attempt(2)
	d.run("reboot.sh", "").check(t, "reboot.sh", 0, "restarted", "")
}

func TestRebootWithoutNoteOrBootID(t *testing.T) {
	d := newDevice(t)
	if err := os.RemoveAll(d.path("run")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(d.path("proc")); err != nil {
		t.Fatal(err)
	}
	d.run("reboot.sh", "").check(t, "first", 194, "restarting", "")
	d.attempt(2)
	d.run("reboot.sh", "").check(t, "second", 0, "restarted", "")
}

func TestShutdown(t *testing.T) {
	d := newDevice(t)
	d.program("poweroff", "env | grep ^JOBBOX >>/environment")
	d.run("shutdown.sh", "", "1").check(t, "shutdown.sh", 0, "/bin/poweroff in 1 s\n", "")
	d.wait("poweroff is called", func() bool { return d.calls() == "poweroff \n" })
	if env := d.read("environment"); env != "" {
		t.Errorf("the waiting poweroff would pass for a part of the step: %s", env)
	}
}

// The result must leave before the machine does.
func TestShutdownWaits(t *testing.T) {
	d := newDevice(t)
	d.program("poweroff", "")
	d.run("shutdown.sh", "", "3600").check(t, "shutdown.sh", 0, "in 3600 s", "")
	if d.calls() != "" {
		t.Error("poweroff came at once")
	}
}

func TestShutdownByOtherMeans(t *testing.T) {
	d := newDevice(t)
	d.run("shutdown.sh", "").check(t, "without any", 3, "", "neither poweroff nor shutdown is in PATH")
	d.program("shutdown", "")
	d.run("shutdown.sh", "", "1").check(t, "shutdown.sh", 0, "in 1 s", "")
	d.wait("shutdown is called", func() bool { return d.calls() == "shutdown -h now\n" })
}

func TestShutdownArguments(t *testing.T) {
	d := newDevice(t)
	d.program("poweroff", "")
	for _, seconds := range []string{"0", "-1", "x", "1;reboot", "3601", "99999999999999999999", " ", "0x10", "010"} {
		d.run("shutdown.sh", "", seconds).check(t, "shutdown.sh "+seconds, 2, "", "seconds: want")
	}
	d.run("shutdown.sh").check(t, "no argument", 2, "", "want RUNASUSER")
	d.run("shutdown.sh", "", "1", "2").check(t, "three arguments", 2, "", "want RUNASUSER")
	if d.calls() != "" {
		t.Errorf("called %s", d.calls())
	}
}

// Somebody has switched the device on again: it must stay on.
func TestShutdownIsNotRepeatedInTheNextBoot(t *testing.T) {
	d := newDevice(t)
	d.program("poweroff", "")
	d.boot("one")
	d.run("shutdown.sh", "", "3600").check(t, "first", 0, "in 3600 s", "")
	d.attempt(2)
	d.run("shutdown.sh", "", "1").check(t, "again in the same boot", 0, "in 1 s", "")
	d.wait("poweroff is called", func() bool { return strings.Count(d.calls(), "poweroff") == 1 })
	d.boot("two")
	d.run("shutdown.sh", "", "1").check(t, "in the next boot", 0, "has been down", "")
}
