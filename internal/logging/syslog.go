package logging

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// DevLog is where syslogd listens.
const DevLog = "/dev/log"

// facility is daemon of RFC 3164 section 4.1.1.
const facility = 3

// severity is that of RFC 3164 section 4.1.1, by level.
var severity = [...]int{Debug: 7, Info: 6, Warn: 4, Error: 3}

// syslog sends lines to syslogd, each as one datagram, and never waits for it.
// While there is none, lines go to standard error, which is said once; it is
// looked for again with each line.
type syslog struct {
	path   string
	fd     int // -1 for none
	absent bool
	lost   int // lines since the last one that syslogd took
	tag    string
	stderr *stream
	now    func() time.Time
}

func newSyslog(path string) *syslog {
	stderr, _ := newStream(os.Stderr)
	return &syslog{path: path, fd: -1, tag: "jobbox[" + strconv.Itoa(os.Getpid()) + "]: ", stderr: stderr, now: time.Now}
}

// put sends a line, over a new socket where syslogd has been started again.
func (s *syslog) put(level Level, line string) {
	if s.lost > 0 {
		note := fmt.Sprintf("syslog: %d lines before this one were lost, syslogd was busy", s.lost)
		if s.send(Warn, note) == nil {
			s.lost = 0
		}
	}
	err := s.send(level, line)
	if err != nil && !isBusy(err) {
		err = s.reconnect(level, line)
	}
	switch {
	case isBusy(err):
		s.lost++
	case err != nil:
		s.fallBack(level, line, err)
	default:
		s.absent = false
	}
}

func (s *syslog) reconnect(level Level, line string) error {
	s.closeSocket()
	if err := s.dial(); err != nil {
		return err
	}
	return s.send(level, line)
}

func (s *syslog) dial() error {
	const kind = syscall.SOCK_DGRAM | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	fd, err := syscall.Socket(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: s.path}); err != nil {
		syscall.Close(fd)
		return err
	}
	s.fd = fd
	return nil
}

// send writes "<priority>Mmm dd hh:mm:ss tag: line", as the C library does: no
// host name on a local socket.
func (s *syslog) send(level Level, line string) error {
	if s.fd < 0 {
		return syscall.ENOTCONN
	}
	head := "<" + strconv.Itoa(facility*8+severity[level]) + ">" + s.now().Format(time.Stamp) + " "
	_, err := syscall.Write(s.fd, []byte(head+s.tag+line))
	return err
}

// isBusy says that syslogd is there and slow. Waiting for it would stop the agent.
func isBusy(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOBUFS)
}

func (s *syslog) fallBack(level Level, line string, err error) {
	if !s.absent {
		s.absent = true
		s.stderr.put(Warn, fmt.Sprintf("syslog: no syslogd at %s (%v); lines go to standard error until there is", s.path, err))
	}
	s.stderr.put(level, line)
}

func (s *syslog) closeSocket() {
	if s.fd >= 0 {
		syscall.Close(s.fd)
		s.fd = -1
	}
}

func (s *syslog) Close() error {
	s.closeSocket()
	return s.stderr.Close()
}
