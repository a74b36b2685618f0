//go:build crashpoints

package applets

import (
	"bytes"
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
// can see, before and after. The file counts, not the process: an agent that is
// started again passes the points from where the one before it died, and dies
// no second time. The runner gets none of the agent's environment, so it lives
// on; nor does a command that only looks at the journal die.
func init() {
	path := os.Getenv("JOBBOX_CRASH_LOG")
	if path == "" {
		return
	}
	at, _ := strconv.Atoi(os.Getenv("JOBBOX_CRASH_AT")) // without a number it dies nowhere
	passed, _ := os.ReadFile(path)                      // the first agent finds none
	c := &crash{at: at, log: path, passed: bytes.Count(passed, []byte("\n"))}
	safefile.Trace = func(step safefile.Step, path string) {
		if strings.HasSuffix(path, "/journal") {
			c.point("journal " + string(step))
		}
	}
	jobs.FaultPoint = c.point
}

// crash is where this agent is to die, and how far it has come.
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
	f, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, what)
	}
	if err != nil {
		panic(fmt.Sprintf("crash points: %v", err)) // a test that counts on it must not pass
	}
	f.Close()
	if c.passed == c.at {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
