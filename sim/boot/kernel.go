package boot

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
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

// Fetch downloads and unpacks what m boots, into dir, once. It uses apt with a
// state of its own: the host's packages and architectures are not touched. What
// Debian has no package for has to be there already.
func Fetch(dir string, m Machine) (*Kernel, error) {
	root := filepath.Join(dir, "root-"+m.Name)
	if m.Kernel == "" {
		if _, err := os.Stat(root); err != nil {
			return nil, fmt.Errorf("kernel for %s: %w: make boot-test-%s builds it", m.Name, err, m.Name)
		}
	}
	download := func(a *apt) error { return a.downloadKernel(m.Kernel) }
	if err := fetch(dir, root, m.Name, download, indexModules); err != nil {
		return nil, fmt.Errorf("kernel for %s: %w", m.Name, err)
	}
	return openKernel(root)
}

// indexModules writes modules.dep, which Debian's packages leave to the target.
func indexModules(tree string) error {
	versions, _ := filepath.Glob(filepath.Join(tree, "lib/modules/*"))
	if len(versions) != 1 {
		return fmt.Errorf("want one kernel in the package, got %q", versions)
	}
	return run(tree, "busybox", "depmod", "-b", tree, filepath.Base(versions[0]))
}

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
