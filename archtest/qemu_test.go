package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An emulated core runs the unit tests of what is built for it: 32 bits, other
// alignment, other byte order. The named CPU lacks what our binaries must not
// use, so that a wrong GOARM or GOMIPS dies of an illegal instruction.
type emulated struct {
	core string
	qemu string // of Debian's qemu-user-static
	cpu  string
}

var emulators = []emulated{
	{"arm7", "qemu-arm-static", "cortex-a7"},
	{"arm64", "qemu-aarch64-static", "cortex-a53"},
	{"mips", "qemu-mips-static", "24Kc"},
}

// notEmulated names what cannot hold under qemu-user, and why. Everything else
// of a package runs.
var notEmulated = map[string]string{}

// emulatedPackages are the parts of the program that compute: bytes, numbers,
// states. What starts processes is shown on whole machines (make boot-test).
var emulatedPackages = []string{"config", "jobs", "exec", "internal/jsontext", "internal/logging", "internal/safefile"}

func TestEmulated(t *testing.T) {
	if testing.Short() {
		t.Skip("slow cores: not in a short run")
	}
	for _, e := range emulators {
		t.Run(e.core, func(t *testing.T) {
			qemu, err := exec.LookPath(e.qemu)
			if err != nil {
				t.Fatalf("%v: install Debian's qemu-user-static", err)
			}
			dir := t.TempDir()
			compileTests(t, e.core, dir)
			for _, pkg := range emulatedPackages {
				t.Run(pkg, func(t *testing.T) { runEmulated(t, qemu, e.cpu, filepath.Join(dir, filepath.Base(pkg)+".test"), pkg) })
			}
		})
	}
}

// compileTests makes PACKAGE.test of each package in dir, in the environment
// that the Makefile gives the core.
func compileTests(t *testing.T, core, dir string) {
	t.Helper()
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOFIPS140=v1.0.0"}
	argv := []string{"go", "test", "-c", "-o", dir + "/"}
	for _, pkg := range emulatedPackages {
		argv = append(argv, "./"+pkg)
	}
	output(t, append(env, makeEnvironment(t, core)...), argv...)
}

// makeEnvironment reads ENV_core of the Makefile.
func makeEnvironment(t *testing.T, core string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^ENV_` + core + `\s*= (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if found == nil {
		t.Fatalf("the Makefile has no ENV_%s", core)
	}
	return strings.Fields(found[1])
}

func runEmulated(t *testing.T, qemu, cpu, binary, pkg string) {
	argv := []string{binary, "-test.v", "-test.short", "-test.timeout=10m"}
	if pattern, ok := notEmulated[pkg]; ok {
		argv = append(argv, "-test.skip", pattern)
	}
	cmd := exec.Command(qemu, argv...)
	cmd.Dir, cmd.Env = filepath.Join(root, pkg), append(os.Environ(), "QEMU_CPU="+cpu)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s under %s (%s): %v\n%s", pkg, filepath.Base(qemu), cpu, err, tail(string(said)))
	}
	if !strings.Contains(string(said), "--- PASS") {
		t.Errorf("%s ran no test under %s: %s", pkg, filepath.Base(qemu), tail(string(said)))
	}
}

// tail is the end of what a test said, where the failure is.
func tail(said string) string {
	const most = 8192
	return said[max(0, len(said)-most):]
}
