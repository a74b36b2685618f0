package exec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"jobbox/internal/safefile"
)

// A handler is a program that has been checked: an open file of the handler
// directory, or the text of a built-in one.
type handler struct {
	name string
	path string   // what its argv[0] is
	file *os.File // nil for a built-in one
	text []byte
}

func (h *handler) Close() {
	if h != nil && h.file != nil {
		h.file.Close()
	}
}

// head is the first bytes of the program: what kind it is.
func (h *handler) head() ([]byte, error) {
	if h.file == nil {
		return h.text[:min(len(h.text), maxShebang)], nil
	}
	buf := make([]byte, maxShebang)
	n, err := h.file.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("handler %q: %w", h.name, err)
	}
	return buf[:n], nil
}

// findHandler looks for a handler under SPEC section 1.3's rules: in the
// handler directory, then among the built-in ones. It returns nil and no error
// where neither has it; whatever breaks a rule is an error, so that nobody can
// make another program run by spoiling the right one.
func findHandler(name string, o Options) (*handler, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("handler %q: want one file name, without a slash", name)
	}
	h, err := openHandler(o.HandlerDir, name)
	if h != nil || err != nil {
		return h, err
	}
	if o.BuiltIn != nil {
		if text, ok := o.BuiltIn(name); ok {
			return &handler{name: name, path: filepath.Join(orElse(o.HandlerDir, "/"), name), text: text}, nil
		}
	}
	return nil, nil
}

// openHandler opens and checks the directory, then the file in it. All checks
// are made on what is open: nothing that happens to the names afterwards
// matters.
func openHandler(dir, name string) (*handler, error) {
	if dir == "" {
		return nil, nil
	}
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("handler directory: %w", err)
	}
	defer d.Close()
	if err := checkHandlerMode(d, unix.S_IFDIR); err != nil {
		return nil, fmt.Errorf("handler directory %q: %w", dir, err)
	}
	return openIn(d, dir, name)
}

func openIn(d *os.File, dir, name string) (*handler, error) {
	path := filepath.Join(dir, name)
	// O_NONBLOCK: a pipe under that name must not hold us until somebody writes.
	fd, err := unix.Openat(int(d.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT:
		return nil, nil
	case err == unix.ELOOP:
		return nil, fmt.Errorf("handler %q: a symbolic link; put the file itself there", path)
	case err != nil:
		return nil, fmt.Errorf("handler %q: %w", path, err)
	}
	h := &handler{name: name, path: path, file: os.NewFile(uintptr(fd), path)}
	if err := h.check(); err != nil {
		h.Close()
		return nil, fmt.Errorf("handler %q: %w", path, err)
	}
	return h, nil
}

func (h *handler) check() error {
	if err := checkHandlerMode(h.file, unix.S_IFREG); err != nil {
		return err
	}
	if onNoexec(h.file) {
		return errors.New("is on a file system mounted noexec; remount it, or choose another handler directory")
	}
	return nil
}

// checkHandlerMode holds an open file or directory to its type, to mode 0700 or
// 0500 and to an owner who is root or ourselves.
func checkHandlerMode(f *os.File, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if uint32(st.Mode)&unix.S_IFMT != kind {
		return errors.New("not a regular file")
	}
	if mode := st.Mode & 0o7777; mode != 0o700 && mode != 0o500 {
		return fmt.Errorf("mode is %04o; want 0700 (chmod 700)", mode)
	}
	if !safefile.Trusted(st.Uid) {
		return fmt.Errorf("owned by user %d; want root or user %d (chown)", st.Uid, os.Geteuid())
	}
	return nil
}

// onNoexec says whether the file's mount forbids to execute it. A script would
// run all the same, from its copy; the mount's meaning is honoured.
func onNoexec(f *os.File) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}
