package exec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// limitedArg is the first argument of jobbox-runner where it is to become a
// step's program in a process that is jobbox once more. There are two reasons:
//
//   - Limits that the runner itself could not live under: Go's garbage collector
//     ends the process when it is refused a mapping, the scheduler when it is
//     refused a thread, processor time would add up, and each step under the
//     runner takes descriptors of its own.
//   - Another user: from setuid to execve, any process of that user may stop
//     this one. A fork would wait for its execve, for ever, and all of us with it.
const limitedArg = "limited"

// Descriptors of the program that limits itself.
const (
	reportFD  = 3 // where it says how far it came
	programFD = 4 // the step's program, where that is an open file
)

// needsLimited says whether steps have to be executed that way.
func (l Limits) needsLimited() bool {
	return l.CPU > 0 || l.AddressSpace > 0 || l.OpenFiles > 0 || l.Processes > 0
}

// startLimited forks and executes l under limits. The error is execve's own, as
// start's is.
func startLimited(l *launch, a account, o Options, env []string, in, out, errw int) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	spec := limitedSpec{path: l.path, home: a.Home, cred: a.cred, limits: o.Limits}
	files := []uintptr{uintptr(in), uintptr(out), uintptr(errw), w.Fd()}
	if l.fd >= 0 {
		spec.path = "/proc/self/fd/" + strconv.Itoa(programFD)
		files = append(files, uintptr(l.fd))
	}
	argv := append([]string{RunnerName, limitedArg, spec.encode()}, l.argv...)
	p, err := forkExec(exeOf(o)[0], argv, &syscall.ProcAttr{Env: env, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true}})
	w.Close()
	if err != nil {
		return nil, fmt.Errorf("execute ourselves: %w", err)
	}
	begun := p.endIfStopped()
	err = readReport(r)
	begun()
	if err != nil {
		_, _ = p.reap()
		return nil, err
	}
	return p, nil
}

// stoppedPoll is how often a process that is about to become a step's program is
// looked at.
const stoppedPoll = 200 * time.Millisecond

// endIfStopped ends a process that somebody stops, until the returned function is
// called: it is not the step's program yet, and has no time limit.
func (p *process) endIfStopped() (begun func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(stoppedPoll)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			// Not reaped yet, so the number is still its own.
			if st, err := readStat(p.pid); err == nil && (st.state == 'T' || st.state == 't') && sameProgram(p.pid) {
				_ = unix.Kill(p.pid, unix.SIGKILL)
			}
		}
	}()
	return func() { close(done) }
}

// sameProgram says whether a process runs the program that this one does.
func sameProgram(pid int) bool {
	ours, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	theirs, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
	return err == nil && os.SameFile(ours, theirs)
}

// readReport waits for execve. A program that dies on the way has not run the
// step, whatever its exit status.
func readReport(r io.Reader) error {
	said, err := io.ReadAll(io.LimitReader(r, 8))
	switch {
	case err != nil:
		return err
	case len(said) == 1:
		return nil
	case len(said) == 5:
		return syscall.Errno(binary.NativeEndian.Uint32(said[1:]))
	}
	return errors.New("the process ended, or was stopped by somebody, before it could execute the program")
}

// limitedMain becomes the step's program: it returns only where it cannot.
func limitedMain(args []string) int {
	runtime.LockOSThread()
	unix.CloseOnExec(reportFD)
	unix.CloseOnExec(programFD)
	err := errors.New("too few arguments")
	if len(args) >= 2 {
		err = becomeLimited(args[0], args[1:])
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = unix.EINVAL
	}
	_, _ = unix.Write(reportFD, binary.NativeEndian.AppendUint32([]byte{'x'}, uint32(errno)))
	return 127
}

func becomeLimited(text string, argv []string) error {
	s, err := parseLimitedSpec(text)
	if err != nil {
		return err
	}
	// Go has raised our limit on open files; its Exec puts back what it was, also
	// where it fails, as it does with this name.
	_ = syscall.Exec("", []string{""}, nil)
	if err := s.prepare(); err != nil {
		return err
	}
	return s.exec(argv, os.Environ())
}

// prepare does everything but the limit on address space.
func (s limitedSpec) prepare() error {
	// A second between the limits: SIGXCPU, which says what it is about, and
	// SIGKILL for who does not hear.
	if err := lowerIf(s.limits.CPU, unix.RLIMIT_CPU, 1); err != nil {
		return err
	}
	if err := lowerIf(s.limits.Processes, unix.RLIMIT_NPROC, 0); err != nil {
		return err
	}
	if err := lowerIf(s.limits.OpenFiles, unix.RLIMIT_NOFILE, 0); err != nil {
		return err
	}
	if err := s.become(); err != nil {
		return err
	}
	if s.home == "" || s.home[0] != '/' || os.Chdir(s.home) != nil {
		return os.Chdir("/")
	}
	return nil
}

func lowerIf(limit uint64, resource int, margin uint64) error {
	if limit == 0 {
		return nil
	}
	return lower(resource, limit, limit+margin)
}

func (s limitedSpec) become() error {
	if s.cred == nil {
		return nil
	}
	groups := make([]int, len(s.cred.Groups))
	for i, g := range s.cred.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setgid(int(s.cred.Gid)); err != nil {
		return err
	}
	return syscall.Setuid(int(s.cred.Uid))
}

// exec executes the program. From the limit on address space on nothing but
// system calls happens: Go must not ask for memory any more.
func (s limitedSpec) exec(argv, env []string) error {
	path, err := syscall.BytePtrFromString(s.path)
	if err != nil {
		return err
	}
	argvp, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	limit, err := s.addressSpace()
	if err != nil {
		return err
	}
	var here = [1]byte{'x'}
	if limit != nil {
		if _, _, errno := syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_AS, uintptr(unsafe.Pointer(limit)), 0, 0, 0); errno != 0 {
			return errno
		}
	}
	syscall.RawSyscall(unix.SYS_WRITE, reportFD, uintptr(unsafe.Pointer(&here)), 1)
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE,
		uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argvp[0])), uintptr(unsafe.Pointer(&envp[0])))
	var said [4]byte
	binary.NativeEndian.PutUint32(said[:], uint32(errno))
	syscall.RawSyscall(unix.SYS_WRITE, reportFD, uintptr(unsafe.Pointer(&said)), uintptr(len(said)))
	syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	return errno
}

// addressSpace is the limit to set, or nil; never more than it is already.
func (s limitedSpec) addressSpace() (*unix.Rlimit, error) {
	if s.limits.AddressSpace == 0 {
		return nil, nil
	}
	var is unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &is); err != nil {
		return nil, err
	}
	most := min(s.limits.AddressSpace, is.Max)
	return &unix.Rlimit{Cur: most, Max: most}, nil
}
