package archtest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/linked.txt anew, keeping the reasons")

// banned names what our packages must not import, and why. A library may bring
// it in, where linked.txt says why that costs nothing.
var banned = map[string]string{
	"encoding/json":    "a quarter of a megabyte; internal/jsontext reads and writes JSON",
	"encoding/json/v2": "as encoding/json",
	"encoding/gob":     "half a megabyte of reflection",
	"encoding/xml":     "half a megabyte of reflection",
	"text/template":    "its reflection keeps every exported method linked in",
	"html/template":    "as text/template",
	"log/slog":         "brings encoding/json; internal/logging is the logger",
	"os/user":          "answers differently with and without cgo; exec reads passwd and group itself",
	"expvar":           "opens the program to net/http's default handlers",
	"net/http/pprof":   "as expvar",
	"net/rpc":          "brings encoding/gob and html/template",
	"testing":          "a test's package; it adds flags to the command line",
	"plugin":           "needs cgo and a dynamic binary",
	"C":                "cgo makes a dynamic binary",
	"runtime/cgo":      "cgo makes a dynamic binary",
	"time/tzdata":      "450 kB; the device has its own or uses UTC",
	"regexp":           "what comes from outside is checked by hand, in linear time and without its 200 kB",
}

const linkedFile = "testdata/linked.txt"

// linked lists the packages in the binary for a small device, without ours and
// without what the standard library keeps to itself, which changes with each
// release of Go and is not ours to choose.
func linked(t *testing.T) []string {
	var names []string
	for _, name := range lines(output(t, []string{"GOOS=linux", "GOARCH=arm", "CGO_ENABLED=0"}, "go", "list", "-deps", ".")) {
		switch first, _, _ := strings.Cut(name, "/"); {
		case first == "jobbox", first == "internal", first == "vendor":
		case strings.Contains(name, "/internal/"), strings.HasSuffix(name, "/internal"):
		default:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// reasons reads testdata/linked.txt: a package a line, and why it is there
// where that is not plain.
func reasons(t *testing.T) map[string]string {
	data, err := os.ReadFile(linkedFile)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, line := range lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		out[name] = strings.TrimSpace(reason)
	}
	return out
}

func TestLinked(t *testing.T) {
	now, known := linked(t), reasons(t)
	if *update {
		writeLinked(t, now, known)
		known = reasons(t)
	}
	for _, name := range now {
		reason, ok := known[name]
		if why, isBanned := banned[name]; isBanned && reason == "" {
			t.Errorf("%s is linked, and must not be: %s. `go list -deps` and `go mod why` say what brought it", name, why)
		}
		if !ok {
			t.Errorf("%s is linked and not in %s: is it worth its bytes? Then add it with `go test ./archtest -run TestLinked -update`", name, linkedFile)
		}
		if strings.Contains(name, ".") && reason == "" {
			t.Errorf("%s: %s comes from outside the standard library and needs a reason", linkedFile, name)
		}
	}
	for name := range known {
		if !slices.Contains(now, name) {
			t.Errorf("%s names %s, which is no longer linked: run with -update", linkedFile, name)
		}
	}
}

func writeLinked(t *testing.T, now []string, known map[string]string) {
	var b strings.Builder
	b.WriteString("# The packages linked into jobbox, without our own and those internal to others,\n# each unusual one with its reason. See linked_test.go.\n")
	for _, name := range now {
		b.WriteString(strings.TrimRight(name+"  "+known[name], " ") + "\n")
	}
	if err := os.WriteFile(linkedFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What we import ourselves is under our own control: no reason helps there.
func TestBanned(t *testing.T) {
	const format = `{{if not .Standard}}{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}{{end}}`
	seen := 0
	for _, line := range lines(output(t, nil, "go", "list", "-deps", "-f", format, ".")) {
		from, to, _ := strings.Cut(line, " ")
		if from != "jobbox" && !strings.HasPrefix(from, "jobbox/") {
			continue
		}
		seen++
		if why, ok := banned[to]; ok {
			t.Errorf("%s imports %s: %s", from, to, why)
		}
		if to == "net/http" && !mayDownload(from) {
			t.Errorf("%s imports net/http: only the downloader may", from)
		}
	}
	if seen == 0 {
		t.Error("go list named no import of ours: the test looks at nothing")
	}
}

func mayDownload(from string) bool { return from == "jobbox/applets" || from == "jobbox/fetch" }

// A package that a library imports and nothing calls must not reach the file:
// the linker drops it, as long as no reflection holds on to it.
func TestDropped(t *testing.T) {
	bin := t.TempDir()
	output(t, nil, "make", "-s", "all", "BIN="+bin, "LDFLAGS=")
	symbols := output(t, nil, "go", "tool", "nm", filepath.Join(bin, "jobbox"))
	if !strings.Contains(symbols, " main.main\n") {
		t.Fatal("go tool nm shows no main.main: the test looks at nothing")
	}
	for _, name := range []string{"encoding/json.Unmarshal", "encoding/json.(*Decoder).Decode", "encoding/json.Marshal", "net/http.(*Server).Serve"} {
		if strings.Contains(symbols, " "+name+"\n") {
			t.Errorf("%s is in the binary: something calls it now", name)
		}
	}
}
