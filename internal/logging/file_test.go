package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spare is a stream whose lines a test reads: what a sink says when it cannot
// write where it should.
type spare struct {
	*stream
	path string
}

func newSpare(t *testing.T) spare {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return spare{&stream{f}, path}
}

func (s spare) lines(t *testing.T) []string { return readLines(t, s.path) }

func readLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.FixedZone("somewhere", 3600))

// openFile is a log file whose clock stands and whose standard error is spare.
func openFile(t *testing.T, path string, bound int64) (*file, spare) {
	t.Helper()
	l, err := newFile(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	l.stderr.Close()
	s := newSpare(t)
	l.stderr = s.stream
	l.now = func() time.Time { return noon }
	t.Cleanup(func() { l.Close() })
	return l, s
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode()
}

func TestFileLines(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "a/b/log")
	l, _ := openFile(t, path, MaxFile)
	log := New(Debug, l.put)
	log.Infof("mqtt: connected")
	log.Warnf("job %s: a\nb", "x\x1b[2J")
	want := []string{"2026-01-02T11:00:00Z INFO mqtt: connected", `2026-01-02T11:00:00Z WARN job x\x1b[2J: a\nb`}
	if got := readLines(t, path); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the file holds %q; want %q", got, want)
	}
	if m := mode(t, path); m != 0o600 {
		t.Errorf("the file's mode is %v; want 0600", m)
	}
	if m := mode(t, filepath.Dir(path)); m != os.ModeDir|0o750 {
		t.Errorf("the directory's mode is %v; want 0750", m)
	}
}

func TestFileIsContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	l, _ := openFile(t, path, MaxFile)
	l.put(Info, "after")
	if got := readLines(t, path); len(got) != 2 || got[0] != "before" {
		t.Errorf("the file holds %q", got)
	}
	if m := mode(t, path); m != 0o600 {
		t.Errorf("the file's mode is %v; want it narrowed to 0600", m)
	}
}

func TestFileStaysWithinItsBound(t *testing.T) {
	const bound = 4096
	path := filepath.Join(t.TempDir(), "log")
	l, _ := openFile(t, path, bound)
	for i := range 500 {
		l.put(Info, fmt.Sprintf("event %d", i))
		if n := size(path) + size(path+".1"); n > bound {
			t.Fatalf("%d bytes after %d events; want at most %d", n, i+1, bound)
		}
	}
	all := append(readLines(t, path+".1"), readLines(t, path)...)
	for i, line := range all {
		if want := fmt.Sprintf("event %d", 500-len(all)+i); !strings.HasSuffix(line, want) {
			t.Fatalf("line %d is %q; want %q", i, line, want)
		}
	}
	if int64(len(all)) < bound/2/int64(len(all[0])+1) {
		t.Errorf("only %d lines are left", len(all))
	}
}

func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

func TestFileThatCannotBeRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.MkdirAll(path+".1/x", 0o700); err != nil {
		t.Fatal(err)
	}
	l, _ := openFile(t, path, 1000)
	for i := range 100 {
		l.put(Info, fmt.Sprintf("event %d", i))
		if n := size(path); n > 1000 {
			t.Fatalf("%d bytes", n)
		}
	}
	if got := readLines(t, path); !strings.HasSuffix(got[len(got)-1], "event 99") {
		t.Errorf("the last line is %q", got[len(got)-1])
	}
}

func TestFileComesBack(t *testing.T) {
	tests := []struct {
		name string
		act  func(path string) error
	}{
		{"deleted", os.Remove},
		{"renamed", func(path string) error { return os.Rename(path, path+".old") }},
		{"directory deleted", func(path string) error { return os.RemoveAll(filepath.Dir(path)) }},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "d/log")
		l, s := openFile(t, path, MaxFile)
		l.put(Info, "one")
		if err := tt.act(path); err != nil {
			t.Fatal(err)
		}
		l.put(Info, "two")
		if got := readLines(t, path); len(got) != 1 || !strings.HasSuffix(got[0], " two") || len(s.lines(t)) != 0 {
			t.Errorf("%s: the file holds %q, standard error %q", tt.name, got, s.lines(t))
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"symbolic link", func(path string) error { return os.Symlink("target", path) }, "is a symbolic link; name the file itself"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "no such device or address"},
		{"second name", func(path string) error {
			if err := os.WriteFile(path+".other", nil, 0o600); err != nil {
				return err
			}
			return os.Link(path+".other", path)
		}, "has another name too; remove it"},
		{"somebody else's", func(path string) error {
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				return err
			}
			return os.Chown(path, 65534, 65534)
		}, "belongs to uid 65534, not to us"},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "log")
		if err := tt.make(path); err != nil {
			t.Fatalf("%s: %v (the tests are run as root)", tt.name, err)
		}
		l, err := newFile(path, MaxFile)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		s := newSpare(t)
		l.stderr.Close()
		l.stderr = s.stream
		l.put(Info, "goes on")
		if got := s.lines(t); len(got) != 1 || got[0] != "goes on" {
			t.Errorf("%s: standard error holds %q", tt.name, got)
		}
		l.Close()
	}
	if _, err := os.Stat("target"); err == nil {
		t.Error("a link was written through")
	}
}

// TestFullDisk fills a small file system under the log.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Fatalf("mount a tmpfs: %v (the tests are run as root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path, ballast := filepath.Join(dir, "log"), filepath.Join(dir, "ballast")
	l, s := openFile(t, path, MaxFile)
	if err := os.WriteFile(ballast, make([]byte, 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	event := strings.Repeat("x", 1000)
	for range 10 {
		l.put(Info, event)
	}
	written, spared := len(readLines(t, path)), s.lines(t)
	if written == 0 || written == 10 || len(spared) != 1+10-written || !strings.Contains(spared[0], "no space left on device; lines go to standard error") {
		t.Fatalf("%d lines written, standard error %q", written, spared)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.put(Info, "again")
	whole := regexp.MustCompile(`^2026-01-02T11:00:00Z (INFO x{1000}|INFO again|WARN log file: \d+ lines before this one could not be written)$`)
	got := readLines(t, path)
	for _, line := range got {
		if !whole.MatchString(line) {
			t.Errorf("a line is %q", line)
		}
	}
	if want := fmt.Sprintf("WARN log file: %d lines before", 10-written); len(got) != written+2 || !strings.Contains(got[written], want) {
		t.Errorf("%d lines, the last %q; want %q", len(got), got[len(got)-2:], want)
	}
	l.put(Info, "and again")
	if got := readLines(t, path); len(got) != written+3 {
		t.Errorf("the loss is told twice: %q", got[written:])
	}
}
