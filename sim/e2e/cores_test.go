package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// A core has an emulator of its instruction set, and of a processor that lacks
// what a program for it must not use: a wrong GOARM or GOMIPS dies at once.
type core struct{ name, emulator, cpu string }

var cores = []core{
	{"arm5", "qemu-arm-static", "arm926"},
	{"arm6", "qemu-arm-static", "arm1176"},
	{"arm7", "qemu-arm-static", "cortex-a7"},
	{"arm64", "qemu-aarch64-static", "cortex-a53"},
	{"mips", "qemu-mips-static", "24Kc"},
	{"mipsle", "qemu-mipsel-static", "24Kc"},
	{"mips64le", "qemu-mips64el-static", "5KEc"},
	{"riscv64", "qemu-riscv64-static", "rv64"},
}

// TestCores connects the program of each core as it ships, by mutual TLS, and has
// it take a job, judge the document, report, and stop. (A step needs the kernel
// to execute the program again, which one without emulation cannot: those run
// on the machines of sim/boot.)
func TestCores(t *testing.T) {
	if testing.Short() {
		t.Skip("slow cores: not in a short run")
	}
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, c := range cores {
		t.Run(c.name, func(t *testing.T) {
			build := exec.Command("make", "-s", "-C", root, "cross-"+c.name, "BIN="+bin)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("make cross-%s: %v: %s", c.name, err, out)
			}
			judges(t, c, filepath.Join(bin, "jobbox-linux-"+c.name))
		})
	}
}

func judges(t *testing.T, c core, program string) {
	l := lab.New(t)
	d := l.Device(c.name)
	d.Bin, d.Prefix = program, []string{c.emulator, "-cpu", c.cpu}
	d.StartAndWait()
	id := l.CreateJob(`{"version":"1.0","steps":[{"action":{"name":"é","type":"runCommand","input":{"command":7}}}]}`)
	want := `steps[0].action.input.command: want a string, got a number`
	if got := l.WaitFinal(id); got.Status != service.Rejected || !strings.Contains(got.Details["reason"], want) || l.FinalCount(id) != 1 {
		t.Errorf("%s %q; want REJECTED, once, with %q", got.Status, got.Details, want)
	}
	d.Signal(syscall.SIGHUP)
	d.WaitLog(`SIGHUP: configuration and certificates read again`)
	if status := d.Stop(); status != 0 {
		t.Errorf("exit status %d; want 0", status)
	}
}
