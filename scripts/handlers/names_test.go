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

// A script that goes by its own name does nothing under one that tells nothing,
// and lets an integrator say more in it.
func TestNameOfTheFile(t *testing.T) {
	d := newDevice(t)
	d.program("opkg", "")
	d.write("etc/init.d/web", "#!/bin/sh\necho init \"$1\" >>/calls\n", 0o755)
	for _, tt := range []struct {
		from, name, stderr, calls string
	}{
		{"start-services.sh", "services.sh", "the name of this file must begin with start-, stop- or restart-", ""},
		{"start-services.sh", "Stop-services.sh", "the name of this file must begin", ""},
		{"start-services.sh", "starting.sh", "the name of this file must begin", ""},
		{"start-services.sh", "stop-web.sh", "", "init stop\n"},
		{"start-services.sh", "restart", "", "init restart\n"},
		{"remove-packages.sh", "packages.sh", "the name of this file must be that of one of its handlers", ""},
		{"remove-packages.sh", "verify-packages.sh", "the name of this file must be", ""},
		{"remove-packages.sh", "install-packages-2.sh", "", "opkg update\nopkg install web\n"},
	} {
		script, _ := Lookup(tt.from)
		d.write("handlers/"+tt.name, string(script), 0o700)
		d.write("calls", "", 0o644)
		status := 0
		if tt.stderr != "" {
			status = 2
		}
		d.run(tt.name, "", "web").check(t, tt.name, status, "", tt.stderr)
		if got := d.calls(); got != tt.calls {
			t.Errorf("%s called %q; want %q", tt.name, got, tt.calls)
		}
	}
}

// 194 is a request to reboot: it must not come from whatever a handler calls.
func TestNobodyElseAsksForAReboot(t *testing.T) {
	for _, present := range [][]string{{"opkg"}, {"apk"}, {"apt-get", "apt-cache", "dpkg-query"}, {"dnf", "rpm"}, {"curl", "systemctl"}} {
		d := newDevice(t)
		for _, program := range present {
			d.program(program, "exit 194\n")
		}
		d.write("etc/init.d/web", "#!/bin/sh\nexit 194\n", 0o755)
		for _, handler := range takesNames {
			if got := d.run(handler, "", "web"); got.status != 1 && got.status != 3 {
				t.Errorf("%s with %s: %+v; want status 1 or 3", handler, present, got)
			}
		}
		got := d.run("download-file.sh", "", "https://example.com/x", "/data/x")
		if got.status != 1 && got.status != 3 {
			t.Errorf("download-file.sh with %s: %+v; want status 1 or 3", present, got)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		script, ok := Lookup(name)
		if !ok || !slices.Contains(served(string(script)), name) {
			t.Errorf("Lookup(%q) = %.40q, %v; want a script that names itself and its arguments", name, script, ok)
		}
	}
	for _, name := range []string{"", ".", "embed.go", "reboot", "../handlers/reboot.sh", "./reboot.sh", "services.sh", "packages.sh", "x.sh", "reboot.sh/"} {
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
	if out, err := exec.Command(path, append([]string{"--shell=sh", "../install-handlers.sh"}, sources(t)...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
