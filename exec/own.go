package exec

import "os"

// OwnUser is the user that steps without a runAsUser run as: this process's own.
func OwnUser() User { return ownAccount(uint32(os.Geteuid())).User }
