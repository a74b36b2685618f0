package packaging

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Yocto installs into dest as the recipe's do_install does.
func (s Source) Yocto(dest string) error {
	body, err := s.recipeTask("do_install")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "yocto-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(filepath.Join(work, "src"), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(s.Repo, filepath.Join(work, "src/jobbox")); err != nil {
		return err
	}
	if err := s.stage(work, "bin/jobbox"); err != nil {
		return err
	}
	// The values of openembedded-core's bitbake.conf.
	env := []string{"S=" + work, "B=" + work, "D=" + dest, "GO_IMPORT=jobbox", "bindir=/usr/bin",
		"sysconfdir=/etc", "localstatedir=/var", "systemd_system_unitdir=/usr/lib/systemd/system"}
	return run(work, env, "sh", "-euc", body)
}

// recipe is the text of the one recipe of the layer.
func (s Source) recipe() (string, error) {
	pattern := filepath.Join(s.Repo, "yocto/meta-jobbox/recipes-core/jobbox/jobbox_*.bb")
	files, _ := filepath.Glob(pattern)
	if len(files) != 1 {
		return "", fmt.Errorf("%s: want one recipe, got %q", pattern, files)
	}
	data, err := os.ReadFile(files[0])
	return string(data), err
}

// recipeTask is the body of a shell function of the recipe.
func (s Source) recipeTask(name string) (string, error) {
	text, err := s.recipe()
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?ms)^` + name + `\(\) \{\n(.*?)^\}$`).FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("recipe: no function %s", name)
	}
	return strings.TrimSpace(m[1]), nil
}
