//go:build crashpoints

package applets

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"jobbox/internal/safefile"
	"jobbox/jobs"
)

// A build with this tag dies where a test wants it to: JOBBOX_CRASH_AT=N has
// the agent kill itself at the Nth of the points that JOBBOX_CRASH_LOG lists,
// one a line: every act of writing the journal, and every act that the outside
// can see, before and after. The runner gets none of the agent's environment,
// so it lives on.
func init() {
	at, _ := strconv.Atoi(os.Getenv("JOBBOX_CRASH_AT"))
	c := &crash{at: at, log: os.Getenv("JOBBOX_CRASH_LOG")}
	safefile.Trace = func(step safefile.Step, path string) {
		if strings.HasSuffix(path, "/journal") {
			c.point("journal " + string(step))
		}
	}
	jobs.FaultPoint = c.point
}

type crash struct {
	mu     sync.Mutex
	passed int
	at     int
	log    string
}

func (c *crash) point(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed++
	if f, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		fmt.Fprintln(f, what)
		f.Close()
	}
	if c.passed == c.at {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
