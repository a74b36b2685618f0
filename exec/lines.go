package exec

import (
	"bytes"
	"time"

	"jobbox/internal/logging"
)

const (
	maxLogLine      = 1024 // bytes of a line of output that are logged
	maxLinesASecond = 100  // of one stream; a log is no place for a gigabyte
)

// A lineSink takes one line of a step's output, or the number of lines that
// were left out before it.
type lineSink func(stream, line string, dropped int)

// lineSplitter cuts a stream into lines for the log, bounded in their length
// and in their number a second.
type lineSplitter struct {
	stream  string
	sink    lineSink
	line    []byte
	second  int64
	passed  int
	dropped int
	cut     bool // the rest of an overlong line is being skipped
}

func (l *lineSplitter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		l.add(part)
		if ended {
			l.end()
		}
		p = rest
	}
	return n, nil
}

func (l *lineSplitter) add(part []byte) {
	if room := maxLogLine - len(l.line); len(part) > room {
		part, l.cut = part[:room], true
	}
	l.line = append(l.line, part...)
}

// end passes the line on unless this second has had its share.
func (l *lineSplitter) end() {
	line := string(l.line)
	if l.cut {
		line += "[...]"
	}
	l.line, l.cut = l.line[:0], false
	if now := time.Now().Unix(); now != l.second {
		l.second, l.passed = now, 0
	}
	if l.passed >= maxLinesASecond {
		l.dropped++
		return
	}
	l.passed++
	l.sink(l.stream, line, l.dropped)
	l.dropped = 0
}

// Close passes on what the stream ended with.
func (l *lineSplitter) Close() {
	if len(l.line) > 0 {
		l.end()
	}
	if l.dropped > 0 {
		l.sink(l.stream, "", l.dropped)
		l.dropped = 0
	}
}

// logLines writes a step's output to a log at DEBUG.
func logLines(log *logging.Logger, s Step) lineSink {
	return func(stream, line string, dropped int) {
		if dropped > 0 {
			log.Debugf("job %s: step %d: %s: %d lines left out", s.JobID, s.Number, stream, dropped)
		}
		if line != "" || dropped == 0 {
			log.Debugf("job %s: step %d: %s: %s", s.JobID, s.Number, stream, line)
		}
	}
}
