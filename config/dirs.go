package config

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkDirs warns of directories that will not do what their owner expects.
// None of it stops the agent: steps that need nothing of them run all the same.
func (d *draft) checkDirs() {
	if d.Jobs.Enabled {
		d.checkHandlers(d.Jobs.HandlerDir)
		d.checkState(d.Jobs.StateDir)
	}
}

// checkHandlers says now what else the first job would fail by. Without the
// directory the built-in handlers are still there.
func (d *draft) checkHandlers(dir string) {
	st, err := os.Lstat(dir)
	if err != nil {
		return
	}
	mode := st.Mode().Perm()
	owner := int(st.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !st.IsDir():
		d.warn("jobs.handler-directory: %q is no directory (%s); no handler in it will be run", dir, st.Mode().Type())
	case mode&^0o200 != 0o500:
		d.warn("jobs.handler-directory: %q has mode %04o; no handler in it will be run before: chmod 700", dir, mode)
	case owner != 0 && owner != os.Geteuid():
		d.warn("jobs.handler-directory: %q belongs to uid %d; no handler in it will be run before it is root's or the agent's", dir, owner)
	}
}

// checkState looks at the file system that the state directory is on, or will be.
func (d *draft) checkState(dir string) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	for at := dir; err == unix.ENOENT && at != "/"; err = unix.Statfs(at, &st) {
		at = filepath.Dir(at)
	}
	if err != nil {
		return
	}
	// The type is a signed number of 32 bits on some machines.
	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		d.warn("jobs.state-directory: %q is in memory: after a reboot a job that was under way is not gone on with", dir)
	}
}
