package jobs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Policy is what the cloud may ask of this device (jobs.allow in the
// configuration). The zero Policy allows nothing; AllowAll is the default.
type Policy struct {
	RunCommand bool
	AnyPath    bool     // any path, and programs found through PATH
	Paths      []string // else these directories, and the handler directory where "default" is among them
	AnyUser    bool
	Users      []string // else these; the agent's own user is named like any other
	BuiltIn    bool
}

// AllowAll is the policy of a configuration without jobs.allow.
var AllowAll = Policy{RunCommand: true, AnyPath: true, AnyUser: true, BuiltIn: true}

// check says what in the document asks for more. self is the agent's own user;
// builtIn tells of a handler name whether jobbox's own would be run.
func (p Policy) check(doc Document, self string, builtIn func(name string) bool) error {
	for _, s := range doc.Steps {
		if err := p.checkStep(s, self, builtIn); err != nil {
			if s.Path == "" {
				return err
			}
			return fmt.Errorf("%s.%w", s.Path, err)
		}
	}
	return nil
}

func (p Policy) checkStep(s Step, self string, builtIn func(name string) bool) error {
	user := s.RunAsUser
	if user == "" {
		user = self
	}
	if !p.AnyUser && !slices.Contains(p.Users, user) {
		return fmt.Errorf("runAsUser: this device does not run jobs as %q (jobs.allow.users)", cut(user, 64))
	}
	if s.Handler == nil {
		if !p.RunCommand {
			return fmt.Errorf("type: this device does not allow runCommand (jobs.allow.run-command)")
		}
		return nil
	}
	return p.checkHandler(s.Handler, builtIn)
}

func (p Policy) checkHandler(h *Handler, builtIn func(name string) bool) error {
	inDefault := h.Dir == "" || h.Dir == "default"
	if !p.BuiltIn && inDefault && builtIn(h.Name) {
		return fmt.Errorf("input.handler: this device does not run built-in handlers such as %q (jobs.allow.built-in)", cut(h.Name, 64))
	}
	if p.AnyPath {
		return nil
	}
	dir := "default"
	if !inDefault {
		var err error
		if dir, err = plainDir(h.Dir); err != nil {
			return err
		}
	}
	if !slices.Contains(p.Paths, dir) {
		return fmt.Errorf("input.path: this device does not run handlers from %q (jobs.allow.paths)", cut(dir, 128))
	}
	// A name that climbs out of its directory asks for another directory.
	if strings.Contains(h.Name, "/") {
		return fmt.Errorf("input.handler: want a file name without a slash, got %q (jobs.allow.paths)", cut(h.Name, 128))
	}
	return nil
}

// plainDir is a directory in the one way of writing it that a policy can be
// compared with: to the kernel, ".." after a link leads elsewhere than it reads,
// and a relative path leads to the home of the step's user.
func plainDir(dir string) (string, error) {
	plain := strings.TrimRight(dir, "/")
	if plain == "" && dir != "" {
		plain = "/"
	}
	if !filepath.IsAbs(plain) || filepath.Clean(plain) != plain {
		return "", fmt.Errorf(`input.path: want "default" or an absolute directory without ".", ".." and doubled slashes, got %q (jobs.allow.paths)`, cut(dir, 128))
	}
	return plain, nil
}
