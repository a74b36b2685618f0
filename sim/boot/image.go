package boot

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// guest is the system around the package: what an image builder's skeleton
// brings, with the start and stop scripts run as Buildroot runs them.
//
//go:embed guest
var guest embed.FS

// initrd is what comes before a root of its own.
//
//go:embed initrd
var initrd embed.FS

// commands are the applets that the guest has links to.
const commands = `sh ash mount umount mkdir insmod ifconfig route cat echo sleep poweroff
reboot halt date ls ps grep sed head tail kill free dmesg uname id chmod
chown ln rm cp mv touch true false test [ start-stop-daemon logger syslogd wc
cut tr sort awk stat sync printf pidof seq dirname basename mktemp hostname df mountpoint
sha256sum env killall mkfifo switch_root readlink nohup setsid find od expr httpd`

// Image builds the initramfs of a machine in the file path: BusyBox as init,
// the modules for network and disk, and on top of them the overlay trees, as
// an image builder lays packages and then the integrator's files.
func Image(path string, m Machine, k *Kernel, overlays ...string) error {
	a := NewArchive()
	if err := addSystem(a, m, k); err != nil {
		return fmt.Errorf("image for %s: %w", m.Name, err)
	}
	for _, dir := range overlays {
		if err := a.Tree(dir); err != nil {
			return fmt.Errorf("image for %s: %w", m.Name, err)
		}
	}
	return writeGzip(path, a.Bytes())
}

// Initrd builds, in the file path, the initramfs that goes on in the root of a
// disk: the modules of the machine, which have to do for it, and BusyBox.
func Initrd(path string, m Machine, k *Kernel) error {
	a := NewArchive()
	if err := addBase(a, m, k); err != nil {
		return fmt.Errorf("initrd for %s: %w", m.Name, err)
	}
	a.Link("sbin/init", "../init")
	if err := addFiles(a, initrd, "initrd"); err != nil {
		return fmt.Errorf("initrd for %s: %w", m.Name, err)
	}
	return writeGzip(path, a.Bytes())
}

// addSystem adds all that a bare image has.
func addSystem(a *Archive, m Machine, k *Kernel) error {
	for _, dir := range strings.Fields("run root var/log var/lib") {
		a.Dir(dir, 0o755)
	}
	a.Dir("tmp", 0o1777)
	a.Link("var/run", "/run")
	a.Link("sbin/init", "../bin/busybox")
	if err := addBase(a, m, k); err != nil {
		return err
	}
	return addFiles(a, guest, "guest")
}

// addBase adds what every initramfs needs to start a program.
func addBase(a *Archive, m Machine, k *Kernel) error {
	for _, dir := range strings.Fields("dev proc sys mnt lib/modules") {
		a.Dir(dir, 0o755)
	}
	a.Char("dev/console", 0o600, 5, 1)
	a.Char("dev/null", 0o666, 1, 3)
	a.File("etc/disk", 0o644, []byte(m.Device+"\n"))
	if err := addBusyBox(a, k); err != nil {
		return err
	}
	return addModules(a, m, k)
}

func addBusyBox(a *Archive, k *Kernel) error {
	data, err := os.ReadFile(k.BusyBox)
	if err != nil {
		return err
	}
	a.File("bin/busybox", 0o755, data)
	for _, name := range strings.Fields(commands) {
		a.Link("bin/"+name, "busybox")
	}
	return nil
}

// addModules numbers the modules in the order in which the guest inserts them.
func addModules(a *Archive, m Machine, k *Kernel) error {
	files, err := k.Modules(m.Modules)
	if err != nil {
		return err
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		a.File(fmt.Sprintf("lib/modules/%02d-%s.ko", i, moduleName(file)), 0o644, data)
	}
	return nil
}

// addFiles adds the embedded files below root; programs lie in init.d, or are called init.
func addFiles(a *Archive, files embed.FS, root string) error {
	return fs.WalkDir(files, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		perm := uint32(0o644)
		if strings.Contains(path, "/init.d/") || strings.HasSuffix(path, "/init") {
			perm = 0o755
		}
		a.File(strings.TrimPrefix(path, root+"/"), perm, data)
		return err
	})
}

func writeGzip(path string, data []byte) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
