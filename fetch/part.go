package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A part is a download that is not complete: FILE.part, held under a lock, and
// FILE.part.info, which says what it is a part of.
type part struct {
	f         *os.File
	file      string // what it is to become
	path      string
	origin    string // of the content, see origin
	validator string // of the content; "" where it cannot be taken up again
	size      int64  // bytes that are there
	kept      int64  // of them from an earlier process
	received  int64  // bytes that ever came, also those thrown away again
	synced    int64  // size at the last checkpoint
	joined    bool   // made of more than one answer
	gone      bool   // removed again
}

// checkDestination refuses what a rename would replace without asking: links,
// devices, pipes. A rename never follows a link that appears later.
func checkDestination(file string) error {
	if file == "" {
		return errors.New("the name of the file is empty")
	}
	st, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkDirectory(filepath.Dir(file))
	case err != nil:
		return err
	case st.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%q is a symbolic link, which is not followed: remove it, or name what it leads to", file)
	case st.IsDir():
		return fmt.Errorf("%q is a directory: name a file in it", file)
	case !st.Mode().IsRegular():
		return fmt.Errorf("%q is not a regular file", file)
	}
	return nil
}

func checkDirectory(dir string) error {
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return fmt.Errorf("directory %q: %w", dir, scrubPath(err))
	}
	return nil
}

// scrubPath leaves out a path that the caller has named already.
func scrubPath(err error) error {
	if wrapped := (*fs.PathError)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// openPart takes up the part of file, if it holds the beginning of origin, or
// begins one.
func openPart(file, origin string) (*part, error) {
	p := &part{file: file, path: file + ".part", origin: origin}
	for range 5 {
		ok, err := p.open()
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", p.path, scrubPath(err))
		}
		if ok {
			break
		}
	}
	if p.f == nil {
		return nil, fmt.Errorf("open %q: others keep replacing it", p.path)
	}
	p.recall()
	p.kept, p.received = p.size, 0
	p.synced = p.size
	if err := p.f.Truncate(p.size); err != nil {
		p.f.Close()
		return nil, fmt.Errorf("open %q: %w", p.path, err)
	}
	return p, nil
}

// open opens or creates the part's file and locks it. It has to be tried again
// where the name did not stand for the file that was locked.
func (p *part) open() (ok bool, err error) {
	// Not through a link, and no waiting for a pipe's other end.
	f, err := os.OpenFile(p.path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err = os.OpenFile(p.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, p.mode())
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
	case errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO):
		return false, os.Remove(p.path)
	}
	if err != nil {
		return false, err
	}
	if ok, err = p.claim(f); !ok {
		f.Close()
		return false, err
	}
	p.f = f
	return true, nil
}

// mode is what the file to be replaced has: a secret stays one.
func (p *part) mode() fs.FileMode {
	if st, err := os.Lstat(p.file); err == nil && st.Mode().IsRegular() {
		return st.Mode().Perm()
	}
	return 0o644
}

// inherit gives the part the mode, and as far as that goes the owner, of the file
// that it is to replace.
func (p *part) inherit() error {
	st, err := os.Lstat(p.file)
	if err != nil || !st.Mode().IsRegular() {
		return nil
	}
	if owner, ok := st.Sys().(*syscall.Stat_t); ok {
		_ = p.f.Chown(int(owner.Uid), int(owner.Gid)) // only root may
	}
	return p.f.Chmod(st.Mode().Perm())
}

// claim locks f, and makes sure that it is a file of our own under no other
// name: in a directory like /tmp it could be a trap.
func (p *part) claim(f *os.File) (ok bool, err error) {
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	own, isUnix := st.Sys().(*syscall.Stat_t)
	if !st.Mode().IsRegular() || !isUnix || own.Uid != uint32(os.Geteuid()) || own.Nlink > 1 {
		return false, os.Remove(p.path)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false, fmt.Errorf("another download to it is under way (%w)", err)
	}
	named, err := os.Lstat(p.path)
	return err == nil && os.SameFile(st, named), nil
}

func (p *part) close() { p.f.Close() }

// restart empties the part. What was said about it goes first, and for good: it
// must never be believed of the bytes that come now.
func (p *part) restart() error {
	if err := os.Remove(p.info()); err == nil {
		if err := syncDir(filepath.Dir(p.path)); err != nil {
			return final(err)
		}
	}
	p.size, p.kept, p.synced, p.validator, p.joined = 0, 0, 0, "", false
	if err := p.f.Truncate(0); err != nil {
		return final(fmt.Errorf("empty %q: %w", p.path, scrubPath(err)))
	}
	return nil
}

// discard removes the part.
func (p *part) discard() {
	p.gone = true
	os.Remove(p.info())
	os.Remove(p.path)
}

// finish gives the part its final name, durably.
func (p *part) finish() error {
	if err := checkDestination(p.file); err != nil {
		return err
	}
	if err := p.inherit(); err != nil {
		return fmt.Errorf("give %q the mode of the file that it replaces: %w", p.path, scrubPath(err))
	}
	if err := p.f.Sync(); err != nil {
		return p.failed(err)
	}
	if err := os.Rename(p.path, p.file); err != nil {
		return fmt.Errorf("put %q in place: %w", p.file, err)
	}
	os.Remove(p.info())
	if err := syncDir(filepath.Dir(p.file)); err != nil {
		return fmt.Errorf("put %q in place: %w", p.file, err)
	}
	return nil
}

// failed is a write that failed. Where the disk is full the part goes: what it
// takes up may be what the device needs to go on working.
func (p *part) failed(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		p.discard()
		return final(fmt.Errorf("write %q: %w: the part of %d bytes is removed; free some space", p.path, scrubPath(err), p.size))
	}
	return final(fmt.Errorf("write %q: %w", p.path, scrubPath(err)))
}

// syncDir makes a rename last. Some file systems cannot and say EINVAL.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
