package lab

import (
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

var deaf string // to SIGTERM, unless empty

func main() {
	if os.Args[1] != "agent" {
		return
	}
	if deaf != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	if console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		console.WriteString("silent: never connects\n")
	}
	time.Sleep(time.Hour)
}
`

// BuildSilent builds, in the file path, a binary to update jobbox to that looks
// good but never connects, and if deaf does not end on SIGTERM either. env is added to
// the environment of the build.
func BuildSilent(t testing.TB, path string, deaf bool, env ...string) {
	t.Helper()
	main := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(main, []byte(silent), 0o644); err != nil {
		t.Fatal(err)
	}
	flags := "-s -w"
	if deaf {
		flags += " -X main.deaf=yes"
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", flags, "-o", path, main)
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build an agent that never connects: %v: %s", err, out)
	}
}
