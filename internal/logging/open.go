package logging

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Open returns a logger of the events at level and above that writes to what
// the configuration calls kind: STDOUT, FILE (to path, of at most MaxFile bytes
// with its predecessor) or SYSLOG. On an error the logger writes to standard
// error instead, so that a caller may go on with it.
func Open(kind, path string, level Level) (*Logger, io.Closer, error) {
	out, err := open(kind, path)
	return New(level, out.put), out, err
}

// Switch gives a logger in use another place to write to (SIGHUP), and returns
// that place's closer. The former one is to be closed after that. On an error
// the logger stays as it was.
func (l *Logger) Switch(kind, path string, level Level) (io.Closer, error) {
	out, err := open(kind, path)
	if err != nil {
		out.Close()
		return nil, err
	}
	l.Reset(level, out.put)
	return out, nil
}

// output is a place that lines go to.
type output interface {
	put(level Level, line string)
	io.Closer
}

func open(kind, path string) (output, error) {
	switch strings.ToUpper(kind) {
	case "STDOUT":
		return newStream(os.Stdout)
	case "FILE":
		return newFile(path, MaxFile)
	case "SYSLOG":
		return newSyslog(DevLog), nil
	}
	s, _ := newStream(os.Stderr)
	return s, fmt.Errorf("log type: want STDOUT, FILE or SYSLOG, got %q", kind)
}
