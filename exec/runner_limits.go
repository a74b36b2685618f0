package exec

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepare makes the runner what its children are to inherit. What belongs to a
// thread (no_new_privs, nice, the signal mask) is set on one thread, which then
// executes the program anew: whatever threads come then have it. prepare
// returns in the new program only.
func prepare(l Limits, config string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if l.NoNewPrivs {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("set no_new_privs: %w", err)
		}
	}
	if l.Nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, l.Nice); err != nil {
			return fmt.Errorf("set nice to %d: %w", l.Nice, err)
		}
	}
	if l.Umask >= 0 {
		unix.Umask(l.Umask)
	}
	var none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil); err != nil {
		return fmt.Errorf("unblock signals: %w", err)
	}
	err := syscall.Exec("/proc/self/exe", []string{RunnerName, config, prepared}, os.Environ())
	return fmt.Errorf("execute ourselves again: %w", err)
}

// needsPrepare says whether there is anything to prepare: a second exec costs
// as much as the first.
func needsPrepare(l Limits) bool {
	return l.NoNewPrivs || l.Nice != 0 || l.Umask >= 0 || signalsBlocked()
}

func signalsBlocked() bool {
	var mask unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, nil, &mask); err != nil {
		return false
	}
	return mask != unix.Sigset_t{}
}

// lower sets a limit; one that is lower already stays.
func lower(resource int, soft, hard uint64) error {
	var is syscall.Rlimit
	if err := syscall.Getrlimit(resource, &is); err != nil {
		return err
	}
	hard = min(hard, uint64(is.Max))
	// syscall's, not unix's: it tells Go to leave RLIMIT_NOFILE alone in children.
	return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: min(soft, hard), Max: hard})
}
