package handlers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// managers are stand-ins that keep what is installed as files in /data, and
// answer queries in the words of the real ones.
var managers = map[string]map[string]string{
	"opkg": {"opkg": `case $1 in
update) exit 0 ;;
status) echo "Package: $2"; echo "Version: 1.2-3"; echo "Depends: libc"
	if [ -f "/data/$2" ]; then echo "Status: install user installed"; else echo "Status: unknown ok not-installed"; fi ;;
install) shift; for p; do [ "$p" != missing ] || exit 255; : >"/data/$p"; done ;;
remove) shift; for p; do rm "/data/$p"; done ;;
esac`},
	"apk": {"apk": `case $1 in
update) exit 0 ;;
info) for p; do :; done; [ -f "/data/$p" ] || exit 1; case $* in *-v*) echo "$p-1.2-3" ;; *) echo "$p" ;; esac ;;
add) shift; for p; do [ "$p" != missing ] || exit 1; : >"/data/$p"; done ;;
del) shift; for p; do rm "/data/$p"; done ;;
esac`},
	"apt-get": {"apt-get": `case $* in
*update) exit 0 ;;
*install*--*) while [ "$1" != -- ]; do shift; done; shift; echo "W: a warning" >&2
	for p; do [ "$p" != missing ] || exit 100; : >"/data/$p"; done ;;
*remove*--*) while [ "$1" != -- ]; do shift; done; shift; for p; do rm "/data/$p"; done ;;
*) exit 99 ;;
esac`, "apt-cache": `echo python3.11; echo g++; echo "$2-dev"`,
		"dpkg-query": `[ -f "/data/$4" ] || { echo "dpkg-query: no packages found matching $4" >&2; exit 1; }
case $3 in *Version*) echo "install ok installed 1.2-3" ;; *) echo "install ok installed" ;; esac`},
	"dnf": {"dnf": rpmManager, "rpm": rpmQuery},
	"yum": {"yum": rpmManager, "rpm": rpmQuery},
}

const rpmManager = `shift; verb=$1; shift
case $verb in
install) for p; do [ "$p" != missing ] || exit 1; : >"/data/$p"; done ;;
remove) for p; do rm "/data/$p"; done ;;
esac`

const rpmQuery = `for p; do :; done
[ -f "/data/$p" ] || { echo "package $p is not installed"; exit 1; }
case $* in *--qf*) echo 1.2-3 ;; *) echo "$p-1.2-3" ;; esac`

func deviceWith(t *testing.T, manager string) *device {
	t.Helper()
	d := newDevice(t)
	for name, body := range managers[manager] {
		d.program(name, body+"\n")
	}
	return d
}

