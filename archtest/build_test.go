package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// EXCLUDE_JOBS=ON must leave nothing of the Jobs feature in the binary. The
// same look at the ordinary build shows that it would be seen.
func TestExcludeJobs(t *testing.T) {
	bin := t.TempDir()
	symbols := func(exclude string) (jobs, all int) {
		output(t, nil, "make", "-s", "all", "BIN="+bin, "LDFLAGS=", exclude)
		for _, line := range lines(output(t, nil, "go", "tool", "nm", filepath.Join(bin, "jobbox"))) {
			all++
			if strings.Contains(line, "jobbox/jobs") {
				jobs++
			}
		}
		return jobs, all
	}
	if jobs, all := symbols("EXCLUDE_JOBS=ON"); jobs != 0 || all == 0 {
		t.Errorf("with EXCLUDE_JOBS=ON: %d symbols of jobbox/jobs among %d; want none", jobs, all)
	}
	if jobs, _ := symbols("EXCLUDE_JOBS=OFF"); jobs == 0 {
		t.Error("with EXCLUDE_JOBS=OFF: no symbol of jobbox/jobs; the test looks for the wrong thing")
	}
	for _, more := range []string{"TAGS=", "TAGS=exclude_fetch"} {
		if made := output(t, nil, "make", "-n", "EXCLUDE_JOBS=ON", more); !strings.Contains(made, `exclude_jobs" `) {
			t.Errorf("make EXCLUDE_JOBS=ON %s runs %q; want the tag exclude_jobs in it", more, made)
		}
	}
}

// make install puts the files where PREFIX and DESTDIR say, and nowhere else.
func TestInstall(t *testing.T) {
	dest, bin := t.TempDir(), t.TempDir()
	output(t, nil, "make", "-s", "all", "install", "BIN="+bin, "DESTDIR="+dest, "PREFIX=/opt/x", "ALIAS=ON")
	want := []string{"sbin/jobbox", "sbin/aws-iot-device-client", "share/doc/jobbox/LICENSES.md", "share/doc/jobbox/README.md"}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(dest, "opt/x", name)); err != nil {
			t.Errorf("make install: %v", err)
		}
	}
	top, err := os.ReadDir(dest)
	if err != nil || len(top) != 1 {
		t.Errorf("below DESTDIR: %v, %v; want opt alone", top, err)
	}
	output(t, nil, "make", "-s", "uninstall", "DESTDIR="+dest, "PREFIX=/opt/x")
	if left := findFiles(t, dest); len(left) != 0 {
		t.Errorf("make uninstall left %v", left)
	}
}

func findFiles(t *testing.T, dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The same source gives the same bytes: from two directories, one of the builds
// with an empty cache.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("two builds without a cache: not in a short run")
	}
	output(t, nil, "scripts/reproducible.sh", "arm7")
}

// A source archive has no git: version and date must come all the same, and
// not from a repository that it was unpacked in.
func TestVersionWithoutGit(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"scripts/version.sh": 0o755, "scripts/build-date.sh": 0o755, "VERSION": 0o644} {
		path := filepath.Join(dir, "jobbox", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(read(t, name)), mode); err != nil {
			t.Fatal(err)
		}
	}
	output(t, nil, "git", "init", "-q", dir)
	output(t, nil, "touch", "-d", "@1700000000", filepath.Join(dir, "jobbox/VERSION"))
	if got := output(t, []string{"SOURCE_DATE_EPOCH="}, filepath.Join(dir, "jobbox/scripts/build-date.sh")); got != "1700000000\n" {
		t.Errorf("build date %q; want that of VERSION", got)
	}
	if got := output(t, []string{"SOURCE_DATE_EPOCH=42"}, filepath.Join(dir, "jobbox/scripts/build-date.sh")); got != "42\n" {
		t.Errorf("build date %q; want SOURCE_DATE_EPOCH", got)
	}
	if got := output(t, nil, filepath.Join(dir, "jobbox/scripts/version.sh")); got != read(t, "VERSION") {
		t.Errorf("version %q; want that of VERSION", got)
	}
}

// A source archive builds with nothing but itself and Go: no network, no
// module cache, no git; and says the same version and date as we do. The package
// trees beside it know it by its sum.
func TestDist(t *testing.T) {
	dir := t.TempDir()
	output(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, "scripts/dist.sh", dir)
	version := strings.TrimSpace(read(t, "VERSION"))
	tree := filepath.Join(dir, "jobbox-"+version)
	archives := []string{tree + ".tar.gz", tree + "-packages.tar.gz"}
	for _, a := range archives {
		output(t, nil, "tar", "-x", "-C", dir, "-f", a)
	}
	sum, _, _ := strings.Cut(output(t, nil, "sha256sum", archives[0]), " ")
	for file, want := range map[string]string{
		"buildroot/package/jobbox/jobbox.hash":                            "\nsha256  " + sum + "  jobbox-" + version + ".tar.gz\n",
		"yocto/meta-jobbox/recipes-core/jobbox/jobbox_" + version + ".bb": "\nSRC_URI[sha256sum] = \"" + sum + "\"\n",
		"openwrt/jobbox/Makefile":                                         "\nPKG_HASH:=" + sum + "\n",
	} {
		text, err := os.ReadFile(filepath.Join(tree+"-packages", file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("packages: %s: %v; want %q in it", file, err, want)
		}
	}
	// A module cache is read-only, which keeps TempDir from removing it.
	t.Cleanup(func() { output(t, nil, "chmod", "-R", "u+w", dir) })
	offline := []string{"GOFLAGS=-mod=vendor", "GOPROXY=off", "GOMODCACHE=" + filepath.Join(dir, "empty"), "SOURCE_DATE_EPOCH="}
	output(t, offline, "make", "-s", "-C", tree)
	if said := output(t, nil, filepath.Join(tree, "bin/jobbox"), "version"); !strings.Contains(said, "2023-11-14T22:13:20Z") {
		t.Errorf("built from the archive: %q; want the archive's own date in it", said)
	}
	again := t.TempDir()
	output(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, "scripts/dist.sh", again)
	for _, a := range archives {
		output(t, nil, "cmp", a, filepath.Join(again, filepath.Base(a)))
	}
}
