package logging

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// stream writes lines to standard output or standard error. It adds no time: a
// supervisor or syslog behind the pipe does.
type stream struct{ f *os.File }

// newStream uses a descriptor of its own for the same stream: the Go runtime
// ends a program whose descriptor 1 or 2 is a pipe that nobody reads any more,
// and a log is not worth that.
func newStream(f *os.File) (*stream, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return &stream{}, fmt.Errorf("log to %s: %w", f.Name(), err)
	}
	return &stream{os.NewFile(uintptr(fd), f.Name())}, nil
}

// put writes a line at once. A level other than the usual one comes before it.
func (s *stream) put(level Level, line string) {
	if level != Info {
		line = level.String() + " " + line
	}
	if s.f != nil {
		s.f.WriteString(line + "\n")
	}
}

func (s *stream) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}
