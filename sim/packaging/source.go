package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Source is what a package is built from.
type Source struct {
	Repo   string // the source tree
	Binary string // the program, built for the target
}

// stage makes a directory that looks like the unpacked source after the build:
// the tree by a link for each name, and the binary at the path built.
func (s Source) stage(dir, built string) error {
	entries, err := os.ReadDir(s.Repo)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == strings.Split(built, "/")[0] {
			continue
		}
		if err := os.Symlink(filepath.Join(s.Repo, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	target := filepath.Join(dir, built)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.Symlink(s.Binary, target)
}

// run executes one program; its output is in the error. The umask is that of a
// build machine, since modes are what the trees must not leave to chance.
func run(dir string, env []string, name string, args ...string) error {
	quoted := append([]string{"-c", `umask 022; exec "$@"`, "sh", name}, args...)
	cmd := exec.Command("sh", quoted...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
