package config

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// homeFinder says where the agent's home is, when a path asks for it.
type homeFinder struct {
	getenv func(string) string
	passwd string // /etc/passwd
	uid    int
}

var errNoHome = errors.New("the home directory is not known: set HOME, or write the path in full")

// dir is HOME, else what the passwd file has for the agent's user: what starts
// an agent at boot often sets no HOME.
func (h homeFinder) dir() (string, error) {
	if home := h.getenv("HOME"); filepath.IsAbs(home) {
		return home, nil
	}
	data, err := os.ReadFile(h.passwd)
	if err != nil {
		return "", errNoHome
	}
	for line := range strings.Lines(string(data)) {
		// name:password:uid:gid:comment:home:shell, passwd(5)
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) == 7 && fields[2] == strconv.Itoa(h.uid) && filepath.IsAbs(fields[5]) {
			return fields[5], nil
		}
	}
	return "", errNoHome
}

// path makes a path of the configuration absolute. A leading ~ is the agent's
// home; nothing else is expanded.
func (h homeFinder) path(s string) (string, error) {
	rest, tilde := strings.CutPrefix(s, "~")
	switch {
	case tilde && rest != "" && rest[0] != '/':
		return "", errorf("%q: only the agent's own home can be written as ~; write the path in full", s)
	case tilde:
		home, err := h.dir()
		if err != nil {
			return "", errorf("%q: %w", s, err)
		}
		return filepath.Join(home, rest), nil
	case strings.HasPrefix(s, "$"):
		return "", errorf("%q: variables are not expanded; write the path in full, or with ~ for the home directory", s)
	}
	p, err := filepath.Abs(s)
	if err != nil {
		return "", errorf("%q: %w", s, err)
	}
	return p, nil
}
