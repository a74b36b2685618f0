package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// TestDisk: a state directory that is corrupt, missing, read-only, full or
// somebody else's is logged and never stops jobs from running.
func TestDisk(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, d *lab.Device)
		log     string
	}{
		{"missing", func(t *testing.T, d *lab.Device) { must(t, os.RemoveAll(d.StateDir)) }, ""},
		{"corrupt", func(t *testing.T, d *lab.Device) { journal(t, d, "{\"version\":1,\"jo\x00\x00\x00", 0o600) }, "journal not used"},
		{"empty", func(t *testing.T, d *lab.Device) { journal(t, d, "", 0o600) }, "journal not used"},
		{"writable by others", func(t *testing.T, d *lab.Device) { journal(t, d, `{"version":1,"recent":[]}`, 0o666) }, "lets others write it"},
		{"of another user", func(t *testing.T, d *lab.Device) {
			journal(t, d, `{"version":1,"recent":[]}`, 0o600)
			must(t, os.Chown(filepath.Join(d.StateDir, "journal"), 65534, 65534))
		}, "belongs to user 65534"},
		{"in a directory of another user", func(t *testing.T, d *lab.Device) { must(t, os.Chown(d.StateDir, 65534, 65534)) }, "belongs to user 65534"},
		{"in a directory that others may write", func(t *testing.T, d *lab.Device) { must(t, os.Chmod(d.StateDir, 0o777)) }, "has mode 0777, others may write there"},
		{"a directory in its place", func(t *testing.T, d *lab.Device) { must(t, os.Mkdir(filepath.Join(d.StateDir, "journal"), 0o700)) }, "not a regular file"},
		{"read-only", func(_ *testing.T, d *lab.Device) {
			d.Prefix = mounted("--bind $0 $0 && mount -o remount,ro,bind $0", d)
		}, "read-only file system"},
		{"in memory", func(_ *testing.T, d *lab.Device) {
			d.Prefix = mounted("-t tmpfs none $0", d)
		}, "is in memory: a power cut loses what was in progress; set jobs.state-directory"},
		{"full", func(_ *testing.T, d *lab.Device) {
			d.Prefix = mounted("-t tmpfs -o size=4k none $0 && { cat /dev/zero > $0/fill; true; }", d)
		}, "no space left on device"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			d := l.Device("disk")
			tt.prepare(t, d)
			d.Start()
			marks := d.Path("marks")
			for _, s := range stories[:2] {
				must(t, os.RemoveAll(marks))
				checkEnd(t, l, d, l.CreateJob(s.document(d, marks)), marks, s.outcome)
			}
			if !strings.Contains(d.Log(), tt.log) {
				t.Errorf("the log does not say %q", tt.log)
			}
		})
	}
}

// TestNoRebootWithoutState: a job that nobody would remember after the reboot that
// it asks for does not get one, or the device would do nothing else any more.
func TestNoRebootWithoutState(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("forgetful")
	rebooted := d.Path("rebooted")
	d.Jobs()["reboot-command"] = []string{"touch", rebooted}
	d.Prefix = mounted("--bind $0 $0 && mount -o remount,ro,bind $0", d)
	d.Start()
	e := l.WaitFinal(l.CreateJob(command("exit 194")))
	if e.Status != service.Failed || !strings.Contains(e.Details["reason"], "the job would begin anew after it") || !strings.Contains(e.Details["reason"], "read-only file system") {
		t.Errorf("%s %q", e.Status, e.Details)
	}
	if _, err := os.Stat(rebooted); err == nil {
		t.Error("the device was rebooted")
	}
}

func journal(t *testing.T, d *lab.Device, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(d.StateDir, "journal")
	must(t, os.WriteFile(path, []byte(content), mode))
	must(t, os.Chmod(path, mode))
}

// mounted runs the agent in a mount namespace of its own, with something
// mounted at its state directory.
func mounted(mount string, d *lab.Device) []string {
	return []string{"unshare", "-m", "sh", "-c", "mount " + mount + ` && exec "$@"`, d.StateDir}
}

// TestFlashWear: five writes of the journal for a job of three steps, and none
// while idle. How many bytes they are is in the test's log.
func TestFlashWear(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("wear")
	trace := d.Path("trace")
	d.Prefix = []string{"strace", "-D", "-f", "-q", "-e", "trace=fsync,fdatasync,sync,renameat,renameat2,rename", "-e", "signal=none", "-o", trace}
	d.StartAndWait()
	before := read(t, trace)
	marks := d.Path("marks")
	checkEnd(t, l, d, l.CreateJob(threeSteps(marks)), marks, succeeded)
	lab.Eventually(t, "the delivered status is in the journal", func() bool {
		return strings.Contains(read(t, d.StateDir+"/journal"), `"delivered":true`)
	})
	st, err := os.Stat(filepath.Join(d.StateDir, "journal"))
	must(t, err)
	d.Stop()
	job := strings.TrimPrefix(read(t, trace), before)
	writes := strings.Count(job, "/journal.tmp\"")
	t.Logf("a job of three steps: %d writes of the journal, each synced with its directory; the last has %d bytes; log: %s",
		writes, st.Size(), lastLine(d.Log(), "jobs: journal:"))
	if writes != 5 {
		t.Errorf("%d writes of the journal; want 5: begun, three ends, delivered\n%s", writes, job)
	}
	if strings.Contains(before, "/journal") {
		t.Errorf("the journal is written without a job:\n%s", before)
	}
}

func lastLine(log, with string) string {
	last := ""
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, with) {
			last = line
		}
	}
	return last
}
