package exec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A launch is what execve is called with, and what must be kept for the step's
// time.
type launch struct {
	path string
	argv []string
	name string // what a person calls the program
	fd   int    // an open program that path names, or -1
	keep []interface{ Close() }
}

func (l *launch) Close() {
	for _, c := range l.keep {
		c.Close()
	}
}

// A candidate makes ready one file that could be the step's program. The next
// one is tried where execve will not have it (EACCES, ENOENT, ENOTDIR), as
// execvp does.
type candidate func() (*launch, error)

// A plan is every file that could be the step's program, the right one first.
type plan struct {
	candidates []candidate
	handler    *handler // open until one candidate has been started
}

func (p plan) Close() { p.handler.Close() }

func makePlan(s Step, a account, o Options) (plan, error) {
	switch s.Source {
	case Command:
		return plan{candidates: inPath(s.Program, s.Args)}, nil
	case Directory:
		path := strings.TrimRight(s.Dir, "/") + "/" + s.Program
		return plan{candidates: []candidate{plain(path, path, s.Args)}}, nil
	case Default, Search:
		return planHandler(s, a, o)
	}
	return plan{}, fmt.Errorf("cannot start %q: unknown source %v", s.Program, s.Source)
}

func planHandler(s Step, a account, o Options) (plan, error) {
	h, err := findHandler(s.Program, o)
	switch {
	case err != nil:
		return plan{}, err
	case h != nil:
		found, err := h.candidates(s.Args, a, o)
		return plan{found, h}, err
	case s.Source == Search:
		return plan{candidates: inPath(s.Program, s.Args)}, nil
	}
	return plan{}, fmt.Errorf("handler %q: not in the handler directory %q, and jobbox has none of that name; put it there with mode 0700", s.Program, o.HandlerDir)
}

// plain is a file that is executed by its name.
func plain(path, argv0 string, args []string) candidate {
	return func() (*launch, error) {
		return &launch{path: path, argv: append([]string{argv0}, args...), name: path, fd: -1}, nil
	}
}

// inPath lists the files of that name in the step's PATH; a name with a slash
// is a path itself.
func inPath(name string, args []string) []candidate {
	if strings.Contains(name, "/") {
		return []candidate{plain(name, name, args)}
	}
	var found []candidate
	for _, dir := range filepath.SplitList(stepPath()) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			found = append(found, plain(path, name, args))
		}
	}
	return found
}

// candidates of a handler: what has been checked is what is executed.
func (h *handler) candidates(args []string, a account, o Options) ([]candidate, error) {
	head, err := h.head()
	if err != nil {
		return nil, err
	}
	if interpreter, arg, ok := parseShebang(head); ok {
		return []candidate{h.script(interpreter, arg, args, a, o)}, nil
	}
	if h.file != nil && !a.other {
		return []candidate{h.open(args)}, nil
	}
	return []candidate{h.inMemory(args), h.inFile(args, a, o)}, nil
}

// script gives a private copy to the interpreter. An open descriptor would do
// without one, but it would stay open in the handler and all that it starts.
func (h *handler) script(interpreter, arg string, args []string, a account, o Options) candidate {
	return func() (*launch, error) {
		c, err := h.copyFor(a, o, false)
		if err != nil {
			return nil, err
		}
		argv := []string{interpreter}
		if arg != "" {
			argv = append(argv, arg)
		}
		argv = append(append(argv, c.path), args...)
		return &launch{path: interpreter, argv: argv, name: h.path, fd: -1, keep: []interface{ Close() }{c}}, nil
	}
}

// open executes the very file that has been checked.
func (h *handler) open(args []string) candidate {
	return func() (*launch, error) { return byDescriptor(h.path, h.file, args), nil }
}

// inMemory executes a sealed copy in memory: another user may not read ours.
func (h *handler) inMemory(args []string) candidate {
	return func() (*launch, error) {
		f, err := h.sealed()
		if err != nil {
			return nil, err
		}
		l := byDescriptor(h.path, f, args)
		l.keep = []interface{ Close() }{fileCloser{f}}
		return l, nil
	}
}

// inFile executes a private copy where memory will not do.
func (h *handler) inFile(args []string, a account, o Options) candidate {
	return func() (*launch, error) {
		c, err := h.copyFor(a, o, true)
		if err != nil {
			return nil, err
		}
		argv := append([]string{h.path}, args...)
		return &launch{path: c.path, argv: argv, name: h.path, fd: -1, keep: []interface{ Close() }{c}}, nil
	}
}

func byDescriptor(name string, f *os.File, args []string) *launch {
	fd := int(f.Fd())
	return &launch{
		path: "/proc/self/fd/" + strconv.Itoa(fd),
		argv: append([]string{name}, args...),
		name: name,
		fd:   fd,
	}
}

type fileCloser struct{ f *os.File }

func (c fileCloser) Close() { c.f.Close() }

// startError says why a program could not be started, with what to do where
// the kernel's word alone misleads.
func startError(s Step, l *launch, err error) error {
	if l == nil {
		return fmt.Errorf("cannot start %q: no such program in PATH (%s)", s.Program, stepPath())
	}
	switch {
	case errors.Is(err, unix.ENOENT) && strings.HasSuffix(l.path, "\r"):
		return fmt.Errorf("cannot start %q: its lines end in CR LF, so its interpreter is %q; convert it to LF", l.name, l.path)
	case errors.Is(err, unix.ENOENT) && l.path != l.name && l.fd < 0:
		return fmt.Errorf("cannot start %q: its interpreter %q: %w", l.name, l.path, err)
	case errors.Is(err, unix.ENOENT) && exists(l.path):
		return fmt.Errorf("cannot start %q: the interpreter or loader that it names is missing", l.name)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("cannot start %q: %w (neither a program for this machine nor a script that begins with #!)", l.name, err)
	case errors.Is(err, unix.EACCES) && pathOnNoexec(l.path):
		return fmt.Errorf("cannot start %q: %w (its file system is mounted noexec)", l.name, err)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("cannot start %q: %w (the limit on processes?)", l.name, err)
	}
	return fmt.Errorf("cannot start %q: %w", l.name, err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func pathOnNoexec(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}
