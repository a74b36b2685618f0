package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// licenceFile names the file of a module whose licence we chose, where that
// is not LICENSE.
var licenceFile = map[string]string{"github.com/eclipse/paho.mqtt.golang": "edl-v10"}

// Whoever passes the binary on owes its authors their licence texts: they are
// in docs/LICENSES.md, of all that is linked and word for word.
func TestLicences(t *testing.T) {
	page := read(t, "docs/LICENSES.md")
	has := func(name, file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("licence of %s: %v", name, err)
		}
		section := "\n## " + name + "\n"
		if _, rest, ok := strings.Cut(page, section); !ok || !strings.Contains(rest, strings.TrimSpace(string(text))) {
			t.Errorf("docs/LICENSES.md has no section %q with the text of %s", strings.TrimSpace(section), file)
		}
	}
	has("The Go standard library and runtime", filepath.Join(strings.TrimSpace(output(t, nil, "go", "env", "GOROOT")), "LICENSE"))
	const format = `{{with .Module}}{{if not (or .Main .Replace)}}{{.Path}} {{.Dir}}{{end}}{{end}}`
	modules := map[string]string{} // without ours, which go.mod puts in others' place
	for _, line := range lines(output(t, []string{"CGO_ENABLED=0"}, "go", "list", "-deps", "-f", format, ".")) {
		name, dir, _ := strings.Cut(line, " ")
		modules[name] = dir
	}
	for name, dir := range modules {
		file := licenceFile[name]
		if file == "" {
			file = "LICENSE"
		}
		has(name, filepath.Join(dir, file))
	}
	if n := strings.Count(page, "\n## "); n != len(modules)+1 {
		t.Errorf("docs/LICENSES.md has %d sections; %d works are linked: %v and Go", n, len(modules)+1, modules)
	}
}
