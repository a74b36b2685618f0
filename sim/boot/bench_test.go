//go:build boottest

package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jobbox/sim/broker"
	"jobbox/sim/lab"
	"jobbox/sim/packaging"
	"jobbox/sim/service"
)

// A bench is a cloud on loopback, one device's image, and its disk.
type bench struct {
	*testing.T
	*lab.Lab
	m      Machine
	kernel *Kernel
	device *lab.Device
	dir    string
	cache  string // of kernels and packages
	root   string // file of a squashfs; "" where the initramfs or a card is the root
	boots  int
	seen   int // the broker's event from which on things concern the present boot
}

// machine is the one of that name.
func machine(name string) Machine {
	return Machines[slices.IndexFunc(Machines, func(m Machine) bool { return m.Name == name })]
}

// newBench is a device without an image.
func newBench(t *testing.T, m Machine) *bench {
	t.Helper()
	if *memory != 0 {
		m.Memory = *memory
	}
	b := &bench{T: t, Lab: lab.New(t), m: m, dir: t.TempDir()}
	var err error
	b.cache, err = filepath.Abs(cache)
	b.must(err)
	b.kernel, err = Fetch(b.cache, m)
	b.must(err)
	b.device = b.Lab.Device(m.Name)
	b.must(NewDisk(b.path("state.img"), 16))
	return b
}

// initramfs builds an image as the Buildroot package and an integrator do, with
// BusyBox as init and the given options of the package's Config.in.
func (b *bench) initramfs(options ...string) *bench {
	b.Helper()
	b.copy("guest/etc/inittab", b.path("package/etc/inittab"), 0o644)
	b.must(Image(b.path("initrd.gz"), b.m, b.kernel, b.packageTree("SYSV", options), b.integratorTree()))
	return b
}

// squashfs builds an image with a larger init system: Debian's packages of it, the
// Buildroot package for it, and an integrator's files for the board.
func (b *bench) squashfs(init, board string, packages ...string) *bench {
	b.Helper()
	user, err := Userland(b.cache, b.m.Name, packages...)
	b.must(err)
	board, err = filepath.Abs(board)
	b.must(err)
	common := b.path("common")
	for _, file := range []string{"etc/passwd", "etc/group"} {
		b.copy("guest/"+file, filepath.Join(common, file), 0o644)
	}
	b.copy("guest/etc/init.d/S01syslogd", filepath.Join(common, "lib/machine/S01syslogd"), 0o755)
	b.root = b.path("root.squashfs")
	b.must(Root(b.root, b.kernel, user, common, board, b.packageTree(init, nil), b.integratorTree()))
	b.m.Modules = append([]string{"squashfs"}, b.m.Modules...)
	b.must(Initrd(b.path("initrd.gz"), b.m, b.kernel))
	return b
}

// card builds an image in one file system that can be written to, state and all,
// as on a board with an SD card: BusyBox as init, and the board's own files.
func (b *bench) card(board string) *bench {
	b.Helper()
	guest, err := filepath.Abs("guest")
	b.must(err)
	board, err = filepath.Abs(board)
	b.must(err)
	b.m.Cmdline += " card"
	b.must(Card(b.path("state.img"), 64, b.kernel, guest, board, b.packageTree("SYSV", nil), b.integratorTree()))
	b.must(Initrd(b.path("initrd.gz"), b.m, b.kernel))
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) path(elements ...string) string {
	return filepath.Join(append([]string{b.dir}, elements...)...)
}

// packageTree is what the package installs, with the program of `make cross`.
func (b *bench) packageTree(init string, options []string) string {
	repo, err := filepath.Abs("../..")
	b.must(err)
	tree := b.path("package")
	s := packaging.Source{Repo: repo, Binary: b.makeBinary("jobbox")}
	b.must(s.Buildroot(tree, init, options...))
	return tree
}

// makeBinary has `make cross` build for the machine, in the file of that name.
func (b *bench) makeBinary(name string, args ...string) (file string) {
	b.Helper()
	b.must(run("../..", "make", append([]string{"-s", "cross-" + b.m.Target, "BIN=" + b.dir}, args...)...))
	file = b.path(name)
	b.must(os.Rename(b.path("jobbox-linux-"+b.m.Target), file))
	return file
}

