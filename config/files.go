package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"jobbox/internal/safefile"
)

// Who besides the owner must be kept from a file. The C++ client's manual asks
// for 0600 on private keys and 0644 on certificates, and no more than
// recommends 0640 on its configuration.
const (
	anyoneElse  fs.FileMode = 0o077 // nobody else reads or writes it
	groupWrites fs.FileMode = 0o022 // neither group nor others write it
	othersWrite fs.FileMode = 0o002 // others do not write it
)

// readChecked reads a file of at most max bytes whose mode has none of the bits
// that are forbidden. Links are followed: certificates are often links, and who
// may set one may as well replace the file. What is checked is the open file.
func (d *draft) readChecked(path string, max int64, forbidden fs.FileMode) ([]byte, error) {
	// Without O_NONBLOCK a pipe of that name would hold us for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, explainOpen(path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, errorf("%q: %w", path, err)
	}
	if err := checkMode(path, st, forbidden); err != nil {
		return nil, err
	}
	if owner := safefile.Owner(st); !safefile.Trusted(owner) {
		d.warn("%q belongs to user %d, who can change it; better: chown it to root or to uid %d", path, owner, os.Geteuid())
	}
	if st.Mode()&groupWrites != 0 {
		d.warn("%q: its group may write it (mode %04o); better: chmod g-w", path, st.Mode().Perm())
	}
	return readAll(f, path, max)
}

func readAll(f *os.File, path string, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, errorf("%q: %w", path, err)
	}
	if int64(len(data)) > max {
		return nil, errorf("%q: is larger than %d bytes; give the right file", path, max)
	}
	return data, nil
}

func explainOpen(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errorf("%q does not exist; put the file there or name another", path)
	case errors.Is(err, fs.ErrPermission):
		return errorf("%q may not be read by uid %d; run as its owner or change who owns it", path, os.Geteuid())
	}
	var cause syscall.Errno
	if errors.As(err, &cause) {
		err = cause
	}
	return errorf("%q: %w", path, err)
}

func checkMode(path string, st fs.FileInfo, forbidden fs.FileMode) error {
	mode := st.Mode().Perm()
	switch {
	case !st.Mode().IsRegular():
		return errorf("%q is not a regular file (%s); name the file itself", path, st.Mode().Type())
	case mode&forbidden == 0:
		return checkDir(path)
	case forbidden == anyoneElse:
		return errorf("%q has mode %04o, and nobody but its owner may read or write it; chmod 600 it", path, mode)
	}
	return errorf("%q has mode %04o, and others may not write it; chmod go-w it", path, mode)
}

// checkDir refuses a directory where anybody may replace the file. One with the
// sticky bit is sound: there only a file's owner may.
func checkDir(path string) error {
	dir := filepath.Dir(path)
	st, err := os.Stat(dir)
	if err != nil {
		return errorf("%q: %w", dir, err)
	}
	if st.Mode()&othersWrite != 0 && st.Mode()&fs.ModeSticky == 0 {
		return errorf("%q lies in a directory that others may write (mode %04o); chmod o-w %q", path, st.Mode().Perm(), dir)
	}
	return nil
}
