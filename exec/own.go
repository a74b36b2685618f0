package exec

import (
	"fmt"
	"os"
)

// OwnUser is the user that steps without a runAsUser run as: this process's own.
func OwnUser() User { return ownAccount(uint32(os.Geteuid())).User }

// MakeRunDir makes a run directory where there is none, and refuses one that
// another user could have put there or could change.
func MakeRunDir(path string) error {
	d, err := openOwnDir(path)
	if err != nil {
		return err
	}
	return d.Close()
}

// CheckOwnDir refuses a directory that another user could have put there, or in
// which another user could replace a file of ours. One that is not there is an
// error, too.
func CheckOwnDir(path string) error {
	if err := checkWay(path); err != nil {
		return fmt.Errorf("directory %q: %w", path, err)
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%q is not a directory", path)
	case !trusted(ownerOf(st)):
		return fmt.Errorf("directory %q belongs to user %d; want root or user %d (chown)", path, ownerOf(st), os.Geteuid())
	case st.Mode().Perm()&0o022 != 0 && st.Mode()&os.ModeSticky == 0:
		return fmt.Errorf("directory %q has mode %04o, others may write there; chmod go-w it", path, st.Mode().Perm())
	}
	return nil
}

// Identify names a process that is there now.
func Identify(pid int) (Identity, error) { return identify(pid) }
