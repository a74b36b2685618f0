package exec

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"jobbox/internal/jsontext"
	"jobbox/internal/safefile"
)

// errTaken says that another runner serves in that run directory.
var errTaken = errors.New("another runner serves there")

// A place is a run directory that one runner serves in: whoever holds the lock
// owns the socket.
type place struct {
	dir      *os.File
	lock     *os.File
	listener *net.UnixListener
}

// socketPath names the socket through the open directory: a path of any length
// fits into sun_path so, and it cannot be somebody else's directory by now.
func socketPath(dir *os.File) string {
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + socketName
}

// occupy takes a run directory for this process; errTaken where another has it.
func occupy(path string, self Identity) (p *place, err error) {
	p = new(place)
	defer func() {
		if err != nil {
			p.close()
			p = nil
		}
	}()
	if p.dir, err = openOwnDir(path); err != nil {
		return p, err
	}
	if p.lock, err = takeLock(path); err != nil {
		return p, err
	}
	// The lock is ours, so a socket under that name is a dead runner's.
	if err := os.Remove(filepath.Join(path, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return p, err
	}
	if p.listener, err = listen(p.dir); err != nil {
		return p, err
	}
	return p, writeIdentity(path, self)
}

func takeLock(path string) (*os.File, error) {
	name := filepath.Join(path, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = errTaken
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

// listen makes a socket that only our own user and root can connect to.
func listen(dir *os.File) (*net.UnixListener, error) {
	path := socketPath(dir)
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socketName, err)
	}
	l.SetUnlinkOnClose(false) // by the path that leads there, while we hold the lock
	return l, nil
}

// writeIdentity says to people who serves here; nothing in jobbox reads it.
func writeIdentity(path string, self Identity) error {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putIdentity(&w, self)
	w.EndObject()
	return safefile.Write(filepath.Join(path, runnerName), w.Bytes(), 0o600)
}

// leave gives the place up for the next runner.
func (p *place) leave() {
	if !p.lost() {
		_ = unix.Unlinkat(int(p.dir.Fd()), socketName, 0)
		_ = unix.Unlinkat(int(p.dir.Fd()), runnerName, 0)
	}
	p.close()
}

func (p *place) close() {
	if p.listener != nil {
		p.listener.Close()
	}
	if p.lock != nil {
		p.lock.Close()
	}
	if p.dir != nil {
		p.dir.Close()
	}
}

// lost says that our directory or our lock is no longer the one by that name:
// somebody has cleaned up there.
func (p *place) lost() bool {
	return !sameFile(p.lock, filepath.Join(p.dir.Name(), lockName)) ||
		!exists(filepath.Join(p.dir.Name(), socketName))
}

func sameFile(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(open, named)
}

// peerAllowed says whether the process on the other end is root's or our own
// user's. The socket's mode says so too; this does not depend on a file system.
func peerAllowed(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if credErr != nil {
		return credErr
	}
	if !safefile.Trusted(cred.Uid) {
		return fmt.Errorf("process %d of user %d has no business here", cred.Pid, cred.Uid)
	}
	return nil
}
