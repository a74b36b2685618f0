package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// silent is an agent that runs and never connects, and says so on the console.
const silent = `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

var kind string

func main() {
	if os.Args[1] == "status" && kind == "mute" {
		time.Sleep(time.Hour)
	}
	if os.Args[1] != "agent" {
		return
	}
	if kind == "deaf" {
		signal.Ignore(syscall.SIGTERM)
	}
	if console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		console.WriteString("silent: never connects\n")
	}
	time.Sleep(time.Hour)
}
`

// A Silence is what else is wrong with a binary that never connects.
type Silence string

// The kinds of it: nothing else; it does not end on SIGTERM; it does not answer
// when it is asked whether it is connected.
const (
	Plain Silence = "plain"
	Deaf  Silence = "deaf"
	Mute  Silence = "mute"
)

// BuildSilent builds, in the file path, a binary to update jobbox to that looks
// good but never connects. env is added to the environment of the build.
func BuildSilent(t testing.TB, path string, kind Silence, env ...string) {
	t.Helper()
	main := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(main, []byte(silent), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.kind="+string(kind), "-o", path, main)
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build an agent that never connects: %v: %s", err, out)
	}
}

// BuildVersion builds jobbox, in the file path, as that version.
func BuildVersion(t testing.TB, path, version string) {
	t.Helper()
	if err := buildJobbox(path, "", version); err != nil {
		t.Fatal(err)
	}
}

// Sum is the SHA-256 of a file, as update-jobbox.sh wants it.
func Sum(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
