package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder stands in for Go: it notes what it is to build for, and leaves a file
// where it was told to.
type recorder struct{ dir string }

func newRecorder(t *testing.T) recorder {
	r := recorder{t.TempDir()}
	text := "#!/bin/sh\n[ \"$1\" = build ] || exit 0\ncase $GOARCH in mips64*) GOMIPS=$GOMIPS64 ;; esac" +
		"\necho \"$GOARCH $GOARM$GO386$GOMIPS cgo=$CGO_ENABLED $GOFLAGS\" >" + r.dir + "/record" +
		"\nwhile [ \"$1\" != -o ]; do shift; done; mkdir -p \"${2%/*}\"; : >\"$2\"\n"
	if err := os.WriteFile(filepath.Join(r.dir, "go"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

// env makes it the go of whoever looks in PATH.
func (r recorder) env() []string { return []string{"PATH=" + r.dir + ":" + os.Getenv("PATH")} }

// check wants that a build for the core that values describe was one for want.
func (r recorder) check(t *testing.T, values, want string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", values, err)
		return
	}
	file := filepath.Join(r.dir, "record")
	got, err := os.ReadFile(file)
	if want += " -modcacherw\n"; err != nil || string(got) != want {
		t.Errorf("%s: built for %q, %v; want %q", values, got, err, want)
	}
	_ = os.Remove(file) // or the next build would seem to have been this one
}

// What OpenWrt knows of a target (golang-values.mk) is what the program is built
// for, whatever OpenWrt's variables for linking with C say.
func TestOpenWrtCores(t *testing.T) {
	s, r := newSource(t), newRecorder(t)
	for _, tt := range []struct{ values, want string }{
		{"GO_ARCH=mipsle GO_MIPS=softfloat", "mipsle softfloat"},
		{"GO_ARCH=mips GO_MIPS=hardfloat", "mips softfloat"}, // docs/PORTING.md: always
		{"GO_ARCH=arm GO_ARM=5", "arm 5"},
		{"GO_ARCH=arm GO_ARM=7", "arm 7"},
		{"GO_ARCH=arm64", "arm64 "},
		{"GO_ARCH=386 GO_386=sse2", "386 sse2"},
		{"GO_ARCH=386 GO_386=softfloat", "386 softfloat"},
		{"GO_ARCH=mips64le GO_MIPS64=softfloat", "mips64le softfloat"},
		{"GO_ARCH=amd64", "amd64 "},
	} {
		args := append([]string{"compile", "GO_PKG_VARS=CGO_ENABLED=1"}, strings.Fields(tt.values)...)
		r.check(t, tt.values, tt.want+" cgo=0 -mod=vendor", s.openwrt("bin/unused", r.env(), args...))
	}
}

// What Buildroot knows of a target (arch/Config.in.*) is what the program is built
// for, with the variables of its Go packages and, where it has none, without.
func TestBuildrootCores(t *testing.T) {
	s, r := newSource(t), newRecorder(t)
	const plain = "GOFLAGS=-mod=vendor GOPROXY=off CGO_ENABLED=1"
	for _, tt := range []struct{ values, target, want string }{
		{"BR2_arm=y BR2_ARM_CPU_ARMV5=y BR2_ARM_SOFT_FLOAT=y", "GOARCH=arm GOARM=5", "arm 5"},
		{"BR2_arm=y BR2_ARM_CPU_ARMV6=y", "GOARCH=arm GOARM=6", "arm 6"},
		{"BR2_arm=y BR2_ARM_CPU_ARMV7A=y", "GOARCH=arm GOARM=7", "arm 7"},
		{"BR2_arm=y BR2_ARM_CPU_ARMV8A=y", "GOARCH=arm GOARM=7", "arm 7"},
		// A Cortex-A5 without its floating point unit.
		{"BR2_arm=y BR2_ARM_CPU_ARMV7A=y BR2_ARM_SOFT_FLOAT=y", "GOARCH=arm GOARM=7", "arm 5"},
		// Static libraries alone.
		{"BR2_arm=y BR2_ARM_CPU_ARMV7A=y", "", "arm 7"},
		{"BR2_aarch64=y", "GOARCH=arm64", "arm64 "},
		{"BR2_mips=y", "", "mips softfloat"},
		{"BR2_mipsel=y", "", "mipsle softfloat"},
		{"BR2_mips64el=y", "GOARCH=mips64le", "mips64le softfloat"},
		{"BR2_mips64=y", "GOARCH=mips64", "mips64 softfloat"},
		{"BR2_x86_64=y", "GOARCH=amd64", "amd64 "},
		{"BR2_i386=y BR2_X86_CPU_HAS_SSE2=y", "GOARCH=386", "386 sse2"},
		{"BR2_i386=y", "GOARCH=386 GO386=softfloat", "386 softfloat"},
		{"BR2_riscv=y BR2_RISCV_64=y", "GOARCH=riscv64", "riscv64 "},
	} {
		args := append([]string{"compile", "BR2_PACKAGE_JOBBOX_FETCH=y", "GO_BIN=go", "PARALLEL_JOBS=2", "HOST_GO_COMMON_ENV=" + plain}, strings.Fields(tt.values)...)
		if tt.target != "" {
			args = append(args, "HOST_GO_TARGET_ENV="+plain+" GOOS=linux "+tt.target)
		}
		r.check(t, tt.values, tt.want+" cgo=0 -mod=vendor -p=2", s.buildroot("bin/unused", r.env(), args...))
	}
}
