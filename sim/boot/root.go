package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// unwanted is what a firmware image leaves out of Debian's packages.
var unwanted = []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bash-completion"}

// Root builds the squashfs of a root directory in the file path: the trees laid
// one over the other, and BusyBox for what none of them brings. Everything in it
// belongs to root.
func Root(path string, k *Kernel, trees ...string) error {
	stage, err := stageRoot(filepath.Dir(path), k, trees)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	args := []string{stage, path, "-all-root", "-noappend", "-quiet", "-no-progress", "-Xcompression-level", "1", "-e"}
	return run(stage, "mksquashfs", append(args, unwanted...)...)
}

// Card builds a root directory as Root does, in an ext4 file system of size MiB
// that can be written to.
func Card(path string, size int, k *Kernel, trees ...string) error {
	stage, err := stageRoot(filepath.Dir(path), k, trees)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	return newExt4(path, size, "-d", stage, "-E", "root_owner=0:0")
}

// stageRoot lays out a root in a new directory below dir.
func stageRoot(dir string, k *Kernel, trees []string) (stage string, err error) {
	if stage, err = os.MkdirTemp(dir, "root-"); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(stage)
		}
	}()
	for _, tree := range trees {
		if err := run(tree, "cp", "-a", "--no-target-directory", ".", stage); err != nil {
			return "", err
		}
	}
	return stage, errors.Join(os.Chmod(stage, 0o755), addMountPoints(stage), addMissing(stage, k.BusyBox))
}

func addMountPoints(stage string) error {
	var errs []error
	for _, dir := range strings.Fields("bin sbin dev proc sys run mnt root tmp var/lib var/log etc") {
		errs = append(errs, os.MkdirAll(filepath.Join(stage, dir), 0o755))
	}
	errs = append(errs, os.Symlink("/run", filepath.Join(stage, "var/run")))
	return errors.Join(errs...)
}

// addMissing adds BusyBox, and links to it for the commands that are not there,
// init among them.
func addMissing(stage, busybox string) error {
	if err := run(stage, "cp", busybox, "bin/busybox"); err != nil {
		return err
	}
	for _, name := range strings.Fields(commands) {
		if provided(stage, name) {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(stage, "bin", name)); err != nil {
			return err
		}
	}
	if provided(stage, "init") {
		return nil
	}
	return os.Symlink("../bin/busybox", filepath.Join(stage, "sbin/init"))
}

// provided says whether a root has a command.
func provided(root, name string) bool {
	for _, dir := range []string{"bin", "sbin", "usr/bin", "usr/sbin"} {
		if _, err := os.Lstat(filepath.Join(root, dir, name)); err == nil {
			return true
		}
	}
	return false
}
