// Package logging writes the agent's log: one event, one line, nothing from
// outside raw. Where the lines go is a sink's business.
package logging

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// Level is how much an event matters. The names are those of the C++ client's
// "logging" section.
type Level int32

// The levels, from the least to the most important.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

var levelNames = [...]string{"DEBUG", "INFO", "WARN", "ERROR"}

// String is the level's name as the configuration spells it.
func (l Level) String() string {
	if l < Debug || l > Error {
		return fmt.Sprintf("Level(%d)", int32(l))
	}
	return levelNames[l]
}

// ParseLevel reads a level's name in any case.
func ParseLevel(s string) (Level, error) {
	for i, name := range levelNames {
		if strings.EqualFold(s, name) {
			return Level(i), nil
		}
	}
	return Info, fmt.Errorf("want DEBUG, INFO, WARN or ERROR, got %q", s)
}

// A Sink takes one finished line, without its newline.
type Sink func(level Level, line string)

// Logger passes the events of its level and above to a sink, one at a time.
// A nil *Logger discards.
type Logger struct {
	level atomic.Int32
	mu    sync.Mutex
	sink  Sink
}

// New returns a logger of the events at level and above.
func New(level Level, sink Sink) *Logger {
	l := &Logger{sink: sink}
	l.level.Store(int32(level))
	return l
}

// On says whether an event of this level would be written.
func (l *Logger) On(level Level) bool {
	return l != nil && level >= Level(l.level.Load())
}

// Reset changes level and sink of a logger in use (SIGHUP).
func (l *Logger) Reset(level Level, sink Sink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level.Store(int32(level))
	l.sink = sink
}

// Debugf writes what only somebody who looks for a fault wants to know.
func (l *Logger) Debugf(format string, args ...any) { l.write(Debug, format, args) }

// Infof writes a change of state.
func (l *Logger) Infof(format string, args ...any) { l.write(Info, format, args) }

// Warnf writes what somebody should look at, while work goes on.
func (l *Logger) Warnf(format string, args ...any) { l.write(Warn, format, args) }

// Errorf writes what failed.
func (l *Logger) Errorf(format string, args ...any) { l.write(Error, format, args) }

func (l *Logger) write(level Level, format string, args []any) {
	if !l.On(level) {
		return
	}
	line := Clean(fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink(level, line)
}
