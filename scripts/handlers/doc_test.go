package handlers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

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
		if second := strings.Split(string(script), "\n")[min(1, strings.Count(string(script), "\n"))]; second != "# "+usage {
			t.Errorf("the manual says %q, the handler %q", usage, second)
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, Names()) {
		t.Errorf("the manual's table has %q; want %q", documented, Names())
	}
}

// Every script of this directory is built in, and nothing else.
func TestAllAreBuiltIn(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".sh") {
			continue
		}
		files = append(files, e.Name())
		text, err := os.ReadFile(e.Name())
		if script, ok := Lookup(e.Name()); err != nil || !ok || string(script) != string(text) {
			t.Errorf("%s is not what is built in: %v", e.Name(), err)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is not executable: %v", e.Name(), err)
		}
	}
	if !slices.Equal(files, Names()) {
		t.Errorf("built in are %q; the directory has %q", Names(), files)
	}
}
