package exec

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jobbox/internal/logging"
)

func self() string { return strconv.Itoa(os.Getpid()) }

// However much comes on either stream, in whatever order, a step ends, and all
// of it is counted.
func TestOutput(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	end := strings.Repeat("x", 4095)
	tests := []struct {
		name, script   string
		stdout, stderr string
		bytes, lines   int64
	}{
		{"none", "exit 0", "", "", 0, 0},
		{"64 KiB and more on stderr alone", "head -c 300000 /dev/zero | tr '\\0' x >&2", "", strings.Repeat("x", 4096), 0, 1},
		{"both, one after the other", "head -c 300000 /dev/zero | tr '\\0' x >&2; head -c 300000 /dev/zero | tr '\\0' y; echo >&2; echo", strings.Repeat("y", 4095) + "\n", end + "\n", 300001, 1},
		{"both at once", "(yes | head -c 200000) & (yes | head -c 200000 >&2) & wait", strings.Repeat("y\n", 2048), strings.Repeat("y\n", 2048), 200000, 100000},
		{"lines", "echo a; echo b >&2; printf 'c\\nd' >&2", "a\n", "b\nc\nd", 2, 3},
		{"binary", "printf '\\377\\000\\n'", "\xff\x00\n", "", 3, 0},
		{"cut inside a character", "i=0; while [ $i -lt 3000 ]; do printf 'é'; i=$((i+1)); done; printf x", strings.Repeat("é", 2047) + "x", "", 6001, 0},
		{"closed early", "exec >&- 2>&-; sleep 0.2", "", "", 0, 0},
	}
	c := NewClient(o)
	for _, tt := range tests {
		for who, run := range map[string]func(Step) Result{
			"here":         func(s Step) Result { return runLocal(t, s, o) },
			"under runner": func(s Step) Result { return runClient(t, c, s, nil) },
		} {
			r := run(script(tt.script))
			if !r.OK() || r.Held || r.Stdout != tt.stdout || r.Stderr != tt.stderr || r.StdoutBytes != tt.bytes || r.StderrLines != tt.lines {
				t.Errorf("%s, %s: %s, held %v, %d bytes %.20q, %d lines %.20q; want %d, %.20q, %d, %.20q", tt.name, who, r.Reason(), r.Held,
					r.StdoutBytes, r.Stdout, r.StderrLines, r.Stderr, tt.bytes, tt.stdout, tt.lines, tt.stderr)
			}
		}
	}
}

// A gigabyte goes through a step and the runner stays as small as it was.
func TestGigabyte(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantOK(t, runClient(t, c, script("head -c 1000000 /dev/zero"), &runner))
	before := peakRSS(t, runner.PID)
	s := script("head -c 1073741824 /dev/zero; head -c 100000 /dev/zero | tr '\\0' '\\n' >&2")
	s.LogOutput = true
	r := runClient(t, c, s, &runner)
	after := peakRSS(t, runner.PID)
	if !r.OK() || r.StdoutBytes != 1<<30 || r.StderrLines != 100000 {
		t.Errorf("%s; %d bytes, %d lines", r.Reason(), r.StdoutBytes, r.StderrLines)
	}
	t.Logf("1 GiB in %v; the runner's greatest RSS was %d KiB before and %d KiB after", r.Duration, before, after)
	if after > before+8192 {
		t.Errorf("the runner grew from %d to %d KiB", before, after)
	}
}

// peakRSS is VmHWM in KiB: what a process has ever had in memory.
func peakRSS(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A process in the background holds the output: the step ends all the same, and
// with the words that it had said itself.
func TestBackgroundHoldsOutput(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	for _, redirect := range []string{"", ">/dev/null", "2>/dev/null"} {
		r := runLocal(t, script("sh -c 'sleep 1000 & echo $!' "+redirect+" & wait; echo last; echo words >&2"), o)
		if !r.OK() || !r.Held || !strings.HasSuffix(r.Stdout, "last\n") || r.Stderr != "words\n" || r.Duration > patience {
			t.Errorf("%q: %+v; want success, held", redirect, r)
		}
		killText(strings.Fields(r.Stdout)[0])
	}
	// One that never stops talking does not hold it either.
	r := runLocal(t, script("yes & echo $! >&2"), o)
	if !r.OK() || !r.Held {
		t.Errorf("%s, held %v; want success, held", r.Reason(), r.Held)
	}
	killText(r.Stderr)
}

func killText(pid string) {
	if n := readPIDText(pid); n > 1 {
		if p, err := os.FindProcess(n); err == nil {
			p.Kill()
		}
	}
}

// Lines reach the agent's log where it asks for them, and nowhere else.
func TestLogOutput(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	for _, level := range []logging.Level{logging.Debug, logging.Info} {
		for _, local := range []bool{true, false} {
			var mu sync.Mutex
			var lines []string
			o.Log = logging.New(level, func(_ logging.Level, line string) {
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, line)
			})
			s := script("echo one; printf 'two\\033[2J\\nlast'; sleep 0.1; echo err >&2")
			s.LogOutput = true
			if local {
				wantOK(t, runLocal(t, s, o))
			} else {
				wantOK(t, runClient(t, NewClient(o), s, nil))
			}
			mu.Lock()
			got := strings.Join(lines, "|")
			mu.Unlock()
			want := map[logging.Level][]string{logging.Debug: {"job job-1: step 1: stdout: one", `job job-1: step 1: stdout: two\x1b[2J`, "job job-1: step 1: stdout: last", "job job-1: step 1: stderr: err"}}[level]
			for _, line := range want {
				if !strings.Contains(got, line) {
					t.Errorf("%v, here %v: no line %q in %q", level, local, line, got)
				}
			}
			if len(lines) != len(want) {
				t.Errorf("%v, here %v: %q; want %q", level, local, lines, want)
			}
		}
	}
}

// A log that is slow holds up neither the step nor its result.
func TestSlowLog(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	var lines []string
	o.Log = logging.New(logging.Debug, func(_ logging.Level, line string) {
		time.Sleep(time.Millisecond)
		lines = append(lines, line)
	})
	s := script("i=0; while [ $i -lt 20 ]; do yes 2>/dev/null | head -n 20000; sleep 0.05; i=$((i+1)); done; exit 3")
	s.LogOutput = true
	if r := runClient(t, NewClient(o), s, nil); r.Code != 3 || r.StdoutBytes != 800000 {
		t.Errorf("%+v; want status 3", r)
	}
	if all := strings.Join(lines, "\n"); !strings.Contains(all, "lines left out") {
		t.Errorf("%d lines, none left out", len(lines))
	}
}
