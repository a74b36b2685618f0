package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// make demo is the first thing a person does: it must succeed, say so, leave
// nothing behind, and not say so when a job failed.
func TestDemo(t *testing.T) {
	bin := t.TempDir()
	output(t, nil, "make", "-s", "all", "sim", "BIN="+bin)
	said, err := demo(t, bin, "demo")
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, said)
	}
	for _, want := range []string{"installed wget", "both jobs SUCCEEDED", `"status": "SUCCEEDED"`} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo does not say %q:\n%s", want, said)
		}
	}

	broken := t.TempDir()
	output(t, nil, "cp", "-R", "demo/.", broken)
	if err := os.WriteFile(filepath.Join(broken, "handlers/remove-packages.sh"), []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	said, err = demo(t, bin, broken)
	if err == nil || !strings.Contains(said, "Exited with status: 3") || strings.Contains(said, "both jobs SUCCEEDED") {
		t.Errorf("a demo whose final step fails ended with %v:\n%s", err, said)
	}
}

// demo runs the demo in a temporary directory and looks what it left running.
func demo(t *testing.T, bin, documents string) (string, error) {
	tmp := t.TempDir()
	cmd := exec.Command("scripts/demo.sh", bin, documents)
	cmd.Dir, cmd.Env = root, append(environment(), "TMPDIR="+tmp)
	said, err := cmd.CombinedOutput()
	processes, globErr := filepath.Glob("/proc/[0-9]*")
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, process := range processes {
		line, _ := os.ReadFile(process + "/cmdline") // empty for one that has gone
		exe, _ := os.Readlink(process + "/exe")
		if strings.Contains(string(line), tmp) || strings.HasPrefix(exe, bin) {
			t.Errorf("the demo left a process running: %q, %s", line, exe)
		}
	}
	return string(said), err
}
