package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builds are the binaries of this test run, by tags.
var builds = struct {
	sync.Mutex
	paths map[string]string
	errs  map[string]error
}{paths: map[string]string{}, errs: map[string]error{}}

// Build is the path of the jobbox binary with build tags: $JOBBOX_BIN where no
// tags are asked for and it is set, else built once in a test run.
func Build(t testing.TB, tags ...string) string {
	t.Helper()
	if bin := os.Getenv("JOBBOX_BIN"); bin != "" && len(tags) == 0 {
		return bin
	}
	builds.Lock()
	defer builds.Unlock()
	key := strings.Join(tags, ",")
	if _, done := builds.paths[key]; !done {
		builds.paths[key], builds.errs[key] = build(key)
	}
	if err := builds.errs[key]; err != nil {
		t.Fatal(err)
	}
	return builds.paths[key]
}

// build puts the binary where a later test run finds it again: the Go command
// links anew only when something has changed.
func build(tags string) (string, error) {
	dir, err := os.MkdirTemp("", "jobbox-bin")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "jobbox")
	if err := buildJobbox(bin, tags, "lab"); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return bin, nil
}

// buildJobbox builds a version of jobbox in the file bin.
func buildJobbox(bin, tags, version string) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", tags,
		"-ldflags", "-X main.version="+version, "-o", bin, ".")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFIPS140=v1.0.0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build jobbox in %q: %w\n%s", root, err, indent(string(out)))
	}
	return nil
}

// Main runs a package's tests and removes the binaries that they built. Call
// it from TestMain: os.Exit(lab.Main(m)).
func Main(m *testing.M) int {
	defer removeBuilds()
	return m.Run()
}

func removeBuilds() {
	builds.Lock()
	defer builds.Unlock()
	for _, path := range builds.paths {
		if path != "" {
			os.RemoveAll(filepath.Dir(path))
		}
	}
}

// ModuleRoot is the directory of jobbox's own module, above sim.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module jobbox\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod of module jobbox above the working directory")
		}
		dir = parent
	}
}
