//go:build !exclude_jobs

package applets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jobbox/exec"
)

// How long a new agent waits for its predecessor to be gone: as long as one
// takes to stop, and some more.
const (
	lockWithin = 10 * time.Second
	lockPause  = 100 * time.Millisecond
)

// errSecond is what a second agent is told.
var errSecond = errors.New("another jobbox agent works with it: two would run the same jobs; stop the other, or give this one a jobs.state-directory and a thing-name of its own")

// lockState keeps a second agent off this device's jobs for as long as the file
// is open. A directory that cannot hold a lock is no reason to stop: the
// journal says what is wrong with it.
func lockState(dir string) (*os.File, error) {
	if os.MkdirAll(dir, 0o700) != nil || exec.CheckOwnDir(dir) != nil {
		return nil, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, nil
	}
	for waited := time.Duration(0); ; waited += lockPause {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK {
			return f, nil
		}
		if waited >= lockWithin {
			f.Close()
			return nil, fmt.Errorf("state directory %s: %w", dir, errSecond)
		}
		time.Sleep(lockPause)
	}
}

func init() { lock = lockState }
