package exec

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain makes the test binary a runner where a client starts it as one, and
// a stand-in for what else the tests execute.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case RunnerName:
		os.Exit(RunnerMain(RunnerOptions{BuiltIn: testBuiltIn}))
	}
	os.Exit(m.Run())
}

func testBuiltIn(name string) ([]byte, bool) {
	if name != "built-in.sh" {
		return nil, false
	}
	return []byte("#!/bin/sh\necho built-in $0 $*\n"), true
}
