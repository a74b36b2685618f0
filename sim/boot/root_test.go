package boot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unsquashfs is the judge of a root: everything in it belongs to root, the later
// tree wins, BusyBox only fills gaps.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, perm os.FileMode) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), perm); err != nil {
			t.Fatal(err)
		}
	}
	write("busybox", 0o755)
	write("system/sbin/reboot", 0o755)
	write("system/etc/jobbox/jobbox.conf", 0o644)
	write("system/usr/share/doc/x/README", 0o644)
	write("product/etc/jobbox/jobbox.conf", 0o640)
	if err := os.Chown(filepath.Join(dir, "product/etc/jobbox/jobbox.conf"), 1000, 1000); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "root.squashfs")
	k := &Kernel{BusyBox: filepath.Join(dir, "busybox")}
	if err := Root(image, k, filepath.Join(dir, "system"), filepath.Join(dir, "product")); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("unsquashfs", "-lln", image).CombinedOutput()
	if err != nil {
		t.Fatalf("unsquashfs: %v: %s", err, out)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 5 {
			got[strings.TrimPrefix(strings.Join(f[5:], " "), "squashfs-root")] = f[0] + " " + f[1]
		}
	}
	want := map[string]string{
		"/etc/jobbox/jobbox.conf":      "-rw-r----- 0/0",
		"/sbin/reboot":                 "-rwxr-xr-x 0/0",
		"/bin/busybox":                 "-rwxr-xr-x 0/0",
		"/bin/sh -> busybox":           "lrwxrwxrwx 0/0",
		"/sbin/init -> ../bin/busybox": "lrwxrwxrwx 0/0",
		"/bin/reboot -> busybox":       "",
		"/usr/share/doc/x/README":      "",
		"/var/run -> /run":             "lrwxrwxrwx 0/0",
		"/var/lib":                     "drwxr-xr-x 0/0",
	}
	for name, mode := range want {
		if got[name] != mode {
			t.Errorf("%s is %q; want %q", name, got[name], mode)
		}
	}
}
