package boot

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A Kernel is an unpacked Debian kernel package or one that was built, with the
// BusyBox of the same architecture beside it.
type Kernel struct {
	Image   string // the file that QEMU loads
	BusyBox string // a static BusyBox for the machine
	modules string // lib/modules/VERSION
	deps    map[string][]string
	files   map[string]string
}

const (
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	// Debian 12 is the last release with kernels for 32-bit MIPS.
	suite = "bookworm"
)

// Fetch downloads and unpacks what m boots, into dir, once. It uses apt with a
// state of its own: the host's packages and architectures are not touched. What
// Debian has no package for has to be there already.
func Fetch(dir string, m Machine) (*Kernel, error) {
	root := filepath.Join(dir, "root-"+m.Name)
	if _, err := os.Stat(root); err != nil {
		if m.Kernel == "" {
			return nil, fmt.Errorf("kernel for %s: %w: make boot-test-%s builds it", m.Name, err, m.Name)
		}
		if err := unpack(dir, root, m); err != nil {
			return nil, fmt.Errorf("kernel for %s: %w", m.Name, err)
		}
	}
	return openKernel(root)
}

// unpack downloads to a temporary directory that becomes root when complete.
func unpack(dir, root string, m Machine) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "fetch-"+m.Name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	apt, err := newApt(work, m.Name)
	if err != nil {
		return err
	}
	packages, err := apt.download(m.Kernel)
	if err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	for _, deb := range packages {
		if err := run(work, "dpkg-deb", "-x", deb, tree); err != nil {
			return err
		}
	}
	if err := indexModules(tree); err != nil {
		return err
	}
	return os.Rename(tree, root)
}

// indexModules writes modules.dep, which Debian's packages leave to the target.
func indexModules(tree string) error {
	versions, _ := filepath.Glob(filepath.Join(tree, "lib/modules/*"))
	if len(versions) != 1 {
		return fmt.Errorf("want one kernel in the package, got %q", versions)
	}
	return run(tree, "busybox", "depmod", "-b", tree, filepath.Base(versions[0]))
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

// download gets the kernel that the metapackage stands for, and busybox-static.
func (a *apt) download(metapackage string) ([]string, error) {
	cmd := exec.Command("apt-cache", append(a.args, "depends", metapackage)...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-cache depends %s: %w", metapackage, err)
	}
	found := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindSubmatch(out)
	if found == nil {
		return nil, fmt.Errorf("package %s names no kernel: %q", metapackage, out)
	}
	if err := run(a.dir, "apt-get", append(a.args, "download", string(found[1]), "busybox-static")...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(a.dir, "*.deb"))
}

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

// openKernel reads what unpack left.
func openKernel(root string) (*Kernel, error) {
	images, _ := filepath.Glob(filepath.Join(root, "boot/vmlinu*"))
	modules, _ := filepath.Glob(filepath.Join(root, "lib/modules/*"))
	if len(images) != 1 || len(modules) != 1 {
		return nil, fmt.Errorf("%s: want one kernel, got %q and %q: remove the directory", root, images, modules)
	}
	k := &Kernel{Image: images[0], BusyBox: filepath.Join(root, "bin/busybox"), modules: modules[0],
		deps: map[string][]string{}, files: map[string]string{}}
	return k, k.readDeps()
}

func (k *Kernel) readDeps() error {
	f, err := os.Open(filepath.Join(k.modules, "modules.dep"))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		file, needs, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			return fmt.Errorf("modules.dep: no colon in %q", lines.Text())
		}
		name := moduleName(file)
		k.files[name] = file
		for _, n := range strings.Fields(needs) {
			k.deps[name] = append(k.deps[name], moduleName(n))
		}
	}
	return lines.Err()
}

// moduleName is what insmod calls the file kernel/drivers/net/virtio_net.ko.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// Modules returns the files of the named modules and of all that they need, in
// an order in which they can be inserted.
func (k *Kernel) Modules(names []string) ([]string, error) {
	var order []string
	done := map[string]bool{}
	var need func(name string) error
	need = func(name string) error {
		if done[name] {
			return nil
		}
		done[name] = true
		file, there := k.files[name]
		if !there {
			return fmt.Errorf("kernel %s has no module %q", filepath.Base(k.modules), name)
		}
		for i := len(k.deps[name]) - 1; i >= 0; i-- {
			if err := need(k.deps[name][i]); err != nil {
				return err
			}
		}
		order = append(order, filepath.Join(k.modules, file))
		return nil
	}
	for _, name := range names {
		if err := need(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// run executes a program of the host in dir; its output is in the error.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
