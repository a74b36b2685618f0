package applets

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

// A supervisor is a service manager that wants to be told how the agent is, in
// the way of sd_notify(3): systemd with Type=notify, and others that took it over.
// The zero value is none.
type supervisor struct {
	path string        // of its socket; "@" begins an abstract one
	beat time.Duration // how often it wants to hear that the agent is alive; 0: not at all
}

// findSupervisor reads what a supervisor leaves in the environment. A step's
// environment has none of it: it is made anew.
func findSupervisor(getenv func(string) string) supervisor {
	s := supervisor{path: getenv("NOTIFY_SOCKET")}
	if s.path == "" || s.path[0] != '/' && s.path[0] != '@' {
		return supervisor{}
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s
	}
	// sd_watchdog_enabled(3): half of it, so that one that is late does no harm.
	if limit, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && limit > 0 && limit <= int64(24*time.Hour/time.Microsecond) {
		s.beat = time.Duration(limit) * time.Microsecond / 2
	}
	return s
}

// tell says something new, such as READY=1. One that does not listen is not
// waited for.
func (s supervisor) tell(state string) {
	if s.path == "" {
		return
	}
	const kind = syscall.SOCK_DGRAM | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	fd, err := syscall.Socket(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	_ = syscall.Sendto(fd, []byte(state), syscall.MSG_NOSIGNAL, &syscall.SockaddrUnix{Name: s.path})
}

// beats ticks as often as the supervisor wants to hear of us.
func (s supervisor) beats() (<-chan time.Time, func()) {
	if s.beat == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(s.beat)
	return t.C, t.Stop
}
