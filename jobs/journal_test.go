package jobs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"jobbox/exec"
	"jobbox/internal/jsontext"
)

func journalState(t *testing.T) State {
	t.Helper()
	text := `{"version":"1.0","steps":[{"action":{"name":"a\n","type":"runCommand","input":{"command":"true"}}},{"action":{"name":"b","type":"runHandler","input":{"handler":"h","args":["x"]}}}]}`
	v, err := jsontext.Parse([]byte(text), MaxDocument)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseDocument(v)
	if err != nil {
		t.Fatal(err)
	}
	return State{
		job: &Job{
			ID: ID{"job-1", 7}, doc: doc, text: v.JSON(), step: 1, attempt: 2,
			begun:  &exec.Identity{PID: 42, StartTime: 12345, BootID: "b-1"},
			stdout: "out\n\"é", stderr: "err", ignored: []string{"step 1: no"},
		},
		recent: []Done{{ID{"job-0", 1}, Failed, "Exited with status: 1", 1700000000, true}},
	}
}

func TestJournalRoundTrip(t *testing.T) {
	working := journalState(t)
	owed := State{job: &Job{ID: ID{"j", 1}, final: &Final{Status: Failed, Details: Details{"r", "o", "e"}}}, recent: []Done{}}
	rebooting := journalState(t)
	rebooting.job.begun, rebooting.job.reboot, rebooting.job.reboots = nil, "b-1", 2
	for name, want := range map[string]State{"working": working, "owed": owed, "rebooting": rebooting, "empty": {recent: []Done{}}} {
		got, err := decodeState(encodeState(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: came back as %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestJournalRefused(t *testing.T) {
	good := string(encodeState(journalState(t)))
	tests := []struct{ name, in, want string }{
		{"empty", "", "not JSON"},
		{"torn", good[:len(good)/2], "not JSON"},
		{"zeros", strings.Repeat("\x00", 100), "not JSON"},
		{"later version", strings.Replace(good, `"version":1,`, `"version":2,`, 1), "written by a later jobbox"},
		{"step out of range", strings.Replace(good, `"step":1`, `"step":2`, 1), "job.step: want 0 to 1, got 2"},
		{"attempt 0", strings.Replace(good, `"attempt":2`, `"attempt":0`, 1), "job.attempt: want 1"},
		{"job id", strings.Replace(good, `"job-1"`, `"../x"`, 1), "job.jobId: not a job id"},
		{"document", strings.Replace(good, `"runCommand"`, `"run"`, 1), "steps[0].action.type"},
		{"final status", `{"version":1,"job":{"jobId":"a","executionNumber":1,"final":{"status":"QUEUED"}},"recent":[]}`, "want a final status"},
	}
	for _, tt := range tests {
		if _, err := decodeState([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: decodeState = %v; want %q", tt.name, err, tt.want)
		}
	}
}

func TestJournalTrustsOnlyOurOwn(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(dir)
	if s, err := j.load(); err != nil || s.job != nil {
		t.Fatalf("a journal that does not exist = %+v, %v", s, err)
	}
	if err := j.save(journalState(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.load(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal")
	os.Chmod(path, 0o602)
	if _, err := j.load(); err == nil || !strings.Contains(err.Error(), "mode 0602 lets others write it") {
		t.Errorf("writable by others: %v", err)
	}
	os.Chmod(path, 0o600)
	if os.Geteuid() == 0 {
		os.Chown(path, 65534, 0)
		if _, err := j.load(); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("of another user: %v", err)
		}
	}
	os.Remove(path)
	os.Symlink("/dev/zero", path)
	if _, err := j.load(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a link: %v", err)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"recent":[]}`))
	f.Add([]byte(`{"version":1,"job":{"jobId":"a","executionNumber":1,"document":{"operation":"x"},"step":0,"attempt":1,"reboots":0,"ignored":[]},"recent":[]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := decodeState(in)
		if err != nil {
			return
		}
		if _, err := decodeState(encodeState(s)); err != nil {
			t.Errorf("%q is read, but not written again: %v", in, err)
		}
		resume(s, testRules, event{boot: "b"})
	})
}