// integratorTree is what a product adds: its settings and the device's files.
func (b *bench) integratorTree() string {
	tree := b.path("product")
	etc := filepath.Join(tree, "etc/jobbox")
	b.copy(b.device.Cert, etc+"/device.pem.crt", 0o644)
	b.copy(b.device.Key, etc+"/private.pem.key", 0o600)
	b.copy(b.device.RootCA, etc+"/root-ca.pem", 0o644)
	b.writeConfig(etc + "/jobbox.conf")
	handlers, _ := filepath.Glob("testdata/*.sh")
	b.must(os.MkdirAll(etc+"/handlers", 0o700))
	for _, h := range handlers {
		b.copy(h, etc+"/handlers/"+filepath.Base(h), 0o700)
	}
	return tree
}

// writeConfig is the shipped jobbox.conf with its blanks filled in.
func (b *bench) writeConfig(file string) {
	shipped, err := os.ReadFile("../../init/jobbox.conf")
	b.must(err)
	var config map[string]any
	b.must(json.Unmarshal(shipped, &config))
	config["endpoint"] = guestAddress
	config["thing-name"] = b.device.Thing
	config["root-ca"] = "/etc/jobbox/root-ca.pem"
	data, err := json.Marshal(config)
	b.must(err)
	b.must(os.WriteFile(file, data, 0o640))
}

// copy makes one file, and the directory that it is in.
func (b *bench) copy(from, to string, mode os.FileMode) {
	b.Helper()
	data, err := os.ReadFile(from)
	b.must(err)
	b.must(os.MkdirAll(filepath.Dir(to), 0o755))
	b.must(os.WriteFile(to, data, mode))
}

// context ends when patience does.
func (b *bench) context() context.Context {
	ctx, cancel := context.WithTimeout(b.T.Context(), patience)
	b.Cleanup(cancel)
	return ctx
}

// boot switches the machine on and waits until the agent is connected.
func (b *bench) boot(cmdline string) *Guest {
	b.Helper()
	b.boots++
	if events := b.Broker.Events(0); len(events) > 0 {
		b.seen = events[len(events)-1].Seq
	}
	g, err := Start(Boot{Machine: b.m, Kernel: b.kernel, Initrd: b.path("initrd.gz"), Disk: b.path("state.img"), Root: b.root,
		Memory: b.m.Memory, Port: b.Cloud.Port(), Cmdline: cmdline, Log: b.path(fmt.Sprintf("console-%d", b.boots))})
	b.must(err)
	b.Cleanup(func() { b.showConsole(g) })
	e := b.await(g, broker.Connected)
	b.seen = e.Seq // what comes later is of this connection
	line, err := g.WaitLine(b.context(), connected.String())
	b.must(err)
	up := connected.FindStringSubmatch(line)
	b.Attr(fmt.Sprintf("boot-%d", b.boots), fmt.Sprintf("connected %.1f s after power on, %s s by the kernel's clock", e.At.Sub(g.Started).Seconds(), up[1]))
	return g
}

// connected is the agent's own word, on the console with the seconds since the
// kernel started: by our syslogd or by journald.
var connected = regexp.MustCompile(`(?:log: up=|\[ *)([0-9.]+)]? .*jobbox\[\d+]: mqtt: connected`)

// showConsole switches off, and shows what a failed test needs.
func (b *bench) showConsole(g *Guest) {
	g.Cut()
	if b.Failed() {
		b.Logf("console:\n%s", strings.Join(g.Lines(), "\n"))
	}
}

// await waits for the broker to see something of this boot's agent. Nobody
// connects from a machine that is off.
func (b *bench) await(g *Guest, kind broker.Kind) broker.Event {
	b.Helper()
	ctx, cancel := context.WithCancel(b.context())
	defer cancel()
	if kind == broker.Connected {
		go func() {
			select {
			case <-g.ended:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	e, err := b.Broker.Await(ctx, b.seen, func(e broker.Event) bool { return e.Kind == kind && e.Client == b.device.Thing })
	if err != nil {
		b.Fatalf("boot %d: %s: %v; the console ends with %q", b.boots, kind, err, g.last())
	}
	return e
}

// final waits for the end of a job and wants the status.
func (b *bench) final(id string, want service.Status) service.Execution {
	b.Helper()
	changes, stop := b.Service.Watch(id, b.device.Thing)
	defer stop()
	ctx := b.context()
	for {
		select {
		case e := <-changes:
			if !e.Status.Final() {
				continue
			}
			if e.Status != want {
				b.Errorf("job %s: %s, %q; want %s", id, e.Status, e.Details, want)
			}
			return e
		case <-ctx.Done():
			b.Fatalf("job %s: no final status in %v", id, patience)
		}
	}
}

// once wants that the job's end was reported one time.
func (b *bench) once(id string) {
	b.Helper()
	if n := b.FinalCount(id, b.device); n != 1 {
		b.Errorf("job %s: %d final reports; want 1", id, n)
	}
}
