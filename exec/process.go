package exec

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a step's first process. It stays a zombie until reap: as long
// as it does, its number and its group's are nobody else's, and a signal to the
// group cannot hit a stranger.
type process struct {
	pid    int
	exited chan struct{} // closed once it is a zombie
}

// start forks and executes. in, out and errw become descriptors 0, 1 and 2.
func start(l *launch, dir string, env []string, cred *syscall.Credential, in, out, errw int) (*process, error) {
	attr := &syscall.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: []uintptr{uintptr(in), uintptr(out), uintptr(errw)},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Credential: cred},
	}
	return forkExec(l.path, l.argv, attr)
}

func forkExec(path string, argv []string, attr *syscall.ProcAttr) (*process, error) {
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return nil, err
	}
	p := &process{pid: pid, exited: make(chan struct{})}
	go p.watch()
	return p, nil
}

func (p *process) watch() {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			close(p.exited)
			return
		}
	}
}

// hasExited asks the kernel, not the goroutine that may be late to tell us.
func (p *process) hasExited() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == unix.ECHILD || err == nil && info.Signo != 0
}

// reap frees the process's number and says how it ended.
func (p *process) reap() (syscall.WaitStatus, error) {
	<-p.exited
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.pid, &ws, 0, nil)
		if err != syscall.EINTR {
			return ws, err
		}
	}
}

// groupPoll is how often we look whether a group is gone: no event says so.
const groupPoll = 50 * time.Millisecond

// endGroup ends the process and its group: SIGTERM, grace, SIGKILL. A member
// that is stopped is woken to take its SIGTERM.
func (p *process) endGroup(grace time.Duration) {
	p.signalGroup(unix.SIGTERM)
	p.signalGroup(unix.SIGCONT)
	if !p.groupGone(time.After(grace)) {
		p.signalGroup(unix.SIGKILL)
	}
	<-p.exited
}

func (p *process) groupGone(tooLate <-chan time.Time) bool {
	select {
	case <-p.exited:
	case <-tooLate:
		return false
	}
	tick := time.NewTicker(groupPoll)
	defer tick.Stop()
	for groupAlive(p.pid) {
		select {
		case <-tick.C:
		case <-tooLate:
			return false
		}
	}
	return true
}

// signalGroup cannot fail but where the group is gone, or where every member
// has become another user under a jobbox that is not root.
func (p *process) signalGroup(sig syscall.Signal) { _ = unix.Kill(-p.pid, sig) }

// groupAlive says whether a process group has a member that is no zombie.
func groupAlive(group int) bool {
	alive := false
	eachProcess(func(st procStat) bool {
		alive = st.group == group && !st.dead()
		return !alive
	})
	return alive
}

// eachProcess calls f for each process until it returns false.
func eachProcess(f func(procStat) bool) {
	d, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(64)
		for _, name := range names {
			pid, bad := strconv.Atoi(name)
			if bad != nil {
				continue
			}
			if st, gone := readStat(pid); gone == nil && !f(st) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// startFirst starts the first candidate that execve accepts.
func startFirst(s Step, p plan, a account, o Options, env []string, in, out, errw int) (*process, *launch, error) {
	var last *launch
	var lastErr error
	for _, ready := range p.candidates {
		l, err := ready()
		if err != nil {
			lastErr = errors.Join(lastErr, err)
			continue
		}
		proc, err := startPatiently(l, a, o, env, in, out, errw)
		if err == nil {
			return proc, l, nil
		}
		l.Close()
		if last == nil || !isPathError(err) {
			last, lastErr = l, startError(s, l, err)
		}
		if !isPathError(err) {
			break
		}
	}
	if lastErr == nil {
		lastErr = startError(s, nil, nil)
	}
	return nil, nil, lastErr
}

// isPathError is what execvp goes on to the next directory for.
func isPathError(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENOSYS)
}

// tooBusy is how often a file that somebody still writes is tried again: a
// fork elsewhere in this process may hold our own descriptor for a moment.
const tooBusy = 50

func startPatiently(l *launch, a account, o Options, env []string, in, out, errw int) (*process, error) {
	p, err := startAtHome(l, a, o, env, in, out, errw)
	for i := 0; errors.Is(err, unix.ETXTBSY) && i < tooBusy; i++ {
		time.Sleep(10 * time.Millisecond)
		p, err = startAtHome(l, a, o, env, in, out, errw)
	}
	return p, err
}

// startAtHome starts in the user's home, else in /. Only the child can tell
// whether its user may enter the home, and it says so with the same errors as
// for the program: so the program is tried once more from /.
func startAtHome(l *launch, a account, o Options, env []string, in, out, errw int) (*process, error) {
	// Our descriptors are moved around on the way to 0, 1 and 2, all of them to
	// numbers above the highest: the program's must be below that.
	high, err := unix.FcntlInt(uintptr(out), unix.F_DUPFD_CLOEXEC, max(l.fd+1, 3))
	if err != nil {
		return nil, err
	}
	defer unix.Close(high)
	if o.limited || a.other {
		return startLimited(l, a, o, env, in, high, errw)
	}
	if st, err := os.Stat(a.Home); err == nil && st.IsDir() && filepath.IsAbs(a.Home) {
		p, err := start(l, a.Home, env, a.cred, in, high, errw)
		if err == nil || !isPathError(err) || !filepath.IsAbs(l.path) {
			return p, err
		}
	}
	return start(l, "/", env, a.cred, in, high, errw)
}
