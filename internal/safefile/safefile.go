// Package safefile replaces and reads small files so that losing power at any
// byte leaves either the old or the new content.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Step names one act of Write, in their order.
type Step string

// The acts of Write. Each is complete before the next begins; after Renamed
// the new content is what any reader sees, after Done a power cut cannot take
// it back.
const (
	Created Step = "created"
	Written Step = "written"
	Synced  Step = "synced"
	Renamed Step = "renamed"
	Done    Step = "done"
)

// Trace, where set, is told of each act of Write as it is done. Builds that
// test crashes set it before anything runs; others leave it nil.
var Trace func(step Step, path string)

func trace(step Step, path string) {
	if Trace != nil {
		Trace(step, path)
	}
}

// Write replaces path by a file that holds data: a temporary name beside it,
// written, synced, renamed over it, and the directory synced. On an error path
// is what it was.
func Write(path string, data []byte, mode os.FileMode) (err error) {
	tmp := path + ".tmp"
	defer func() {
		if err != nil {
			os.Remove(tmp)
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := fill(tmp, path, data, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	trace(Renamed, path)
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	trace(Done, path)
	return nil
}

// fill makes tmp anew: a link or a leftover under that name is removed first,
// never written through.
func fill(tmp, path string, data []byte, mode os.FileMode) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return err
	}
	trace(Created, path)
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	trace(Written, path)
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	trace(Synced, path)
	return f.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems (9p, some FUSE) cannot sync a directory and say EINVAL.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// Read returns what path holds if it is a regular file of at most max bytes. A
// link, a device or a pipe under that name is an error, and never blocks.
func Read(path string, max int64) (data []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read %s: %w", path, err)
		}
	}()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file (%s)", st.Mode().Type())
	}
	data, err = io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("more than %d bytes", max)
	}
	return data, nil
}
