package packaging

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jobbox/sim/lab"
)

// common is what every package installs, and as what.
const common = `
drwxr-xr-x etc/jobbox
drwx------ etc/jobbox/handlers
-rwxr-xr-x usr/bin/jobbox
`

// linux is what those for ordinary systems have beside that.
const linux = common + `
-rw-r--r-- etc/default/jobbox
-rw-r----- etc/jobbox/jobbox.conf
drwx------ var/lib/jobbox
`

func newSource(t *testing.T) Source {
	t.Helper()
	abs, err := filepath.Abs(repo)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "jobbox")
	if err := os.WriteFile(binary, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Source{Repo: abs, Binary: binary}
}

func TestInstalledFiles(t *testing.T) {
	s := newSource(t)
	tests := []struct {
		name    string
		install func(dest string) error
		want    string
	}{
		{"buildroot, busybox", func(d string) error { return s.Buildroot(d, "SYSV") },
			linux + "-rwxr-xr-x etc/init.d/S80jobbox"},
		{"buildroot, systemd", func(d string) error { return s.Buildroot(d, "SYSTEMD") },
			linux + "-rw-r--r-- usr/lib/systemd/system/jobbox.service"},
		{"buildroot, openrc", func(d string) error { return s.Buildroot(d, "OPENRC") },
			linux + "-rwxr-xr-x etc/init.d/jobbox"},
		{"buildroot, no init", func(d string) error { return s.Buildroot(d, "SYSV", "BR2_PACKAGE_JOBBOX_INIT_NONE=y") },
			linux},
		{"buildroot, alias and handlers", func(d string) error {
			return s.Buildroot(d, "SYSV", "BR2_PACKAGE_JOBBOX_ALIAS=y", "BR2_PACKAGE_JOBBOX_HANDLERS=y")
		}, linux + "Lrwxrwxrwx usr/bin/aws-iot-device-client\n" + handlers(t)},
		{"yocto", s.Yocto, linux + handlers(t) +
			"-rwxr-xr-x etc/init.d/jobbox\n-rw-r--r-- usr/lib/systemd/system/jobbox.service"},
		{"openwrt", s.OpenWrt, common + "-rw------- etc/config/jobbox\n-rwxr-xr-x etc/init.d/jobbox\n" +
			"drwx------ etc/jobbox/state\n-rwxr-xr-x usr/libexec/jobbox/uci-to-conf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dest := t.TempDir()
			if err := tt.install(dest); err != nil {
				t.Fatal(err)
			}
			if got, want := listing(t, dest), lines(tt.want); !slices.Equal(got, want) {
				t.Errorf("installed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// handlers are what a binary says is built in, as files that only root may run.
func handlers(t *testing.T) (text string) {
	out, err := exec.Command(lab.Build(t), "handlers", "list").Output()
	if err != nil {
		t.Fatalf("jobbox handlers list: %v", err)
	}
	for _, name := range strings.Fields(string(out)) {
		text += "-rwx------ etc/jobbox/handlers/" + name + "\n"
	}
	return text
}

// lines sorts a listing that a test wrote by hand.
func lines(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	slices.Sort(list)
	return list
}

// listing is every file below dir, and every directory that is jobbox's.
func listing(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		if d.IsDir() && !strings.Contains(name, "/jobbox") || name == "usr/libexec/jobbox" {
			return nil
		}
		info, err := d.Info()
		list = append(list, info.Mode().String()+" "+name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// The line is in each image once, also where an overlay brings an inittab anew.
func TestInittabLine(t *testing.T) {
	s := newSource(t)
	dest, overlay := t.TempDir(), t.TempDir()
	for _, dir := range []string{dest, overlay} {
		if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "etc/inittab"), []byte("::sysinit:/etc/init.d/rcS\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, with := range []string{"", "", overlay, overlay} {
		if err := s.Buildroot(dest, "SYSV", "BR2_PACKAGE_JOBBOX_INIT_INITTAB=y", "OVERLAY="+with); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(filepath.Join(dest, "etc/inittab"))
		if n := strings.Count(string(text), "\n::respawn:/usr/bin/jobbox agent\n"); n != 1 {
			t.Errorf("overlay %q: inittab has the line %d times; want once:\n%s", with, n, text)
		}
	}
}

// The version and the licences are named in many places, and are one.
func TestVersionsAgree(t *testing.T) {
	version := strings.TrimSpace(source(t, "VERSION"))
	for file, want := range map[string]string{
		"buildroot/package/jobbox/jobbox.mk":                              "JOBBOX_VERSION = " + version + "\n",
		"openwrt/jobbox/Makefile":                                         "PKG_VERSION:=" + version + "\n",
		"yocto/meta-jobbox/recipes-core/jobbox/jobbox_" + version + ".bb": "SUMMARY",
	} {
		if !strings.Contains(source(t, file), want) {
			t.Errorf("%s: no %q; VERSION says %s", file, want, version)
		}
	}
}

func TestLicenceSums(t *testing.T) {
	for _, name := range []string{"LICENSE", "NOTICE", "docs/LICENSES.md"} {
		text := []byte(source(t, name))
		line := fmt.Sprintf("sha256  %x  %s\n", sha256.Sum256(text), name)
		if !strings.Contains(source(t, "buildroot/package/jobbox/jobbox.hash"), line) {
			t.Errorf("jobbox.hash: want the line %q", line)
		}
		recipe, err := newSource(t).recipe()
		if sum := fmt.Sprintf("/%s;md5=%x ", name, md5.Sum(text)); err != nil || !strings.Contains(recipe, sum) {
			t.Errorf("recipe: want %q (%v)", sum, err)
		}
	}
}

// What the recipe builds tests of, run-ptest runs: one that is missing on the
// device is a failure there.
func TestPtestRunsAll(t *testing.T) {
	recipe, err := newSource(t).recipe()
	if err != nil {
		t.Fatal(err)
	}
	built := regexp.MustCompile(`PTEST_GO_PACKAGES = "(.*)"`).FindStringSubmatch(recipe)
	run := regexp.MustCompile(`for test in (.*); do`).FindStringSubmatch(source(t, "yocto/meta-jobbox/recipes-core/jobbox/jobbox/run-ptest"))
	if built == nil || run == nil {
		t.Fatalf("the recipe builds %q, run-ptest runs %q", built, run)
	}
	if want := strings.ReplaceAll(built[1], " ", "/test ") + "/test"; run[1] != want {
		t.Errorf("run-ptest runs %q; want %q", run[1], want)
	}
}

// An option that Config.in does not offer, or that nothing reads, is a slip.
func TestBuildrootOptions(t *testing.T) {
	offered := symbols(source(t, "buildroot/package/jobbox/Config.in"), `(?m)^config (BR2_PACKAGE_JOBBOX_\w+)`)
	read := symbols(source(t, "buildroot/package/jobbox/jobbox.mk"), `\((BR2_PACKAGE_JOBBOX_\w+)\)`)
	for _, s := range read {
		if !slices.Contains(offered, s) {
			t.Errorf("jobbox.mk reads %s, which Config.in does not have", s)
		}
	}
	for _, s := range offered {
		// The default of a choice, and what other symbols depend on, are read by no rule.
		if s == "BR2_PACKAGE_JOBBOX_INIT_NONE" || s == "BR2_PACKAGE_JOBBOX_ARCH_SUPPORTS" {
			continue
		}
		if !slices.Contains(read, s) {
			t.Errorf("Config.in offers %s, which jobbox.mk does not read", s)
		}
	}
}

func symbols(text, pattern string) (list []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// The unit is one that systemd takes without a word.
func TestUnit(t *testing.T) {
	text := source(t, "init/jobbox.service")
	for _, want := range []string{"\nType=notify\n", "\nWatchdogSec=", "\nKillMode=process\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the unit has no %q", want)
		}
	}
	file := filepath.Join(t.TempDir(), "jobbox.service")
	text = strings.ReplaceAll(text, "/usr/bin/jobbox", lab.Build(t)) // it has to be there
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v (apt-get install systemd)\n%s", err, out)
	}
}
