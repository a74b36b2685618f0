package boot

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

const (
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	// Debian 12 is the last release with kernels for 32-bit MIPS.
	suite = "bookworm"
)

// Userland unpacks Debian packages and all that they depend on, below dir, once:
// the root of a device with more of a system than BusyBox. None of their
// scripts is run.
func Userland(dir, arch string, packages ...string) (root string, err error) {
	root = filepath.Join(dir, "user-"+arch+"-"+strings.Join(packages, "-"))
	nothing := func(string) error { return nil }
	if err := fetch(dir, root, arch, func(a *apt) error { return a.downloadAll(packages...) }, nothing); err != nil {
		return "", fmt.Errorf("packages %q for %s: %w", packages, arch, err)
	}
	return root, nil
}

// fetching is held by who downloads: tests that want the same are run at once.
var fetching sync.Mutex

// fetch downloads to a temporary directory, of which the unpacked packages become
// root when they are complete. A root that is there is left alone.
func fetch(dir, root, arch string, download func(*apt) error, finish func(tree string) error) error {
	fetching.Lock()
	defer fetching.Unlock()
	if _, err := os.Stat(root); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "fetch-"+arch+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	a, err := newApt(work, arch)
	if err != nil {
		return err
	}
	if err := download(a); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(a.archives(), "*.deb"))
	if err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	for _, deb := range debs {
		if err := run(work, "dpkg-deb", "-x", deb, tree); err != nil {
			return err
		}
	}
	if err := finish(tree); err != nil {
		return err
	}
	return os.Rename(tree, root)
}

// An apt is a private package state for one foreign architecture.
type apt struct {
	dir  string
	args []string
}

func newApt(dir, arch string) (*apt, error) {
	mirror, err := findMirror("/etc/apt")
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"etc/preferences.d", "etc/apt.conf.d", "lists/partial", "cache/archives/partial", "dpkg"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	source := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", arch, keyring, mirror, suite)
	list := filepath.Join(dir, "etc/sources.list")
	if err := errors.Join(os.WriteFile(list, []byte(source), 0o644), os.WriteFile(filepath.Join(dir, "dpkg/status"), nil, 0o644)); err != nil {
		return nil, err
	}
	a := &apt{dir: dir, args: []string{
		"-q", "-o", "APT::Architecture=" + arch, "-o", "APT::Architectures::=" + arch,
		"-o", "Dir::Etc=" + dir + "/etc", "-o", "Dir::Etc::sourcelist=" + list,
		"-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::Etc::parts=" + dir + "/etc/apt.conf.d",
		"-o", "Dir::State=" + dir, "-o", "Dir::State::lists=" + dir + "/lists",
		"-o", "Dir::State::status=" + dir + "/dpkg/status", "-o", "Dir::Cache=" + dir + "/cache",
		"-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "-o", "APT::Sandbox::User=root",
	}}
	return a, run(dir, "apt-get", append(a.args, "update")...)
}

// downloadKernel gets the kernel that the metapackage stands for, and busybox-static.
func (a *apt) downloadKernel(metapackage string) error {
	cmd := exec.Command("apt-cache", append(a.args, "depends", metapackage)...)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("apt-cache depends %s: %w", metapackage, err)
	}
	found := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("package %s names no kernel: %q", metapackage, out)
	}
	return run(a.archives(), "apt-get", append(a.args, "download", string(found[1]), "busybox-static")...)
}

// downloadAll gets packages and all that they depend on.
func (a *apt) downloadAll(packages ...string) error {
	args := append(a.args, "-y", "--no-install-recommends", "--download-only", "install")
	return run(a.dir, "apt-get", append(args, packages...)...)
}

// archives is where packages are downloaded to.
func (a *apt) archives() string { return filepath.Join(a.dir, "cache/archives") }

// findMirror is the archive that this machine installs Debian from, by its own
// apt sources below dir, so that nobody is sent anywhere new.
func findMirror(dir string) (string, error) {
	files, _ := filepath.Glob(filepath.Join(dir, "sources.list.d/*"))
	for _, file := range append(files, filepath.Join(dir, "sources.list")) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if m := mirrorLine.FindSubmatch(text); m != nil {
			return string(m[1]), nil
		}
	}
	return "", fmt.Errorf("no Debian archive in %s/sources.list*: add one", dir)
}

// mirrorLine is either form of a source of Debian's main archive, which is
// told from that of security updates by the end of its address.
var mirrorLine = regexp.MustCompile(`(?m)^(?:URIs:|deb (?:\[[^]]*\] )?)\s*(https?://\S+/debian)/?(?:\s|$)`)

// run executes a program of the host in dir; its output is in the error.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
