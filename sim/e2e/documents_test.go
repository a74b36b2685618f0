// Package e2e runs the built jobbox binary against the simulated cloud as an
// operator's jobs would: SPEC sections 1 and 2, one case for each promise.
package e2e

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/tools/txtar"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// TestDocuments runs every file of testdata/documents: a comment that names the
// promise, document.json, the handlers it needs, and what is expected. Lines of
// "expect" are
//
//	status STATUS      the execution's final status
//	reason REGEXP      also stdout, stderr: matches the value in statusDetails
//	no KEY             statusDetails has no such key
//	file NAME          was made in $DIR; "no file NAME" was not
//	alive NAME         $DIR/NAME holds the id of a process that lives
//	log REGEXP         the agent's log has it
func TestDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/documents/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runDocument(t, file, name)
		})
	}
}

type documentCase struct {
	document string
	expect   string
	handlers map[string]string
}

func readCase(t *testing.T, file, dir string) documentCase {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := documentCase{handlers: map[string]string{}}
	for _, f := range archive.Files {
		switch text := strings.ReplaceAll(string(f.Data), "$DIR", dir); f.Name {
		case "document.json":
			c.document = text
		case "expect":
			c.expect = text
		default:
			c.handlers[strings.TrimPrefix(f.Name, "handlers/")] = text
		}
	}
	if c.document == "" || c.expect == "" {
		t.Fatalf("%s: wants document.json and expect", file)
	}
	return c
}

// runDocument gives each case a device of its own, so that handlers of one are
// not there for the next.
func runDocument(t *testing.T, file, name string) {
	dir := scratch(t)
	c := readCase(t, file, dir)
	l := lab.New(t)
	d := l.Device(name)
	for name, script := range c.handlers {
		d.Handler(name, script)
	}
	d.StartAndWait()
	id := l.CreateJob(c.document, d)
	got := l.WaitFinal(id, d)
	if n := l.FinalCount(id, d); n != 1 {
		t.Errorf("%d final statuses; want 1", n)
	}
	lines := bufio.NewScanner(strings.NewReader(c.expect))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		expect(t, d, dir, got, key, value)
	}
	d.Stop()
}

// scratch is a directory that every user's steps may write to.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "other.sh"), []byte("#!/bin/sh\necho elsewhere\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func expect(t *testing.T, d *lab.Device, dir string, got service.Execution, key, value string) {
	t.Helper()
	switch key {
	case "status":
		if string(got.Status) != value {
			t.Errorf("status %s (%q); want %s", got.Status, got.Details, value)
		}
	case "reason", "stdout", "stderr":
		if !regexp.MustCompile(value).MatchString(got.Details[key]) {
			t.Errorf("%s %q; want it to match %s", key, got.Details[key], value)
		}
	case "no":
		expectNot(t, dir, got, value)
	case "file":
		if _, err := os.Stat(filepath.Join(dir, value)); err != nil {
			t.Errorf("want the file: %v", err)
		}
	case "alive":
		expectAlive(t, filepath.Join(dir, value))
	case "log":
		if !regexp.MustCompile(value).MatchString(d.Log()) {
			t.Errorf("the log has nothing that matches %s", value)
		}
	default:
		t.Fatalf("expect: unknown line %q", key+" "+value)
	}
}

func expectNot(t *testing.T, dir string, got service.Execution, what string) {
	t.Helper()
	if name, isFile := strings.CutPrefix(what, "file "); isFile {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("the file %s was made: something ran that should not have", name)
		}
		return
	}
	if v, ok := got.Details[what]; ok {
		t.Errorf("%s is %q; want none", what, v)
	}
}

// expectAlive also ends the process: it was only to outlive its step.
func expectAlive(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("process %d, left in the background, is gone: %v", pid, err)
	}
}
