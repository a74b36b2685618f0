package applets

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// call runs Main as on an empty machine.
func call(argv ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	env := &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	status = Main(argv, env)
	return status, out.String(), errs.String()
}

// with replaces the registry for one test.
func with(t *testing.T, applets ...Applet) {
	t.Helper()
	before := registry
	registry = map[string]Applet{}
	t.Cleanup(func() { registry = before })
	for _, a := range applets {
		register(a)
	}
}

func echo(env *Env) int {
	fmt.Fprintf(env.Stdout, "%q", env.Args)
	return 7
}

func TestMainDispatches(t *testing.T) {
	with(t, Applet{Name: "plain", Run: echo}, Applet{Name: "wrap", Command: true, Run: echo}, Applet{Name: "inner", Hidden: true, Run: echo},
		Applet{Name: "agent", Run: echo}, Applet{Name: "version", Run: echo})
	tests := []struct {
		argv   []string
		status int
		stdout string
	}{
		{nil, ExitUsage, ""},
		{[]string{"/usr/bin/jobbox"}, ExitUsage, ""},
		{[]string{"jobbox", "plain", "a", "--b"}, 7, `["a" "--b"]`},
		{[]string{"jobbox", "plain"}, 7, `[]`},
		{[]string{"/sbin/plain", "a"}, 7, `["a"]`},
		{[]string{"-plain", "a"}, 7, `["a"]`},
		{[]string{"plain", "--", "--help"}, 7, `["--" "--help"]`},
		{[]string{"jobbox", "wrap", "user", "ls", "--help"}, 7, `["user" "ls" "--help"]`},
		{[]string{"jobbox", "inner", "--help"}, 7, `["--help"]`},
		{[]string{"inner", "a"}, 7, `["a"]`},
		{[]string{"/usr/sbin/aws-iot-device-client", "--config-file", "x"}, 7, `["--config-file" "x"]`},
		{[]string{"aws-iot-device-client", "--version"}, 7, `[]`},
		{[]string{"jobbox", "--version"}, 7, `[]`},
		{[]string{"renamed", "plain", "a"}, 7, `["a"]`},
		{[]string{"", "plain"}, 7, `[]`},
		{[]string{"jobbox", ""}, ExitUsage, ""},
		{[]string{"jobbox", "pline"}, ExitUsage, ""},
	}
	for _, tt := range tests {
		status, stdout, stderr := call(tt.argv...)
		if status != tt.status || stdout != tt.stdout || (status == ExitUsage) != (stderr != "") {
			t.Errorf("%q: %d, %s, %s; want %d, %s", tt.argv, status, stdout, stderr, tt.status, tt.stdout)
		}
	}
}

func TestHelpIsAskedFor(t *testing.T) {
	ran := false
	run := func(*Env) int { ran = true; return 7 }
	with(t, Applet{Name: "plain", Usage: "plain FILE", Summary: "do it", Help: "More.", Run: run},
		Applet{Name: "wrap", Usage: "wrap COMMAND", Summary: "wrap it", Command: true, HelpText: func() string { return "Made." }, Run: run})
	const plain = "Usage: jobbox plain FILE\n\nDo it.\n\nMore.\n"
	tests := []struct {
		argv []string
		want string
	}{
		{[]string{"jobbox", "plain", "--help"}, plain},
		{[]string{"jobbox", "plain", "x", "-h"}, plain},
		{[]string{"plain", "--help"}, plain},
		{[]string{"jobbox", "help", "plain"}, plain},
		{[]string{"jobbox", "--help", "plain"}, plain},
		{[]string{"jobbox", "wrap", "--help"}, "Usage: jobbox wrap COMMAND\n\nWrap it.\n\nMade.\n"},
	}
	for _, tt := range tests {
		if status, stdout, stderr := call(tt.argv...); status != ExitOK || stdout != tt.want || stderr != "" || ran {
			t.Errorf("%q: %d, %q, %q, ran %v; want %q", tt.argv, status, stdout, stderr, ran, tt.want)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	with(t, Applet{Name: "a", Run: echo})
	for _, bad := range []Applet{{Name: "a", Run: echo}, {Name: "", Run: echo}, {Name: "b"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is registered", bad.Name)
				}
			}()
			register(bad)
		}()
	}
}

// TestAppletsAreDocumented: what help prints of each is whole and fits.
func TestAppletsAreDocumented(t *testing.T) {
	for name, a := range registry {
		if !strings.HasPrefix(a.Usage, name) || a.Summary == "" || strings.HasSuffix(a.Summary, ".") || strings.Contains(a.Summary, "\n") {
			t.Errorf("%s: usage %q, summary %q", name, a.Usage, a.Summary)
		}
		if a.Hidden {
			continue
		}
		for _, line := range strings.Split(a.help(), "\n") {
			if len(line) > 90 {
				t.Errorf("%s: a line of its help has %d columns: %s", name, len(line), line)
			}
		}
	}
	names := []string{"agent", "check", "version"}
	for _, a := range shown() {
		names = slices.DeleteFunc(names, func(n string) bool { return n == a.Name })
	}
	if len(names) != 0 {
		t.Errorf("help does not name %q", names)
	}
}

func TestBuild(t *testing.T) {
	version, date := buildVersion, buildTime
	t.Cleanup(func() { buildVersion, buildTime = version, date })
	on := runtime.Version() + " linux/" + runtime.GOARCH
	tests := []struct {
		version, date string
		want          string
		at            time.Time
	}{
		{"", "", "jobbox unknown " + on + " (built without a date)\n", time.Time{}},
		{"1.2.3", "1700000000", "jobbox 1.2.3 " + on + " (built from the commit of 2023-11-14T22:13:20Z)\n", time.Unix(1700000000, 0)},
		{"1.2.3", "yesterday", "jobbox 1.2.3 " + on + " (built without a date)\n", time.Time{}},
		{"1.2.3", "0", "jobbox 1.2.3 " + on + " (built without a date)\n", time.Time{}},
	}
	for _, tt := range tests {
		buildVersion, buildTime = "unknown", time.Time{}
		SetBuild(tt.version, tt.date)
		if _, got, _ := call("jobbox", "version"); got != tt.want || !BuildDate().Equal(tt.at) {
			t.Errorf("SetBuild(%q, %q): %s, %v; want %s, %v", tt.version, tt.date, got, BuildDate(), tt.want, tt.at)
		}
	}
}
