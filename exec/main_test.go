package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jobbox/internal/safefile"
)

// The names that the test binary is started under for something else.
const (
	testClientName = "exec-test-client" // runs the steps of an errandSheet, prints their results
	testInitName   = "exec-test-init"   // process 1 of a machine that is shut down
	testThreadName = "exec-test-thread" // its first thread ends before the others
	testIdleName   = "exec-test-idle"   // does nothing
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case RunnerName:
		os.Exit(RunnerMain(RunnerOptions{BuiltIn: testBuiltIn}))
	case testClientName:
		os.Exit(testClient())
	case testInitName:
		os.Exit(testInit())
	case testThreadName:
		testThread()
	case testIdleName:
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func testBuiltIn(name string) ([]byte, bool) {
	switch name {
	case "built-in.sh":
		return []byte("#!/bin/sh\necho built-in \"$0\" \"$@\"\n"), true
	case "built-in-elf":
		text, err := os.ReadFile("/bin/true")
		return text, err == nil
	}
	return nil, false
}

// errandSheet is what a test client is told to do, as its second argument.
type errandSheet struct {
	RunDir, HandlerDir string
	Steps              []Step
	Ready              bool   // ask Ready first, as the agent does
	Local              bool   // Run in the client itself
	Journal            string // file that takes Ready's answer, as the agent's journal does
}

func testClient() int {
	var sheet errandSheet
	if err := json.Unmarshal([]byte(os.Args[1]), &sheet); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	o := Options{RunDir: sheet.RunDir, HandlerDir: sheet.HandlerDir, Limits: Limits{Umask: -1}, BuiltIn: testBuiltIn}
	c := NewClient(o)
	out := json.NewEncoder(os.Stdout)
	for _, s := range sheet.Steps {
		var begun *Identity
		if sheet.Ready {
			id, err := c.Ready(context.Background())
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			begun = &id
			writeJournal(sheet.Journal, id)
		}
		var r Result
		var err error
		if sheet.Local {
			r = runHere(context.Background(), s, o)
		} else {
			r, err = c.Run(context.Background(), s, begun)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if err := out.Encode(r); err != nil {
			return 1
		}
	}
	return 0
}

func writeJournal(path string, id Identity) {
	if path == "" {
		return
	}
	text, _ := json.Marshal(id)
	if err := safefile.Write(path, text, 0o600); err != nil {
		panic(err)
	}
}

// readJournal is what a later agent knows: nil where the first one has recorded
// nothing.
func readJournal(path string) *Identity {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	id := new(Identity)
	if err := json.Unmarshal(text, id); err != nil {
		panic(err)
	}
	return id
}
