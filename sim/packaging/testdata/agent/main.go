// Command agent stands in for jobbox where a test looks at what starts and
// stops it. It writes down what happens to it in the directory RECORD.
package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch {
	case os.Args[0] == "jobbox-runner":
		runner()
	case len(os.Args) > 1 && os.Args[1] == "check":
		record("check", strings.Join(os.Args[2:], " "))
		if _, err := os.Stat(filepath.Join(os.Getenv("RECORD"), "broken")); err == nil {
			os.Stderr.WriteString("endpoint: is required\n")
			os.Exit(78)
		}
	case len(os.Args) > 1 && os.Args[1] == "agent":
		agent()
	default:
		os.Exit(2)
	}
}

// agent starts a runner, as a job would, and obeys signals.
func agent() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	startRunner()
	record("environment", os.Getenv("JOBBOX_THING_NAME"))
	record("start", strings.Join(os.Args[1:], " "))
	for s := range signals {
		record("signal", s.String())
		if s != syscall.SIGTERM {
			continue
		}
		if _, err := os.Stat(filepath.Join(os.Getenv("RECORD"), "deaf")); err == nil {
			continue
		}
		time.Sleep(300 * time.Millisecond) // a stop that does not wait is found out
		record("stop", "")
		return
	}
}

func startRunner() {
	if _, err := os.Stat(filepath.Join(os.Getenv("RECORD"), "runner")); err == nil {
		return
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"jobbox-runner"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		record("error", err.Error())
	}
}

// runner lives until its pipe to the test, a FIFO, is closed.
func runner() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	record("runner", "started")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		os.ReadFile(filepath.Join(os.Getenv("RECORD"), "alive")) // until the test closes it
	}()
	for {
		select {
		case s := <-signals:
			record("runner", s.String())
		case <-ended:
			return
		}
	}
}

// record appends a line to the file name; one write is one line.
func record(name, line string) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("RECORD"), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		os.Exit(1)
	}
	defer f.Close()
	f.WriteString(line + "\n")
}
