// Command testrun runs `go test` in one module after the other and fails when
// a test failed or was skipped: a tool that is missing must not look like a
// test that passed. It prints go test's own line for each package, the figures
// that tests report as attributes, all that a failed test said, and a closing
// line with the sum.
//
//	testrun [-race] [-short] [-run RE] [-tags TAG,...] [-timeout D] DIR[:PATTERN,...] ...
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	failed, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

// run runs the modules named in args and says whether anything went wrong in
// a test; an error is about the command line or the go command.
func run(args []string, stdout, stderr io.Writer) (failed bool, err error) {
	flags := flag.NewFlagSet("testrun", flag.ContinueOnError)
	race := flags.Bool("race", false, "detect data races (needs cgo)")
	short := flags.Bool("short", false, "leave out what runs long")
	only := flags.String("run", "", "only tests that match")
	tags := flags.String("tags", "", "build tags of the tests")
	limit := flags.String("timeout", "30m", "for one package")
	if err := flags.Parse(args); err != nil {
		return true, err
	}
	// -count=1: a test that runs a command may not be taken from the cache,
	// which knows nothing of what the command reads.
	goTest := []string{"test", "-json", "-count=1", "-timeout", *limit, "-run", *only, "-tags", *tags}
	if *race {
		goTest = append(goTest, "-race")
	}
	if *short {
		goTest = append(goTest, "-short")
	}
	sum := newSummary(stdout, os.Geteuid() == 0, *short)
	for _, where := range flags.Args() {
		if err := runModule(sum, where, goTest, stderr); err != nil {
			return true, err
		}
	}
	return sum.close(), nil
}

// runModule feeds sum with the events of one module. where is its directory
// and, after a colon, the package patterns; without them, all packages.
func runModule(sum *summary, where string, goTest []string, stderr io.Writer) error {
	dir, patterns, found := strings.Cut(where, ":")
	if !found {
		patterns = "./..."
	}
	cmd := exec.Command("go", append(goTest, strings.Split(patterns, ",")...)...)
	cmd.Dir, cmd.Stderr = dir, stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("pipe to go test in %q: %w", dir, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test in %q: %w", dir, err)
	}
	readErr := sum.read(events)
	if err := cmd.Wait(); err != nil {
		// Its failures are in the events; one that is not must fail us too.
		sum.commandFailed = true
	}
	return readErr
}
