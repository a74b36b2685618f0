package exec

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// account is whom a step runs as, and what has to be set for it.
type account struct {
	User
	cred  *syscall.Credential // nil: as this process
	other bool                // another user than this process: files of ours are not its own
}

// accountFor decides whom a step runs as. The empty name is this process's own
// user; a name is taken literally, and one that cannot be had is an error: the
// step must not run as anybody else.
func accountFor(name string) (account, error) {
	self := uint32(os.Geteuid())
	if name == "" {
		return ownAccount(self), nil
	}
	u, err := LookupUser(name)
	if err != nil {
		return account{}, err
	}
	if self != 0 {
		if u.UID != self {
			return account{}, fmt.Errorf("user %q: jobbox runs as user %d and only root may become another user; run jobbox as root, or leave runAsUser out", name, self)
		}
		return account{User: u}, nil
	}
	cred := &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	return account{User: u, cred: cred, other: u.UID != self}, nil
}

// ownAccount describes this process's user, also where /etc/passwd does not
// know it (a container's odd number).
func ownAccount(uid uint32) account {
	u, err := lookupUID(uid)
	if err != nil {
		u = User{Name: strconv.FormatUint(uint64(uid), 10), UID: uid, GID: uint32(os.Getegid())}
	}
	return account{User: u}
}
