package lab

import (
	"bytes"
	"regexp"
	"sync"
	"time"
)

// logBuffer collects output and wakes those who wait for more.
type logBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{more: make(chan struct{})} }

// Write never fails.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	close(b.more)
	b.more = make(chan struct{})
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Len()
}

func (b *logBuffer) after(offset int) (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf.Bytes()[offset:]), b.more
}

// WaitLog waits for a match in what the agents of this device have written
// since their last start, and returns the match and its groups.
func (d *Device) WaitLog(expr string) []string {
	d.lab.t.Helper()
	start := 0
	if d.agent != nil {
		start = d.agent.logStart
	}
	return d.WaitLogFrom(start, expr)
}

// LogMark is a place in the log for WaitLogFrom: its end.
func (d *Device) LogMark() int { return d.log.len() }

// WaitLogFrom is WaitLog for what was written after a LogMark.
func (d *Device) WaitLogFrom(mark int, expr string) []string {
	d.lab.t.Helper()
	re := regexp.MustCompile(expr)
	timeout := time.After(Patience)
	for {
		text, more := d.log.after(mark)
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-more:
		case <-timeout:
			d.lab.t.Fatalf("device %s: nothing in its log matches %q in %v", d.Thing, expr, Patience)
		}
	}
}
