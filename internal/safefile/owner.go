package safefile

import (
	"io/fs"
	"os"
	"syscall"
)

// Owner is the user that a file belongs to. It wants what the os package says of
// a file.
func Owner(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Uid }

// Trusted says whether a user may decide what this process does: root, or its own.
func Trusted(uid uint32) bool { return uid == 0 || uid == uint32(os.Geteuid()) }
