package boot

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// BusyBox's cpio is the judge of our archive: another implementation of the
// format, and of the family that runs in the guests.
func TestArchiveUnpacks(t *testing.T) {
	a := NewArchive()
	a.File("etc/init.d/S80x", 0o755, []byte("#!/bin/sh\n"))
	a.File("secret", 0o600, []byte("abcde"))
	a.Dir("handlers", 0o700)
	a.Link("var/run", "/run")
	dir := t.TempDir()
	cmd := exec.Command("busybox", "cpio", "-i", "-d", "-H", "newc")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(a.Bytes())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("busybox cpio: %v: %s", err, out)
	}
	want := map[string]string{
		"etc": "drwxr-xr-x", "etc/init.d": "drwxr-xr-x", "etc/init.d/S80x": "-rwxr-xr-x",
		"secret": "-rw-------", "handlers": "drwx------", "var": "drwxr-xr-x", "var/run": "Lrwxrwxrwx",
	}
	if got := modes(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("unpacked %v; want %v", got, want)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "secret")); string(got) != "abcde" {
		t.Errorf("secret holds %q; want %q", got, "abcde")
	}
	if got, _ := os.Readlink(filepath.Join(dir, "var/run")); got != "/run" {
		t.Errorf("var/run leads to %q; want /run", got)
	}
}

// modes lists a tree as ls does.
func modes(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		m[strings.TrimPrefix(path, dir+"/")] = info.Mode().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTreeKeepsModes(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "h"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "h/x.sh"), []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("h", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	a := NewArchive()
	if err := a.Tree(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint32{"h": typeDir | 0o700, "h/x.sh": typeFile | 0o700, "link": typeLink | 0o777}
	for path, mode := range want {
		if got := a.entries[path].mode; got != mode {
			t.Errorf("%s has mode %o; want %o", path, got, mode)
		}
	}
}
