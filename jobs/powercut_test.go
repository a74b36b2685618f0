package jobs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"jobbox/exec"
	"jobbox/internal/safefile"
)

// A diskState is what the disk may hold of the journal's directory when the power
// goes: the content of each name, nil where there is none.
type diskState struct {
	what    string
	journal []byte
	tmp     []byte
	torn    bool // the temporary file, somewhere in the middle
}

// cuts are all that may be left after the acts of one Write up to (and with) the
// given one, of a journal that held old. Data that was not synced may be there
// to any byte, be zeros, or not at all. A rename whose directory was not synced
// may have happened or not.
func cuts(done safefile.Step, old, data []byte) []diskState {
	switch done {
	case safefile.Created, safefile.Written:
		out := []diskState{{"no temporary file", old, nil, false}}
		for n := 0; n <= len(data); n++ {
			out = append(out, diskState{fmt.Sprintf("temporary file torn at %d", n), old, data[:n], 0 < n && n < len(data)})
		}
		return append(out, diskState{"temporary file of zeros", old, make([]byte, len(data)), false})
	case safefile.Synced:
		return []diskState{{"synced, its name not", old, nil, false}, {"synced", old, data, false}}
	case safefile.Renamed:
		return []diskState{{"rename not on disk", old, data, false}, {"rename on disk", data, nil, false}}
	}
	return []diskState{{"done", data, nil, false}}
}

// disorder is what a Write would leave whose rename came before its sync.
func disorder(data []byte) []diskState {
	return []diskState{{"renamed before it was synced", data[:len(data)/2], nil, true}, {"renamed, and zeros", make([]byte, len(data)), nil, false}}
}

// lifeOfAJob is what the journal holds one after the other for a job of two
// steps.
func lifeOfAJob(t *testing.T) []State {
	runner := &exec.Identity{PID: 42, StartTime: 7, BootID: "b"}
	begun := journalState(t)
	begun.job.step, begun.job.attempt, begun.job.begun = 0, 1, runner
	second := journalState(t)
	second.job.begun = runner
	owed := State{recent: second.recent, job: &Job{ID: second.job.ID, final: &Final{Status: Failed, Details: Details{Reason: "r"}}}}
	done := State{recent: append(second.recent, Done{ID: second.job.ID, Status: Failed, Reason: "r", At: 1, Delivered: true})}
	return []State{{recent: second.recent}, begun, second, owed, done}
}

// TestPowerCuts replays, for every act of every write that a job makes, what a
// power cut could leave on disk: what is loaded is the state before the write
// or the one after, never an error, never a mix.
func TestPowerCuts(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(dir)
	states := lifeOfAJob(t)
	tried := 0
	if err := j.save(states[0]); err != nil {
		t.Fatal(err)
	}
	for i, after := range states[1:] {
		old, data := encodeState(states[i]), encodeState(after)
		for _, act := range acts(t, j, after) {
			for _, c := range cuts(act, old, data) {
				tried++
				loadCut(t, c, old, data)
			}
		}
	}
	t.Logf("%d states of the disk", tried)
}

// acts writes a state and says in which order that was done.
func acts(t *testing.T, j *journal, s State) []safefile.Step {
	t.Helper()
	var order []safefile.Step
	safefile.Trace = func(step safefile.Step, _ string) { order = append(order, step) }
	defer func() { safefile.Trace = nil }()
	if err := j.save(s); err != nil {
		t.Fatal(err)
	}
	return order
}

// loadCut starts from a state of the disk, and writes over it.
func loadCut(t *testing.T, c diskState, old, data []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"journal": c.journal, "journal.tmp": c.tmp} {
		if content == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := newJournal(dir)
	s, err := j.load()
	if err != nil {
		t.Fatalf("%s: %v", c.what, err)
	}
	if got := encodeState(s); !bytes.Equal(got, old) && !bytes.Equal(got, data) {
		t.Errorf("%s: loaded %s", c.what, got)
	}
	if c.torn {
		return // each is like the next; syncing thousands takes a while
	}
	if err := j.save(s); err != nil {
		t.Errorf("%s: cannot be written again: %v", c.what, err)
	}
}

// TestDisorderIsNoticed shows that the above would find a write whose acts are
// in the wrong order.
func TestDisorderIsNoticed(t *testing.T) {
	data := encodeState(journalState(t))
	for _, c := range disorder(data) {
		if _, err := decodeState(c.journal); err == nil {
			t.Errorf("%s: is taken for a journal", c.what)
		}
	}
	want := []safefile.Step{safefile.Created, safefile.Written, safefile.Synced, safefile.Renamed, safefile.Done}
	if got := acts(t, newJournal(t.TempDir()), journalState(t)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("a write is done as %v; want %v", got, want)
	}
}
