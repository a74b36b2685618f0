package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// An event is one line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Key     string // of an attribute (testing.T.Attr)
	Value   string
}

// A summary reads events and keeps what the closing lines need.
type summary struct {
	out           io.Writer
	root          bool                // whether tests that need root can run
	short         bool                // whether what runs long was left out, as asked
	said          map[string][]string // output of each test that has not ended, by package and name
	passed        int
	failed        int
	skipped       []string // names of tests, with what they said
	commandFailed bool
}

func newSummary(out io.Writer, root, short bool) *summary {
	return &summary{out: out, root: root, short: short, said: map[string][]string{}}
}

// read takes events until the end of r. Lines that are no event (a build
// error of an older go command) are passed on.
func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from go test: %w", err)
		}
	}
}

func (s *summary) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		s.out.Write(line)
		return
	}
	s.event(e)
}

func (s *summary) event(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		s.output(key, e)
	case "attr":
		fmt.Fprintf(s.out, "%s %s: %s\n", e.Test, e.Key, e.Value)
	case "pass":
		s.ended(key, e, &s.passed)
	case "fail":
		if e.Test != "" {
			fmt.Fprintf(s.out, "%s\n", strings.Join(s.said[key], ""))
		}
		s.ended(key, e, &s.failed)
	case "skip":
		s.skip(key, e)
	}
}

// output keeps what a test says until it has ended, and prints what a package
// says at once: go test's own line about it, or a crash.
func (s *summary) output(key string, e event) {
	if e.Test != "" {
		s.said[key] = append(s.said[key], e.Output)
		return
	}
	if e.Output != "PASS\n" && !strings.HasSuffix(e.Output, "[no test files]\n") {
		io.WriteString(s.out, e.Output)
	}
}

func (s *summary) ended(key string, e event, count *int) {
	delete(s.said, key)
	if e.Test != "" {
		*count++
	} else if e.Action == "fail" {
		s.commandFailed = true
	}
}

// skip notes a skipped test, unless it is one that may be: an input that a
// fuzz test has no use for, a test that says it needs root where we are not, or
// one that says it is left out of a short run.
func (s *summary) skip(key string, e event) {
	said := strings.Join(s.said[key], "")
	delete(s.said, key)
	fuzzInput := strings.HasPrefix(e.Test, "Fuzz") && strings.Contains(e.Test, "/")
	needsRoot := !s.root && strings.Contains(said, "root")
	tooLong := s.short && strings.Contains(said, "short")
	if e.Test == "" || fuzzInput || needsRoot || tooLong {
		return
	}
	s.skipped = append(s.skipped, e.Package+" "+e.Test+"\n"+said)
}

// close prints the sum and says whether anything went wrong.
func (s *summary) close() (failed bool) {
	for _, test := range s.skipped {
		fmt.Fprintf(s.out, "skipped, and none may be: %s", test)
	}
	if s.commandFailed && s.failed == 0 {
		fmt.Fprintln(s.out, "a package failed outside its tests: see above")
		s.failed++
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	return s.failed > 0 || s.commandFailed || len(s.skipped) > 0 || s.passed == 0
}
