package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jobbox/exec"
	"jobbox/internal/jsontext"
	"jobbox/internal/safefile"
)

// maxJournal bounds what is read back: a document, two tails and the recent
// executions, all of it escaped at worst.
const maxJournal = 1 << 20

// journal keeps on disk what must not be lost: the job at work, a final status
// that is owed, and the last executions.
type journal struct {
	path    string
	broken  string // the last error that was logged, "" while it works
	written int64  // bytes, for the debug line
	saves   int
}

func newJournal(dir string) *journal { return &journal{path: filepath.Join(dir, "journal")} }

// save writes the state; after it returns nil, no power cut takes it back.
func (j *journal) save(s State) error {
	data := encodeState(s)
	dir := filepath.Dir(j.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := exec.CheckOwnDir(dir); err != nil {
		return err
	}
	if err := safefile.Write(j.path, data, 0o600); err != nil {
		return err
	}
	j.saves++
	j.written += int64(len(data))
	return nil
}

// load reads the state back. A journal that does not exist is an empty one.
func (j *journal) load() (State, error) {
	if err := j.trusted(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return State{}, nil
		}
		return State{}, fmt.Errorf("%w: not used", err)
	}
	data, err := safefile.Read(j.path, maxJournal)
	if err != nil {
		return State{}, err
	}
	s, err := decodeState(data)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", j.path, err)
	}
	return s, nil
}

// trusted refuses a journal that others could have written: it says what is
// run, as whom. Nobody else can put another file there once the directory is
// known to be ours.
func (j *journal) trusted() error {
	st, err := os.Lstat(j.path)
	if err != nil {
		return err
	}
	if err := exec.CheckOwnDir(filepath.Dir(j.path)); err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", j.path)
	}
	if owner := safefile.Owner(st); !safefile.Trusted(owner) {
		return fmt.Errorf("%s: belongs to user %d, want the agent's own", j.path, owner)
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s: mode %04o lets others write it", j.path, st.Mode().Perm())
	}
	return nil
}

func encodeState(s State) []byte {
	var w jsontext.Writer
	w.BeginObject()
	w.Key("version")
	w.Int(1)
	if s.job != nil {
		w.Key("job")
		encodeJob(&w, s.job)
	}
	w.Key("recent")
	w.BeginArray()
	for _, d := range s.recent {
		encodeDone(&w, d)
	}
	w.EndArray()
	w.EndObject()
	return w.Bytes()
}

func encodeID(w *jsontext.Writer, id ID) {
	w.Key("jobId")
	w.String(id.Job)
	w.Key("executionNumber")
	w.Int(id.Number)
}

func encodeJob(w *jsontext.Writer, j *Job) {
	w.BeginObject()
	encodeID(w, j.ID)
	if j.final != nil {
		encodeFinal(w, j.final)
		w.EndObject()
		return
	}
	w.Key("document")
	w.Raw(j.text)
	w.Key("step")
	w.Int(int64(j.step))
	w.Key("attempt")
	w.Int(int64(j.attempt))
	if j.begun != nil {
		encodeIdentity(w, *j.begun)
	}
	encodeText(w, "reboot", j.reboot)
	w.Key("reboots")
	w.Int(int64(j.reboots))
	encodeText(w, "stdout", j.stdout)
	encodeText(w, "stderr", j.stderr)
	w.Key("ignored")
	w.BeginArray()
	for _, s := range j.ignored {
		w.String(s)
	}
	w.EndArray()
	w.EndObject()
}

func encodeText(w *jsontext.Writer, key, s string) {
	if s != "" {
		w.Key(key)
		w.String(s)
	}
}

func encodeIdentity(w *jsontext.Writer, id exec.Identity) {
	w.Key("begun")
	w.BeginObject()
	w.Key("pid")
	w.Int(int64(id.PID))
	w.Key("startTime")
	w.Int(int64(id.StartTime))
	w.Key("bootId")
	w.String(id.BootID)
	w.EndObject()
}

func encodeFinal(w *jsontext.Writer, f *Final) {
	w.Key("final")
	w.BeginObject()
	w.Key("status")
	w.String(string(f.Status))
	encodeText(w, "reason", f.Details.Reason)
	encodeText(w, "stdout", f.Details.Stdout)
	encodeText(w, "stderr", f.Details.Stderr)
	w.EndObject()
}

func encodeDone(w *jsontext.Writer, d Done) {
	w.BeginObject()
	encodeID(w, d.ID)
	w.Key("status")
	w.String(string(d.Status))
	w.Key("reason")
	w.String(d.Reason)
	w.Key("at")
	w.Int(d.At)
	w.Key("delivered")
	w.Bool(d.Delivered)
	w.EndObject()
}
