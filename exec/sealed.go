package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// memfdCreate is replaced in tests by a kernel that has none, or refuses.
var memfdCreate = unix.MemfdCreate

// seals keep everybody, ourselves too, from changing a copy.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

func (h *handler) reader() io.Reader {
	if h.file == nil {
		return bytes.NewReader(h.text)
	}
	return io.NewSectionReader(h.file, 0, 1<<62)
}

// sealed copies a handler into memory where nobody can change it and every
// user may execute it.
func (h *handler) sealed() (f *os.File, err error) {
	defer func() {
		if err != nil {
			f.Close()
			err = fmt.Errorf("handler %q: copy to memory: %w", h.name, err)
		}
	}()
	fd, err := newMemfd(h.name[:min(len(h.name), 200)]) // the kernel takes 249 bytes
	if err != nil {
		return nil, err
	}
	f = os.NewFile(uintptr(fd), h.name)
	if _, err := io.Copy(f, h.reader()); err != nil {
		return f, err
	}
	// Refused where vm.memfd_noexec is set and the kernel knows no MFD_EXEC.
	if err := unix.Fchmod(fd, 0o555); err != nil {
		return f, err
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return f, err
}

// newMemfd asks for an executable one in so many words, as Linux 6.3 wants, and
// in the old way where that is not understood.
func newMemfd(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := memfdCreate(name, flags|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = memfdCreate(name, flags)
	}
	return fd, err
}

// A privateCopy is a handler in a file that only root, ourselves and the primary
// group of the step's user can read, in a directory that nobody else can list.
type privateCopy struct {
	dir  string
	path string
}

func (c *privateCopy) Close() { os.RemoveAll(c.dir) }

// copyBases are where private copies may be, the best first: the run directory
// is memory, and gone with the machine.
func copyBases(o Options) []string {
	var bases []string
	for _, dir := range []string{o.RunDir, o.StateDir} {
		if dir != "" {
			bases = append(bases, filepath.Join(dir, "copies"))
		}
	}
	return bases
}

// copyFor makes a private copy of h for a, in the first place that takes it.
func (h *handler) copyFor(a account, o Options, execute bool) (*privateCopy, error) {
	var errs []error
	for _, base := range copyBases(o) {
		c, err := h.copyInto(base, a, execute)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("neither a run nor a state directory is set"))
	}
	return nil, fmt.Errorf("handler %q: make a private copy: %s", h.name, oneLine(errors.Join(errs...)))
}

func (h *handler) copyInto(base string, a account, execute bool) (c *privateCopy, err error) {
	d, err := openOwnDir(base)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if execute && onNoexec(d) {
		return nil, fmt.Errorf("%s is on a file system mounted noexec", base)
	}
	if a.other && !mayEnter(base, a) {
		return nil, fmt.Errorf("user %q may not enter %s (chmod o+x on it and on what leads to it)", a.Name, base)
	}
	dir, err := os.MkdirTemp(base, copyPrefix()+"*")
	if err != nil {
		return nil, err
	}
	c = &privateCopy{dir: dir, path: filepath.Join(dir, h.name)}
	if err := h.fill(c, a); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// fill writes the copy. It stays ours, so that the step's user cannot change it;
// that user reads it as a member of its own group.
func (h *handler) fill(c *privateCopy, a account) error {
	f, err := os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, h.reader())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !a.other {
		return os.Chmod(c.path, 0o500)
	}
	return errors.Join(
		os.Chown(c.path, -1, int(a.GID)), os.Chmod(c.path, 0o550),
		os.Chown(c.dir, -1, int(a.GID)), os.Chmod(c.dir, 0o710))
}

// copyPrefix begins the names of this process's copies: they are of no use any
// more once it is gone.
var copyPrefix = sync.OnceValue(func() string {
	self, _ := identify(os.Getpid())
	return fmt.Sprintf("%d.%d.", self.PID, self.StartTime)
})

// clearCopies removes what processes that are gone have left of their handlers'
// copies. An interpreter that still reads one has it open.
func clearCopies(o Options) {
	for _, base := range copyBases(o) {
		if !exists(base) {
			continue
		}
		d, err := openOwnDir(base)
		if err != nil {
			continue
		}
		names, _ := d.Readdirnames(-1)
		for _, name := range names {
			if !copyOwner(name).Alive() {
				_ = os.RemoveAll(filepath.Join(base, name))
			}
		}
		d.Close()
	}
}

// copyOwner reads a copy's name; one that is none of ours has no owner.
func copyOwner(name string) Identity {
	f := strings.Split(name, ".")
	if len(f) != 3 {
		return Identity{}
	}
	pid, _ := strconv.Atoi(f[0])
	start, _ := strconv.ParseUint(f[1], 10, 64)
	return Identity{PID: pid, StartTime: start, BootID: BootID()}
}

// oneLine makes joined errors fit into a reason.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
