package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"jobbox/internal/safefile"
)

// ownDirMode lets other users through to what is meant for them, and lets
// nobody list what is there.
const ownDirMode = 0o711

// openOwnDir opens a directory of jobbox's own, made with its parents if need
// be. It refuses one that another user could have put there or could change:
// such a user would decide how steps end.
func openOwnDir(path string) (d *os.File, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("directory %q: %w", path, err)
		}
	}()
	if !filepath.IsAbs(path) {
		return nil, errors.New("want an absolute path")
	}
	if err := makeDirs(path); err != nil {
		return nil, err
	}
	if err := checkWay(path); err != nil {
		return nil, err
	}
	d, err = os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := checkOwnDir(d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// makeDirs makes the last directory with our mode whatever the umask says, and
// its parents as usual.
func makeDirs(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(path, ownDirMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, ownDirMode)
}

// checkOwnDir is about the open directory. One of ours that others cannot pass
// through is opened that far: the files in it have modes of their own.
func checkOwnDir(d *os.File) error {
	st, err := d.Stat()
	if err != nil {
		return err
	}
	if owner := safefile.Owner(st); owner != uint32(os.Geteuid()) {
		return fmt.Errorf("belongs to user %d, jobbox runs as user %d; remove it, or chown it", owner, os.Geteuid())
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("mode is %04o, others may write there; chmod go-w it", st.Mode().Perm())
	}
	if st.Mode().Perm()&ownDirMode != ownDirMode {
		return d.Chmod(st.Mode().Perm() | ownDirMode)
	}
	return nil
}

// CheckOwnDir refuses a directory that another user could have put there, or in
// which another user could replace a file of ours. One that is not there is an
// error, too.
func CheckOwnDir(path string) error {
	if err := checkWay(path); err != nil {
		return fmt.Errorf("directory %q: %w", path, err)
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%q is not a directory", path)
	case !safefile.Trusted(safefile.Owner(st)):
		return fmt.Errorf("directory %q belongs to user %d; want root or user %d (chown)", path, safefile.Owner(st), os.Geteuid())
	case st.Mode().Perm()&0o022 != 0 && st.Mode()&os.ModeSticky == 0:
		return fmt.Errorf("directory %q has mode %04o, others may write there; chmod go-w it", path, st.Mode().Perm())
	}
	return nil
}

// maxLinks is how many symbolic links a path may go through, as in the kernel.
const maxLinks = 40

// checkWay follows path from the root, link by link, and refuses a directory on
// the way in which another user could put something else under the next name.
func checkWay(path string) error {
	dir, rest, links := "/", path, 0
	for {
		name, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if name == "" {
			return nil
		}
		next := filepath.Join(dir, name)
		st, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if err := checkPlace(dir, st); err != nil {
			return err
		}
		dir, rest = next, after
		if st.Mode().Type() != fs.ModeSymlink {
			continue
		}
		if links++; links > maxLinks {
			return errors.New("too many symbolic links")
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		rest = target + "/" + after
		if dir = filepath.Dir(next); filepath.IsAbs(target) {
			dir = "/"
		}
	}
}

// checkPlace says whether what stands in dir is there by root's or our will: in
// a directory that others write to, such as /tmp, only a sticky bit and our
// ownership make sure of that.
func checkPlace(dir string, entry fs.FileInfo) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !safefile.Trusted(safefile.Owner(st)) {
		return fmt.Errorf("%s belongs to user %d, who could replace what is in it", dir, safefile.Owner(st))
	}
	open := st.Mode().Perm() & 0o022
	if groupOf(st) == 0 {
		open &^= 0o020 // root's group is root's business
	}
	if open == 0 {
		return nil
	}
	if st.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("others may write to %s and replace what is in it; chmod go-w it", dir)
	}
	if !safefile.Trusted(safefile.Owner(entry)) {
		return fmt.Errorf("%s belongs to user %d", filepath.Join(dir, entry.Name()), safefile.Owner(entry))
	}
	return nil
}

func groupOf(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Gid }

// mayEnter says whether a may pass through path and all that leads to it, by
// the modes. Without it an interpreter would report a handler that isn't there.
func mayEnter(path string, a account) bool {
	if a.UID == 0 {
		return true
	}
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil || !searchable(st, a) {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

func searchable(st fs.FileInfo, a account) bool {
	perm := st.Mode().Perm()
	switch {
	case safefile.Owner(st) == a.UID:
		return perm&0o100 != 0
	case groupOf(st) == a.GID || slices.Contains(a.Groups, groupOf(st)):
		return perm&0o010 != 0
	}
	return perm&0o001 != 0
}
