package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"jobbox/internal/jsontext"
	"jobbox/internal/safefile"
)

// What a run directory holds besides ID.begun and ID.result.
const (
	socketName = "runner.sock"
	lockName   = "runner.lock"
	runnerName = "runner.json"
)

const maxFile = 64 << 10 // bytes of a marker or result file; two tails in base64 are 11 KiB

func markerPath(dir, id string) string { return filepath.Join(dir, id+".begun") }
func resultPath(dir, id string) string { return filepath.Join(dir, id+".result") }

// A marker says that a step has begun: written before the fork, and again with
// the process after it.
type marker struct {
	step    Step // what names its processes: ID, JobID, Number, Attempt
	runner  Identity
	process Identity // zero before the fork
}

func writeMarker(dir string, m marker) error {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putText(&w, "jobId", m.step.JobID)
	putInt(&w, "number", int64(m.step.Number))
	putInt(&w, "attempt", int64(m.step.Attempt))
	w.Key("runner")
	w.BeginObject()
	putIdentity(&w, m.runner)
	w.EndObject()
	if m.process.PID != 0 {
		w.Key("process")
		w.BeginObject()
		putIdentity(&w, m.process)
		w.EndObject()
	}
	w.EndObject()
	return safefile.Write(markerPath(dir, m.step.ID), w.Bytes(), 0o600)
}

func readMarker(dir, id string) (marker, error) {
	v, err := readObject(dir, markerPath(dir, id))
	if err != nil {
		return marker{}, err
	}
	return parseMarker(v, id)
}

func parseMarker(v jsontext.Value, id string) (marker, error) {
	f := fields{v: v}
	m := marker{step: Step{ID: id, JobID: f.text("jobId"), Number: int(f.int("number")), Attempt: int(f.int("attempt"))}}
	runner := fields{v: v.Get("runner")}
	m.runner = runner.identity()
	var process fields
	if v.Get("process").Exists() {
		process.v = v.Get("process")
		m.process = process.identity()
	}
	return m, errors.Join(f.err, runner.err, process.err)
}

// begun says whether a marker of that step is there, readable or not.
func begun(dir, id string) bool {
	if CheckOwnDir(dir) != nil {
		return false
	}
	_, err := os.Lstat(markerPath(dir, id))
	return !errors.Is(err, fs.ErrNotExist)
}

func writeResult(dir, id string, r Result) error {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putText(&w, "id", id)
	w.Key("result")
	r.encode(&w)
	w.EndObject()
	return safefile.Write(resultPath(dir, id), w.Bytes(), 0o600)
}

// readResult returns fs.ErrNotExist where there is none (yet).
func readResult(dir, id string) (Result, error) {
	v, err := readObject(dir, resultPath(dir, id))
	if err != nil {
		return Result{}, err
	}
	return parseResultFile(v, id)
}

func parseResultFile(v jsontext.Value, id string) (Result, error) {
	name, err := v.Get("id").Text()
	if err != nil {
		return Result{}, err
	}
	if name != id {
		return Result{}, v.Get("id").Errorf("want %q, got %q", id, name)
	}
	return parseResult(v.Get("result"))
}

// readObject reads a file of a run directory, unless somebody else has put that
// there: whoever did would decide how steps end.
func readObject(dir, path string) (jsontext.Value, error) {
	if err := CheckOwnDir(dir); err != nil {
		return jsontext.Value{}, err
	}
	data, err := safefile.Read(path, maxFile)
	if err != nil {
		return jsontext.Value{}, err
	}
	return jsontext.Parse(data, maxFile)
}

// removeFiles removes what a step has left in the run directory.
func removeFiles(dir, id string) error {
	var errs []error
	for _, path := range []string{resultPath(dir, id), markerPath(dir, id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
