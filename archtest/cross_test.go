package archtest

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A core is one target of `make cross`: what its ELF header must say.
type core struct {
	name    string
	machine elf.Machine
	class   elf.Class
	order   elf.Data
	setting string // of the build, from the binary's own record
}

var cores = []core{
	{"arm5", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, "GOARM=5"},
	{"arm6", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, "GOARM=6"},
	{"arm7", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, "GOARM=7"},
	{"arm64", elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, "GOARM64=v8.0"},
	{"mips", elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB, "GOMIPS=softfloat"},
	{"mipsle", elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB, "GOMIPS=softfloat"},
	{"mips64le", elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB, "GOMIPS64=softfloat"},
	{"riscv64", elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB, "GORISCV64=rva20u64"},
	{"386", elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, "GO386=sse2"},
	{"amd64", elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, "GOAMD64=v1"},
}

// Bounds in bytes. The file of a small device's core has to fit its flash; the
// writable segment is one mapping, which a kernel that does not overcommit
// refuses where it is larger than the device's RAM.
const (
	maxArm7     = 6_500_000
	maxWritable = 2 << 20
)

// TestCross builds what `make cross` builds, as it builds it, and looks at
// each file: right core, static, small.
func TestCross(t *testing.T) {
	if testing.Short() {
		t.Skip("ten builds: not in a short run")
	}
	bin := t.TempDir()
	output(t, nil, "make", "-s", "cross", "BIN="+bin)
	built, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != len(cores) {
		t.Errorf("make cross built %v; want %d files, those of the table", built, len(cores))
	}
	for _, c := range cores {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(bin, "jobbox-linux-"+c.name)
			checkELF(t, path, c)
			checkBuild(t, path, c)
			checkSize(t, path, c)
			said, err := exec.Command("file", "-b", path).Output()
			if err != nil {
				t.Fatalf("file (Debian package: file): %v", err)
			}
			if !strings.Contains(string(said), "statically linked") || !strings.Contains(string(said), "stripped") {
				t.Errorf("file says %q; want it statically linked and stripped", said)
			}
		})
	}
}

func checkELF(t *testing.T, path string, c core) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != c.machine || f.Class != c.class || f.Data != c.order || f.Type != elf.ET_EXEC {
		t.Errorf("%v %v %v %v; want %v %v %v, position dependent", f.Machine, f.Class, f.Data, f.Type, c.machine, c.class, c.order)
	}
	loads := 0
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC:
			t.Errorf("has a %v segment: not static", p.Type)
		case p.Type == elf.PT_LOAD:
			loads++
			checkSegment(t, p)
		}
	}
	if loads == 0 {
		t.Error("no PT_LOAD segment")
	}
}

func checkSegment(t *testing.T, p *elf.Prog) {
	if p.Flags&elf.PF_W == 0 {
		return
	}
	if p.Flags&elf.PF_X != 0 {
		t.Errorf("a segment is writable and executable")
	}
	if p.Memsz > maxWritable {
		t.Errorf("writable segment of %d bytes, %d allowed: a device with little RAM cannot start it (built without GOFIPS140?)", p.Memsz, maxWritable)
	}
}

// checkBuild reads how the binary was built from the binary.
func checkBuild(t *testing.T, path string, c core) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	key, value, _ := strings.Cut(c.setting, "=")
	if settings[key] != value || settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("built with %v; want %s, CGO_ENABLED=0, -trimpath", settings, c.setting)
	}
	if !strings.Contains(settings["DefaultGODEBUG"], "fips140=off") {
		t.Errorf("DefaultGODEBUG=%s; want fips140=off in it: FIPS mode costs 3 MB of memory", settings["DefaultGODEBUG"])
	}
}

func checkSize(t *testing.T, path string, c core) {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.name == "arm7" && info.Size() > maxArm7 {
		t.Errorf("%d bytes; %d allowed", info.Size(), maxArm7)
	}
}
