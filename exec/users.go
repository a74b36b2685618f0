package exec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
)

// The user database; the tests have their own. Links are followed: a read-only
// root file system often has the files elsewhere.
var (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

const (
	maxDatabase = 4 << 20 // bytes of a user database that are read
	maxEntry    = 64 << 10
	maxGroups   = 1024
)

// User is one account: passwd(5), and its supplementary groups from group(5).
type User struct {
	Name        string
	UID, GID    uint32
	Groups      []uint32
	Home, Shell string
}

// errNoUser is what a name that nobody has comes to.
var errNoUser = errors.New("no such user on this device (/etc/passwd)")

// LookupUser finds an account by its name in /etc/passwd, and its groups in
// /etc/group. A name that is not there is an error, never somebody else.
func LookupUser(name string) (User, error) {
	u, err := findPasswd(func(u User) bool { return u.Name == name })
	if err != nil {
		return User{}, fmt.Errorf("user %q: %w", name, err)
	}
	return withGroups(u)
}

// lookupUID finds an account by its number.
func lookupUID(uid uint32) (User, error) {
	u, err := findPasswd(func(u User) bool { return u.UID == uid })
	if err != nil {
		return User{}, fmt.Errorf("user %d: %w", uid, err)
	}
	return withGroups(u)
}

func findPasswd(match func(User) bool) (User, error) {
	f, err := os.Open(passwdFile)
	if err != nil {
		return User{}, err
	}
	defer f.Close()
	return scanPasswd(f, match)
}

func withGroups(u User) (User, error) {
	f, err := os.Open(groupFile)
	if errors.Is(err, os.ErrNotExist) {
		u.Groups = []uint32{u.GID}
		return u, nil
	}
	if err != nil {
		return User{}, fmt.Errorf("groups of user %q: %w", u.Name, err)
	}
	defer f.Close()
	if u.Groups, err = scanGroups(f, u.Name, u.GID); err != nil {
		return User{}, fmt.Errorf("groups of user %q: %w", u.Name, err)
	}
	return u, nil
}

// scanPasswd returns the first entry that matches. A line that is no entry is
// as if it weren't there: one bad line must not lock everybody out, and an
// unreadable number must not become 0.
func scanPasswd(r io.Reader, match func(User) bool) (User, error) {
	found, user := false, User{}
	err := scanEntries(r, func(line []byte) bool {
		user, found = parsePasswd(line)
		found = found && match(user)
		return !found
	})
	if err != nil {
		return User{}, err
	}
	if !found {
		return User{}, errNoUser
	}
	return user, nil
}

// parsePasswd reads name:password:uid:gid:comment:home:shell.
func parsePasswd(line []byte) (User, bool) {
	f := bytes.Split(line, []byte{':'})
	if len(f) != 7 || !isAccountName(f[0]) {
		return User{}, false
	}
	uid, okUID := parseAccountID(f[2])
	gid, okGID := parseAccountID(f[3])
	if !okUID || !okGID {
		return User{}, false
	}
	return User{Name: string(f[0]), UID: uid, GID: gid, Home: string(f[5]), Shell: string(f[6])}, true
}

// scanGroups is gid and every group that lists name as its member, each once,
// gid first.
func scanGroups(r io.Reader, name string, gid uint32) ([]uint32, error) {
	groups := []uint32{gid}
	err := scanEntries(r, func(line []byte) bool {
		id, member := parseGroup(line, name)
		if member && !slices.Contains(groups, id) {
			groups = append(groups, id)
		}
		return len(groups) < maxGroups
	})
	return groups, err
}

// parseGroup reads name:password:gid:member,member and looks for one member.
func parseGroup(line []byte, member string) (gid uint32, ok bool) {
	f := bytes.Split(line, []byte{':'})
	if len(f) != 4 || !isAccountName(f[0]) {
		return 0, false
	}
	if gid, ok = parseAccountID(f[2]); !ok {
		return 0, false
	}
	for m := range bytes.SplitSeq(f[3], []byte{','}) {
		if string(m) == member {
			return gid, true
		}
	}
	return 0, false
}

// scanEntries calls take for each line until it returns false. A line that is
// too long for an entry is skipped, and so is what lies beyond maxDatabase.
func scanEntries(r io.Reader, take func(line []byte) bool) error {
	br := bufio.NewReaderSize(io.LimitReader(r, maxDatabase), maxEntry)
	overlong := false
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			overlong = true
			continue
		case err != nil && err != io.EOF:
			return err
		}
		if !overlong && !take(bytes.TrimSuffix(line, []byte{'\n'})) {
			return nil
		}
		overlong = false
		if err == io.EOF {
			return nil
		}
	}
}

// isAccountName leaves out comments, NIS's + and - lines, and empty names.
func isAccountName(name []byte) bool {
	return len(name) > 0 && name[0] != '+' && name[0] != '-' && name[0] != '#'
}

// parseAccountID reads a uid or gid: digits only. 4294967295 is -1, which
// setuid(2) and its like take for "leave it as it is".
func parseAccountID(b []byte) (uint32, bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	id, err := strconv.ParseUint(string(b), 10, 32)
	return uint32(id), err == nil && id != math.MaxUint32
}
