package fetch

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDestinationsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	for name, make := range map[string]func(name string) error{
		"link":    func(name string) error { return os.Symlink(target, name) },
		"dir":     func(name string) error { return os.Mkdir(name, 0o755) },
		"fifo":    func(name string) error { return syscall.Mkfifo(name, 0o644) },
		"nodir/x": func(string) error { return nil },
		"file/x":  func(name string) error { return os.WriteFile(filepath.Dir(name), nil, 0o644) },
	} {
		if err := make(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := newCloud(t, serveFile(content, `"v1"`))
	for name, want := range map[string]string{
		"link":    "is a symbolic link, which is not followed",
		"dir":     "is a directory: name a file in it",
		"fifo":    "is not a regular file",
		"nodir/x": "no such file or directory",
		"file/x":  "not a directory",
	} {
		o := c.options()
		o.File = filepath.Join(dir, name)
		_, err := Get(t.Context(), o)
		wantError(t, err, want)
	}
	if _, err := os.Stat(target); err == nil || len(c.requests()) != 0 {
		t.Errorf("something was fetched: %d requests", len(c.requests()))
	}
}

// Whoever may write to the directory could lay a trap under the part's name.
func TestTrapsUnderThePartsName(t *testing.T) {
	for name, lay := range map[string]func(victim, part string) error{
		"symbolic link": os.Symlink,
		"hard link":     os.Link,
		"pipe":          func(_, part string) error { return syscall.Mkfifo(part, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, serveFile(content, `"v1"`))
			o := c.options()
			victim := filepath.Join(t.TempDir(), "victim")
			if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := lay(victim, o.File+".part"); err != nil {
				t.Fatal(err)
			}
			_, err := Get(t.Context(), o)
			wantDone(t, o, err)
			if got := read(t, victim); got != "precious" {
				t.Errorf("the victim holds %d bytes now", len(got))
			}
		})
	}
}

// A part that somebody else has put there is not built upon.
func TestPartOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving a file away needs root: run the tests as root")
	}
	c := newCloud(t, inTurn(cutAfter(100000, serveFile(content, `"v1"`)), serveFile(content, `"v1"`)))
	o := c.options()
	o.Attempts = 1
	_, err := Get(t.Context(), o)
	wantError(t, err, "unexpected EOF")
	if err := os.Chown(o.File+".part", 65534, 65534); err != nil {
		t.Fatal(err)
	}
	got, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if got.Resumed != 0 {
		t.Errorf("Get = %+v; want nothing resumed", got)
	}
}

func TestTwoDownloadsToOneFile(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	p, err := openPart(o.File, "origin")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Get(t.Context(), o)
	wantError(t, err, "another download to it is under way")
	p.close()
	_, err = Get(t.Context(), o)
	wantDone(t, o, err)
}

// A power cut leaves anything beyond the last checkpoint: it is not believed.
func TestOnlyWhatWasSyncedIsBelieved(t *testing.T) {
	c := newCloud(t, inTurn(cutAfter(100000, serveFile(content, `"v1"`)), serveFile(content, `"v1"`)))
	o := c.options()
	o.Attempts = 1
	_, err := Get(t.Context(), o)
	wantError(t, err, "unexpected EOF")
	f, err := os.OpenFile(o.File+".part", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got, err := Get(t.Context(), o)
	wantDone(t, o, err)
	if got.Resumed != 100000 {
		t.Errorf("Get = %+v; want 100000 resumed", got)
	}
}

// A long download is noted down while it runs: kill -9 costs the last megabytes.
func TestCheckpoints(t *testing.T) {
	long := strings.Repeat(content, 2*checkpointEvery/len(content)+2)
	c := newCloud(t, serveFile(long, `"v1"`))
	o := c.options()
	noted := map[string]bool{}
	o.Progress = func(int64, int64) {
		if info, err := os.ReadFile(o.File + ".part.info"); err == nil {
			noted[string(info)] = true
		}
	}
	if _, err := Get(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if len(noted) != 2 {
		t.Errorf("%d notes: %v; want 2", len(noted), noted)
	}
	for text := range noted {
		if _, validator, size, ok := parseInfo(text); !ok || validator != `"v1"` || size < checkpointEvery {
			t.Errorf("noted %q", text)
		}
	}
}

// smallDisk mounts 64 kB to download to.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("mount a small disk: %v (run the tests as root)", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestDiskIsFull(t *testing.T) {
	unknownLength := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v1"`) // without, the part would go anyhow
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write([]byte(content))
	}
	for name, serve := range map[string]http.HandlerFunc{
		"no space left for":       serveFile(content, `"v1"`),
		"no space left on device": unknownLength,
	} {
		c := newCloud(t, serve)
		o := c.options()
		o.File = filepath.Join(smallDisk(t), "file.bin")
		if err := os.WriteFile(o.File, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Get(t.Context(), o)
		wantError(t, err, name)
		if got := read(t, o.File); got != "old" || left(t, o.File) != "file.bin" {
			t.Errorf("the file is %q, beside it %s", got, left(t, o.File))
		}
	}
}

func TestReadOnlyDisk(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	o := c.options()
	dir := smallDisk(t)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	o.File = filepath.Join(dir, "file.bin")
	_, err := Get(t.Context(), o)
	wantError(t, err, "read-only file system")
}
