package exec

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readSize = 32 << 10
	// drainTime is how long output is waited for once the step has ended, while
	// somebody else holds it open.
	drainTime = 500 * time.Millisecond
	// pipeMost is more than a pipe holds (fs.pipe-max-size): all that the step
	// itself had written.
	pipeMost = 2 << 20
)

// A stream is one of a step's outputs: a pipe, and what is kept of it.
type stream struct {
	f    *os.File
	fd   int // f's own; f must stay open while it is used
	tail tail
	log  *lineSplitter // nil where nobody asked for lines
	done chan struct{}
	held bool // after done: somebody still has it open
}

// newStream returns the stream and the descriptor that the child writes to.
func newStream(name string, sink lineSink) (*stream, int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, err
	}
	// Ours only: a child that isn't prepared for EAGAIN would lose output.
	if err := unix.SetNonblock(p[0], true); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, -1, err
	}
	s := &stream{f: os.NewFile(uintptr(p[0]), name), fd: p[0], done: make(chan struct{})}
	if sink != nil {
		s.log = &lineSplitter{stream: name, sink: sink}
	}
	return s, p[1], nil
}

// drain reads until every writer is gone, or until the deadline that endBy sets.
func (s *stream) drain() {
	defer close(s.done)
	buf := make([]byte, readSize)
	for {
		n, err := s.f.Read(buf)
		s.take(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.held = s.takeRest(buf)
			break
		}
		if err != nil {
			break
		}
	}
	if s.log != nil {
		s.log.Close()
	}
}

func (s *stream) take(p []byte) {
	s.tail.Write(p)
	if s.log != nil {
		s.log.Write(p)
	}
}

// takeRest reads what is in the pipe now, without waiting, and says whether
// somebody could still write to it. On a busy machine the deadline can pass
// before the step's own last words are read.
func (s *stream) takeRest(buf []byte) (held bool) {
	for left := pipeMost; left > 0; {
		n, err := unix.Read(s.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err == unix.EAGAIN
		}
		if n == 0 {
			return false
		}
		s.take(buf[:n])
		left -= n
	}
	return true
}

// endBy bounds the time that drain still waits for.
func (s *stream) endBy(t time.Time) { s.f.SetReadDeadline(t) }

// discardPause holds back what floods us after its step: 512 bytes in this time.
const discardPause = 5 * time.Millisecond

// discard goes on reading, for nobody: a service that a step has started must
// neither block on its output nor die of a closed pipe.
func (s *stream) discard() {
	s.f.SetReadDeadline(time.Time{})
	buf := make([]byte, 512)
	for {
		n, err := s.f.Read(buf)
		if err != nil {
			s.f.Close()
			return
		}
		if n == len(buf) {
			time.Sleep(discardPause) // who writes more than a service does has to wait
		}
	}
}
