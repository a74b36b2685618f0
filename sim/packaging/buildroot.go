package packaging

import (
	_ "embed"
	"os"
	"path/filepath"
)

// buildrootMake stands in for Buildroot: it takes in the package's own .mk and
// runs the hooks that Buildroot would.
//
//go:embed buildroot.make
var buildrootMake []byte

// Buildroot installs into dest as the Buildroot package does, with the given
// options of its Config.in (BR2_PACKAGE_JOBBOX_ALIAS=y), or its defaults. init is
// Buildroot's init system: SYSV, SYSTEMD or OPENRC.
func (s Source) Buildroot(dest, init string, options ...string) error {
	if options == nil {
		options = []string{"BR2_PACKAGE_JOBBOX_FETCH=y", "BR2_PACKAGE_JOBBOX_INIT_SCRIPT=y"}
	}
	args := append([]string{"image", "INIT=" + init, "TARGET_DIR=" + dest}, options...)
	return s.buildroot("bin/jobbox", nil, args...)
}

// buildroot makes a target of the stand-in; built is what the build has left.
func (s Source) buildroot(built string, env []string, args ...string) error {
	work, err := os.MkdirTemp("", "buildroot-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := s.stage(work, built); err != nil {
		return err
	}
	file := filepath.Join(work, "stand-in.make")
	if err := os.WriteFile(file, buildrootMake, 0o644); err != nil {
		return err
	}
	args = append([]string{"--no-print-directory", "-f", file, "SOURCE=" + work,
		"MK=" + filepath.Join(s.Repo, "buildroot/package/jobbox/jobbox.mk")}, args...)
	return run(work, env, "make", args...)
}
