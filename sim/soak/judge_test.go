package soak

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"jobbox/sim/service"
)

// count is how the jobs came out.
type count struct{ lost, doubled, wrong int }

// judge prints the figures and fails where one is not as it must be.
func (s *soak) judge(before, after usage) {
	var c count
	for _, j := range s.jobs {
		s.judgeJob(j, &c)
	}
	s.t.Logf("%d jobs; faults: %v", len(s.jobs), s.faults)
	s.t.Logf("lost, doubled, wrong: %d, %d, %d", c.lost, c.doubled, c.wrong)
	s.t.Logf("agent, a quarter of the time apart: %v; %v", before, after)
	if c != (count{}) {
		s.t.Errorf("lost, doubled, wrong: %d, %d, %d; want 0, 0, 0", c.lost, c.doubled, c.wrong)
	}
	if after.descriptors > before.descriptors+3 {
		s.t.Errorf("descriptors grow from %d to %d", before.descriptors, after.descriptors)
	}
	if before.pid == after.pid && after.anonymous > 2*before.anonymous+1024 {
		s.t.Errorf("anonymous memory grows from %d to %d kB", before.anonymous, after.anonymous)
	}
}

func (s *soak) judgeJob(j *job, c *count) {
	finals := s.FinalCount(j.id)
	ran := s.ran(j)
	last := s.WaitFinal(j.id)
	switch {
	case finals == 0:
		c.lost++
	case finals > 1 || doubled(ran, j.killed):
		c.doubled++
	case j.canceled && last.Status == service.Canceled:
		return // what ran before the cancel did no more than once
	case last.Status != j.want, !j.killed && ran != j.steps:
		c.wrong++
	default:
		return
	}
	s.t.Logf("job %s: %d final statuses, the last %s %q; ran %q; want %s, %q (runner killed %v, cancelled %v)",
		j.id, finals, last.Status, last.Details, ran, j.want, j.steps, j.killed, j.canceled)
}

func (s *soak) ran(j *job) string {
	data, err := os.ReadFile(j.marks)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(data)
}

// doubled says whether a step ran twice as the same attempt, or had a second
// attempt without the runner having been killed.
func doubled(ran string, killed bool) bool {
	seen := map[string]bool{}
	for line := range strings.Lines(ran) {
		if seen[line] || !killed && !strings.HasSuffix(line, " 1\n") {
			return true
		}
		seen[line] = true
	}
	return false
}

// usage is what the agent takes.
type usage struct {
	pid, rss, anonymous int // kB
	descriptors         int
}

func (u usage) String() string {
	return fmt.Sprintf("RSS %d kB, anonymous %d kB, %d descriptors (pid %d)", u.rss, u.anonymous, u.descriptors, u.pid)
}

var memory = regexp.MustCompile(`(?m)^(VmRSS|RssAnon):\s+(\d+) kB$`)

func (s *soak) usage() usage {
	u := usage{pid: s.device.Pid()}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", u.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range memory.FindAllStringSubmatch(string(status), -1) {
		n, _ := strconv.Atoi(m[2])
		if m[1] == "VmRSS" {
			u.rss = n
		} else {
			u.anonymous = n
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	u.descriptors = len(fds)
	return u
}
