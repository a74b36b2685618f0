//go:build !exclude_jobs

package applets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"jobbox/exec"
	"jobbox/internal/safefile"
)

// The agent says in its run directory that it holds a session: which process it
// is, so that nobody takes a dead agent's word for it. `jobbox status
// --connected` reads it, and update-jobbox.sh decides by that whether a new
// binary is any good.
const presenceFile = "connected"

// announce says that a session stands, or that it is gone.
func announce(runDir string, connected bool) error {
	path := filepath.Join(runDir, presenceFile)
	if !connected {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := exec.MakeRunDir(runDir); err != nil {
		return err
	}
	id, err := exec.Identify(os.Getpid())
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%d %d %s\n", id.PID, id.StartTime, id.BootID)
	return safefile.Write(path, []byte(line), 0o600)
}

// present is the agent that holds a session, if one does.
func present(runDir string) (pid int, ok bool) {
	data, err := safefile.Read(filepath.Join(runDir, presenceFile), 256)
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(data))
	if len(f) != 3 {
		return 0, false
	}
	id := exec.Identity{BootID: f[2]}
	var errPID, errStart error
	id.PID, errPID = strconv.Atoi(f[0])
	id.StartTime, errStart = strconv.ParseUint(f[1], 10, 64)
	return id.PID, errPID == nil && errStart == nil && id.PID > 0 && id.Alive()
}
