package logging

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be a program that logs, for what only a process
// of its own shows.
func TestMain(m *testing.M) {
	if kind := os.Getenv("LOGGING_TEST_KIND"); kind != "" {
		logInChild(kind)
	}
	os.Exit(m.Run())
}

// logInChild writes a line each time it is told to on standard input.
func logInChild(kind string) {
	log, closer, err := Open(kind, os.Getenv("LOGGING_TEST_FILE"), Debug)
	if err != nil {
		log.Errorf("open: %v", err)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		log.Infof("told %s", in.Text())
	}
	log.Warnf("end")
	closer.Close()
	os.Exit(3)
}

func child(kind, file string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOGGING_TEST_KIND="+kind, "LOGGING_TEST_FILE="+file)
	return cmd
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	tests := []struct {
		kind, path     string
		stdout, stderr string
	}{
		{"STDOUT", "", "told a\nWARN end\n", ""},
		{"stdout", "", "told a\nWARN end\n", ""},
		{"FILE", file, "", ""},
		{"FILE", "/proc/nowhere/log", "", "ERROR open: log file: mkdir /proc/nowhere: no such file or directory\ntold a\nWARN end\n"},
		{"JOURNAL", "", "", "ERROR open: log type: want STDOUT, FILE or SYSLOG, got \"JOURNAL\"\ntold a\nWARN end\n"},
	}
	for _, tt := range tests {
		cmd := child(tt.kind, tt.path)
		var stdout, stderr strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("a\n"), &stdout, &stderr
		if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
			t.Fatalf("%s: %v", tt.kind, err)
		}
		if stdout.String() != tt.stdout || stderr.String() != tt.stderr {
			t.Errorf("%s %s: standard output %q, standard error %q; want %q, %q", tt.kind, tt.path, stdout.String(), stderr.String(), tt.stdout, tt.stderr)
		}
	}
	if got := readLines(t, file); len(got) != 2 || !strings.HasSuffix(got[1], "Z WARN end") {
		t.Errorf("the file holds %q", got)
	}
}

// TestClosedPipe: a supervisor that stops reading does not end us.
func TestClosedPipe(t *testing.T) {
	cmd := child("STDOUT", "")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("a\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "told a\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	out.Close()
	if _, err := in.Write([]byte("b\nc\n")); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("ended by %v; want exit status 3", cmd.ProcessState)
	}
}

func TestSwitch(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	log, closer, err := Open("FILE", first, Info)
	if err != nil {
		t.Fatal(err)
	}
	log.Infof("a")
	if _, err := log.Switch("FILE", "/proc/nowhere/log", Debug); err == nil {
		t.Error("a place that cannot be written is accepted")
	}
	log.Infof("b")
	log.Debugf("c")
	next, err := log.Switch("FILE", second, Debug)
	if err != nil {
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	log.Debugf("d")
	if err := next.Close(); err != nil {
		t.Error(err)
	}
	if a, b := readLines(t, first), readLines(t, second); len(a) != 2 || len(b) != 1 || !strings.HasSuffix(b[0], "DEBUG d") {
		t.Errorf("files hold %q and %q", a, b)
	}
}
