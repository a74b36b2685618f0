package packaging

import (
	_ "embed"
	"os"
	"path/filepath"
)

// openwrtMake stands in for OpenWrt's build system.
//
//go:embed openwrt.make
var openwrtMake []byte

// OpenWrt installs into dest as the feed's package does.
func (s Source) OpenWrt(dest string) error {
	return s.openwrt("jobbox.bin", nil, "install", "DEST="+dest)
}

// openwrt makes a target of the feed's package; built is what the build has left.
func (s Source) openwrt(built string, env []string, args ...string) error {
	work, err := os.MkdirTemp("", "openwrt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := s.stage(work, built); err != nil {
		return err
	}
	top := filepath.Join(work, "top")
	for _, file := range []string{"rules.mk", "include/package.mk", "feeds/packages/lang/golang/golang-package.mk"} {
		path := filepath.Join(top, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		text := []byte{}
		if file == "rules.mk" {
			text = openwrtMake
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	args = append([]string{"--no-print-directory", "-f", filepath.Join(s.Repo, "openwrt/jobbox/Makefile"),
		"TOPDIR=" + top, "INCLUDE_DIR=" + top + "/include", "PKG_BUILD_DIR=" + work}, args...)
	return run(work, env, "make", args...)
}
