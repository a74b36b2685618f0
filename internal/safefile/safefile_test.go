package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestWriteInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	var steps []Step
	Trace = func(s Step, _ string) {
		steps = append(steps, s)
		if s == Synced {
			if _, err := os.Stat(path); err == nil && len(steps) < 4 {
				t.Error("the new name is there before the content is synced")
			}
		}
	}
	defer func() { Trace = nil }()
	if err := Write(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if want := []Step{Created, Written, Synced, Renamed, Done}; !slices.Equal(steps, want) {
		t.Errorf("acts %v; want %v", steps, want)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if got, err := Read(path, 3); err != nil || string(got) != "one" {
		t.Errorf("Read = %q, %v", got, err)
	}
}

func TestWriteLeavesTheOldOnFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := os.Mkdir(path, 0o700); err != nil { // a directory cannot be renamed over
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o600); err == nil {
		t.Fatal("Write over a directory succeeded")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteDoesNotFollowALink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	os.WriteFile(victim, []byte("keep"), 0o600)
	path := filepath.Join(dir, "state")
	os.Symlink(victim, path+".tmp")
	os.Symlink(victim, path)
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "keep" {
		t.Errorf("the link's target now holds %q", got)
	}
	if got, err := Read(path, 10); err != nil || string(got) != "new" {
		t.Errorf("Read = %q, %v", got, err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, []byte("12345"), 0o600)
	os.Symlink(file, filepath.Join(dir, "link"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"file": "more than 4 bytes", "link": "too many", "pipe": "not a regular file",
		".": "not a regular file", "none": "no such file",
	} {
		if _, err := Read(filepath.Join(dir, name), 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%s) = %v; want %q", name, err, want)
		}
	}
	if _, err := Read(filepath.Join(dir, "none"), 4); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file is not os.ErrNotExist: %v", err)
	}
}