func (d *device) installed() string {
	files, err := filepath.Glob(d.path("data/*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return strings.Join(files, " ")
}

func TestPackagesComeAndGo(t *testing.T) {
	for manager := range managers {
		t.Run(manager, func(t *testing.T) {
			d := deviceWith(t, manager)
			steps := []struct {
				handler, names   string
				status           int
				stdout, stderr   string
				installed, calls string
			}{
				{"verify-packages-installed.sh", "a b", 1, "a: not installed", "not installed: a b", "", ""},
				{"verify-packages-removed.sh", "a b", 0, "b: not installed", "", "", ""},
				{"install-packages.sh", "a b g++", 0, "+ " + manager, "", "a b g++", "a b g++"},
				{"verify-packages-installed.sh", "a b=1.2-3", 0, "a: 1.2-3", "", "a b g++", ""},
				{"verify-packages-installed.sh", "a=2 b", 1, "a: 1.2-3", "not installed: a=2", "a b g++", ""},
				{"verify-packages-removed.sh", "a=2", 0, "a: 1.2-3", "", "a b g++", ""},
				{"verify-packages-removed.sh", "a x", 1, "x: not installed", "not removed: a", "a b g++", ""},
				{"remove-packages.sh", "a x", 0, "x: not installed\n+ " + manager + " ", "", "b g++", "a"},
				{"remove-packages.sh", "a x", 0, "a: not installed", "", "b g++", ""},
				{"remove-packages.sh", "g++", 0, "", "", "b", "g++"},
				{"install-packages.sh", "a missing", 1, "", "install a missing: exit status", "a b", "a missing"},
			}
			for _, s := range steps {
				d.write("calls", "", 0o644)
				d.run(s.handler, "", s.names).check(t, s.handler+" "+s.names, s.status, s.stdout, s.stderr)
				if got := d.installed(); got != s.installed {
					t.Errorf("after %s %s there is %q; want %q", s.handler, s.names, got, s.installed)
				}
				if s.calls != "" && !lastCallEnds(d.calls(), manager, s.calls) {
					t.Errorf("%s %s called\n%s; want a call of %s that ends in %q", s.handler, s.names, d.calls(), manager, s.calls)
				}
			}
		})
	}
}

func lastCallEnds(calls, program, names string) bool {
	lines := strings.Split(strings.TrimSpace(calls), "\n")
	last := lines[len(lines)-1]
	return strings.HasPrefix(last, program+" ") && strings.HasSuffix(last, " "+names)
}

// The names may also come one an argument; the result is the same.
func TestNamesAsSeveralArguments(t *testing.T) {
	d := deviceWith(t, "opkg")
	d.run("install-packages.sh", "root", "a", "b c", "d").check(t, "install", 0, "+ opkg install a b c d\n", "")
	d.run("remove-packages.sh", "root", "a", "b c", "x").check(t, "remove", 0, "+ opkg remove a b c\n", "")
}

func TestNoPackageManager(t *testing.T) {
	d := newDevice(t)
	for _, handler := range takesNames[:2] {
		d.run(handler, "", "a").check(t, handler, 3, "", "no package manager here: looked for opkg, apk, apt-get, dnf and yum")
	}
	for _, handler := range takesNames[2:4] {
		d.run(handler, "", "a").check(t, handler, 3, "", "no package data base here")
	}
}

func TestIndexThatCannotBeRefreshed(t *testing.T) {
	d := newDevice(t)
	d.program("opkg", `[ "$1" != update ] || { echo "no network" >&2; exit 7; }`)
	d.run("install-packages.sh", "", "a").check(t, "install", 0, "could not be refreshed, exit status 7\n+ opkg install a\n", "")
}

// apt-get would take the name for a pattern and install what matches.
func TestAptPatternIsNoPackage(t *testing.T) {
	d := deviceWith(t, "apt-get")
	d.run("install-packages.sh", "", "python3.11").check(t, "install", 0, "", "")
	d.run("install-packages.sh", "", "lib.").check(t, "install", 1, "", "lib.: no such package")
	d.run("install-packages.sh", "", "s+h").check(t, "install", 1, "", "s+h: no such package")
	d.run("install-packages.sh", "", "wget-").check(t, "install", 2, "", "is not the name of a package")
	if got := d.installed(); got != "python3.11" {
		t.Errorf("installed %q", got)
	}
}

// Packages are not files of the directory that a step starts in.
func TestPackageIsNoFile(t *testing.T) {
	d := newDevice(t)
	d.write("root/evil.ipk", "", 0o644)
	d.program("opkg", `[ ! -f "$2" ] || echo "took the file" >>/calls`)
	cmd := d.command("install-packages.sh", "", "evil.ipk")
	cmd.Dir = "/root"
	if out, err := cmd.CombinedOutput(); err != nil || d.calls() != "opkg update\nopkg install evil.ipk\n" {
		t.Errorf("%v, called %q\n%s", err, d.calls(), out)
	}
}

// A data base that cannot be read says nothing: neither that a package is there
// nor that it is not.
func TestDataBaseThatDoesNotAnswer(t *testing.T) {
	for _, tt := range []struct {
		name     string
		programs map[string]string
	}{
		{"opkg is locked", map[string]string{"opkg": "exit 255"}},
		{"apk", map[string]string{"apk": "exit 99"}},
		{"dpkg", map[string]string{"apt-get": "", "dpkg-query": "exit 2"}},
		{"rpm", map[string]string{"dnf": "", "rpm": "exit 1"}},
		{"rpm is killed", map[string]string{"dnf": "", "rpm": "kill -9 $$"}},
	} {
		d := newDevice(t)
		for name, body := range tt.programs {
			d.program(name, body+"\n")
		}
		for _, handler := range takesNames[1:4] {
			d.run(handler, "", "a").check(t, tt.name+", "+handler, 1, "", " does not tell whether a is installed: exit status ")
		}
	}
}

// Without its query tool a manager's packages are unknown, not absent.
func TestManagerWithoutDataBase(t *testing.T) {
	for _, manager := range []string{"apt-get", "dnf", "yum"} {
		d := newDevice(t)
		d.program(manager, "")
		for _, handler := range takesNames[1:4] {
			d.run(handler, "", "a").check(t, manager+", "+handler, 3, "", "no package data base here")
		}
	}
}

// The tool of another package manager may be installed as a package itself.
func TestDataBaseOfTheManager(t *testing.T) {
	d := deviceWith(t, "dnf")
	d.program("dpkg-query", "echo install ok installed 9\n")
	d.run("verify-packages-installed.sh", "", "a").check(t, "verify", 1, "a: not installed", "not installed: a")
	d = newDevice(t)
	d.program("rpm", rpmQuery)
	d.write("data/a", "", 0o644)
	d.run("verify-packages-installed.sh", "", "a=1.2-3").check(t, "rpm alone", 0, "a: 1.2-3\n", "")
}

// The stand-ins above say what dpkg-query is believed to say; here it is asked,
// and by the other shell that devices have.
func TestVerifyAgainstDpkg(t *testing.T) {
	version, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "dpkg").Output()
	if err != nil {
		t.Fatalf("dpkg-query: %v (these tests run on Debian)", err)
	}
	file := filepath.Join(t.TempDir(), "verify-packages-installed.sh")
	script, _ := Lookup(filepath.Base(file))
	if err := os.WriteFile(file, script, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"busybox", "sh"}, {"dash"}, {"bash", "--posix"}} {
		for args, want := range map[string]int{
			"dpkg": 0, "dpkg=" + string(version): 0, "dpkg=0": 1, "no-such-package-here": 1, "x~y": 1, "x@y": 2,
		} {
			cmd := exec.Command(shell[0], append(shell[1:], file, "", args)...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("%s verify-packages-installed.sh %q = %d; want %d\n%s", shell, args, got, want, out)
			}
		}
	}
}
