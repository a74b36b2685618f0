package handlers

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// hostile is what no name may be. A good one stands before each: nothing at all
// may be done then.
var hostile = []string{
	"-y", "--allow-unauthenticated", "a;reboot", "$(reboot)", "`reboot`", "a|b", "a&b", "a>b", "a<b",
	"*", "??", "[a]", "../../bin/sh", "/bin/sh", "./x", ".", "..", "a/b", `a\b`, "a'b", `a"b`, "{a,b}", "$HOME",
	"~root", "!a", "#a", "a\x1b[2J", "a\x07", "caf\u00e9", "\xff", "https://example.com/x.ipk",
	"a\x7f", "%s%n", "@group", "=1",
}

var takesNames = []string{
	"install-packages.sh", "remove-packages.sh", "verify-packages-installed.sh", "verify-packages-removed.sh",
	"start-services.sh", "stop-services.sh", "restart-services.sh",
}

func TestHostileNamesAreRefused(t *testing.T) {
	d := newDevice(t)
	for _, manager := range []string{"opkg", "apk", "apt-get", "apt-cache", "dpkg-query", "dnf", "yum", "systemctl", "rc-service"} {
		d.program(manager, "")
	}
	d.write("etc/init.d/good", "#!/bin/sh\necho init >>/calls\n", 0o755)
	d.mkdir("run/systemd/system")
	for _, handler := range takesNames {
		for i, name := range hostile {
			args := []string{"", "good " + name}
			if i%2 == 1 {
				args = []string{"", "good", name}
			}
			got := d.run(handler, args...)
			got.check(t, call(handler, args), 2, "", "is not the name of a ")
			if strings.ContainsFunc(got.stderr, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
				t.Errorf("%s wrote raw bytes: %q", call(handler, args), got.stderr)
			}
		}
	}
	if d.calls() != "" {
		t.Errorf("refused names led to calls: %s", d.calls())
	}
}

func TestNamesAreWanted(t *testing.T) {
	d := newDevice(t)
	for _, handler := range takesNames {
		for _, args := range [][]string{{}, {""}, {"", ""}, {"root", " \t\n"}} {
			d.run(handler, args...).check(t, call(handler, args), 2, "", "want ")
		}
	}
}

// The files that differ in one word must not drift apart.
func TestTwinsAreTheSame(t *testing.T) {
	for _, twins := range [][]string{
		{"start-services.sh", "stop-services.sh", "restart-services.sh"},
		{"verify-packages-installed.sh", "verify-packages-removed.sh"},
	} {
		var shared []string
		for _, name := range twins {
			script, ok := Lookup(name)
			_, body, found := strings.Cut(string(script), "# From here on")
			if !ok || !found {
				t.Fatalf("%s has no shared part", name)
			}
			shared = append(shared, body)
		}
		if len(slices.Compact(shared)) != 1 {
			t.Errorf("%q differ after their first lines", twins)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		script, ok := Lookup(name)
		if !ok || !strings.HasPrefix(string(script), "#!/bin/sh\n# "+name+" RUNASUSER") {
			t.Errorf("Lookup(%q) = %.40q, %v; want a script that names itself and its arguments", name, script, ok)
		}
	}
	for _, name := range []string{"", ".", "embed.go", "reboot", "../handlers/reboot.sh", "./reboot.sh", "x.sh", "reboot.sh/"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("Lookup(%q) found something", name)
		}
	}
	one, _ := Lookup("reboot.sh")
	one[0] = 'x'
	if again, _ := Lookup("reboot.sh"); again[0] != '#' {
		t.Error("a caller can change a built-in handler")
	}
}

func TestShellcheck(t *testing.T) {
	path, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Fatalf("%v: apt-get install shellcheck", err)
	}
	if out, err := exec.Command(path, append([]string{"--shell=sh"}, Names()...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
