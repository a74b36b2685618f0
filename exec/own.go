package exec

import "os"

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

// Identify names a process that is there now.
func Identify(pid int) (Identity, error) { return identify(pid) }
