package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
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

// emulatedTests are the packages whose tests run, and which of them: those that
// compute bytes, numbers and states. Under qemu-user a process cannot execute
// itself again (ENOEXEC: the kernel knows nothing of the emulator), so that no
// runner starts, nor a step of another user; and its /proc/PID/stat gives each
// thread another start time, so that no process can be told from another. Both are
// shown on whole machines, by the boot tests.
var emulatedTests = map[string]string{
	"config":            ".",
	"jobs":              ".",
	"internal/jsontext": ".",
	"internal/logging":  "^(Test([^OC]|Clean)|Fuzz)", // Open and ClosedPipe start themselves again
	"internal/nearest":  ".",
	"internal/safefile": ".",
	"exec": "^(Test(Reasons|ParseStat|Tail|LineSplitter|Scan|LookupUser|Messages|ParseResult|ResultFiles|" +
		"Markers|StepIDs|SearchOrder)|Fuzz)",
}

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
			for pkg, pattern := range emulatedTests {
				t.Run(pkg, func(t *testing.T) { runEmulated(t, e, qemu, dir, pkg, pattern) })
			}
		})
	}
}

// compileTests makes PACKAGE.test of each package in dir, by the Makefile's own
// flags for the core.
func compileTests(t *testing.T, core, dir string) {
	t.Helper()
	var packages []string
	for pkg := range emulatedTests {
		packages = append(packages, "./"+pkg)
	}
	output(t, nil, "make", "-s", "tests-"+core, "BIN="+dir, "PACKAGES="+strings.Join(packages, " "))
}

func runEmulated(t *testing.T, e emulated, qemu, dir, pkg, pattern string) {
	binary := filepath.Join(dir, filepath.Base(pkg)+".test")
	cmd := exec.Command(qemu, binary, "-test.v", "-test.short", "-test.timeout=15m", "-test.run="+pattern)
	cmd.Dir, cmd.Env = filepath.Join(root, pkg), append(os.Environ(), "QEMU_CPU="+e.cpu, "GODEBUG=fips140=off")
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s under %s (%s): %v\n%s", pkg, e.qemu, e.cpu, err, tail(string(said)))
	}
	passed := strings.Count(string(said), "\n--- PASS")
	if passed == 0 {
		t.Errorf("%s ran no test under %s: %s", pkg, e.qemu, tail(string(said)))
	}
	t.Logf("%d tests passed on %s", passed, e.cpu)
}

// tail is the end of what a test said, where the failure is.
func tail(said string) string {
	const most = 8192
	return said[max(0, len(said)-most):]
}
