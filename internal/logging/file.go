package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// MaxFile bounds a log file together with its predecessor, in bytes.
const MaxFile = 1 << 20

// TimeFormat is how a line in a log file begins: UTC, RFC 3339.
const TimeFormat = "2006-01-02T15:04:05Z"

// file is a log file that renames itself to path.1 when it has grown to half of
// its bound. Lines that it cannot take go to standard error, which is said once.
type file struct {
	path   string
	half   int64
	f      *os.File // nil after a failure, until it can be opened again
	size   int64
	lost   int  // lines since the last one that was written
	said   bool // that lines cannot be written
	stderr *stream
	now    func() time.Time
}

// newFile opens path, making its directories. Its error tells what stands in
// the way; the file is tried again with each line all the same.
func newFile(path string, bound int64) (*file, error) {
	stderr, _ := newStream(os.Stderr)
	l := &file{path: path, half: bound / 2, stderr: stderr, now: time.Now}
	if err := l.reopen(); err != nil {
		l.said = true // by the caller
		return l, fmt.Errorf("log file: %w", err)
	}
	return l, nil
}

func (l *file) put(level Level, line string) {
	stamped := l.now().UTC().Format(TimeFormat) + " " + level.String() + " " + line + "\n"
	err := l.ready(int64(len(stamped)))
	if err == nil {
		err = l.append(stamped)
	}
	if err != nil {
		l.fallBack(level, line, err)
	}
}

// fallBack keeps a line from being lost altogether.
func (l *file) fallBack(level Level, line string, err error) {
	l.lost++
	if !l.said {
		l.said = true
		l.stderr.put(Error, Clean(fmt.Sprintf("log file: %v; lines go to standard error until it can be written", err)))
	}
	l.stderr.put(level, line)
}

// ready sees that there is an open file under our name with room for n bytes.
func (l *file) ready(n int64) error {
	if l.f == nil || !l.current() {
		if err := l.reopen(); err != nil {
			return err
		}
	}
	if l.size > 0 && l.size+n > l.half {
		return l.rotate()
	}
	return nil
}

// current says whether our name still leads to our file: somebody may have
// deleted or renamed it.
func (l *file) current() bool {
	ours, err := l.f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(l.path)
	return err == nil && os.SameFile(ours, named)
}

// append writes a line, after a word on those that could not be written. That
// word may go beyond half of the bound by as much as its own length.
func (l *file) append(line string) error {
	if l.lost > 0 {
		line = fmt.Sprintf("%s WARN log file: %d lines before this one could not be written\n", line[:len(TimeFormat)], l.lost) + line
	}
	n, err := l.f.WriteString(line)
	if err != nil {
		// Half a line would swallow the beginning of the next one.
		if n > 0 && l.f.Truncate(l.size) != nil {
			l.size += int64(n)
		}
		return err
	}
	l.lost, l.said = 0, false
	l.size += int64(n)
	return nil
}

// rotate begins the file anew; what it held becomes path.1. Where renaming
// fails, staying within the bound counts more than the old lines.
func (l *file) rotate() error {
	if os.Rename(l.path, l.path+".1") == nil {
		return l.reopen()
	}
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	l.size = 0
	return nil
}

// reopen opens or makes the file. A link, or a file that is somebody else's,
// would let others choose what we overwrite or read what we write.
func (l *file) reopen() error {
	l.closeFile()
	if err := os.MkdirAll(filepath.Dir(l.path), 0o750); err != nil {
		return err
	}
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(l.path, flags, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("%q is a symbolic link; name the file itself", l.path)
	}
	if err != nil {
		return err
	}
	if l.size, err = inspect(f); err != nil {
		f.Close()
		return err
	}
	l.f = f
	return nil
}

// inspect checks an open log file and returns its size.
func inspect(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	sys := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.Mode().IsRegular():
		return 0, fmt.Errorf("%q is not a regular file (%s)", f.Name(), st.Mode().Type())
	case int(sys.Uid) != os.Geteuid():
		return 0, fmt.Errorf("%q belongs to uid %d, not to us (%d); remove it", f.Name(), sys.Uid, os.Geteuid())
	case sys.Nlink > 1:
		return 0, fmt.Errorf("%q has another name too; remove it", f.Name())
	case st.Mode().Perm()&^fs.FileMode(0o600) != 0:
		return st.Size(), f.Chmod(0o600)
	}
	return st.Size(), nil
}

func (l *file) closeFile() error {
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}

func (l *file) Close() error {
	return errors.Join(l.closeFile(), l.stderr.Close())
}
