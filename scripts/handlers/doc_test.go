package handlers

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// usageLine is how a script says what it is installed as, and its arguments.
var usageLine = regexp.MustCompile(`(?m)^# (([a-z-]+\.sh) RUNASUSER.*)$`)

// served are the handlers that a script says it is.
func served(script string) (names []string) {
	head, _, _ := strings.Cut(script, "\n#\n")
	for _, m := range usageLine.FindAllStringSubmatch(head, -1) {
		names = append(names, m[2])
	}
	return names
}

func sources(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.sh")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return files
}

// docs/HANDLERS.md has one line for each handler, with the arguments that the
// handler itself names.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/HANDLERS.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(([a-z-]+\\.sh) .*?)` \\|").FindAllStringSubmatch(string(manual), -1) {
		usage, name := m[1], m[2]
		documented = append(documented, name)
		script, _ := Lookup(name)
		if !strings.Contains(string(script), "\n# "+usage+"\n") {
			t.Errorf("the manual says %q, the handler does not", usage)
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, Names()) {
		t.Errorf("the manual's table has %q; want %q", documented, Names())
	}
}

// Every script of this directory is built in as all that it says it is, and
// nothing else is.
func TestAllAreBuiltIn(t *testing.T) {
	var names []string
	for _, file := range sources(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range served(string(text)) {
			names = append(names, name)
			if script, ok := Lookup(name); !ok || string(script) != string(text) {
				t.Errorf("%s: what is built in is not %s", name, file)
			}
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is not executable: %v", file, err)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, Names()) {
		t.Errorf("built in are %q; the directory has %q", Names(), names)
	}
}

// What packages install is what is built in, each file a regular one that can
// be copied alone.
func TestInstallHandlers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a directory")
	if out, err := exec.Command("../install-handlers.sh", dir).CombinedOutput(); err == nil {
		t.Errorf("no directory is no error: %s", out)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second build finds the files
		if out, err := exec.Command("../install-handlers.sh", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		checkInstalled(t, filepath.Join(dir, e.Name()))
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("installed are %q; built in %q", names, Names())
	}
}

func checkInstalled(t *testing.T, file string) {
	t.Helper()
	info, err := os.Lstat(file)
	if err != nil || info.Mode() != 0o700 {
		t.Errorf("%s: %v, %v; want a regular file of mode 0700", file, info.Mode(), err)
	}
	text, err := os.ReadFile(file)
	if want, _ := Lookup(filepath.Base(file)); err != nil || string(text) != string(want) {
		t.Errorf("%s is not what is built in: %v", file, err)
	}
}
