// Package soak runs a device through a stream of jobs with faults all the
// while, and counts what was lost, doubled or wrong. `make soak` runs it for
// minutes; the tests, for seconds.
package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"jobbox/sim/lab"
	"jobbox/sim/netfault"
	"jobbox/sim/service"
)

var (
	length = flag.Duration("soak.for", 20*time.Second, "how long faults and jobs go on")
	seed   = flag.Uint64("soak.seed", 1, "of the random choices")
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// soak is a device under way.
type soak struct {
	*rand.Rand
	*lab.Lab
	t      *testing.T
	device *lab.Device
	proxy  *netfault.Proxy
	jobs   []*job
	faults map[string]int
	kills  bool // agent, runner and connections may be ended
}

// job is one that was made, and what must become of it.
type job struct {
	id       string
	marks    string
	want     service.Status
	steps    string // what an undisturbed run leaves in marks
	canceled bool
	killed   bool // the runner was killed while it may have run: a second attempt is right
}

func TestSoak(t *testing.T) {
	l := lab.New(t)
	s := &soak{Rand: rand.New(rand.NewPCG(*seed, 0)), Lab: l, t: t, proxy: l.Proxy(), device: l.Device("soak"), faults: map[string]int{}}
	s.device.Via(s.proxy.Addr())
	s.device.Settings.Section("logging")["level"] = "INFO"
	s.device.StartAndWait()
	s.kills = true
	s.live(*length / 2)
	s.settle()
	// The second half spares the agent and its connection, to see what becomes
	// of its memory: each loss would have it wait longer before it comes back.
	s.kills = false
	s.live(*length / 4)
	s.settle()
	before := s.usage()
	s.live(*length / 4)
	s.settle()
	after := s.usage()
	s.judge(before, after)
}

// live makes jobs and faults for as long as d.
func (s *soak) live(d time.Duration) {
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		if s.unfinished() < 5 {
			s.makeJob()
		}
		if s.IntN(3) == 0 {
			s.spoil()
		}
		time.Sleep(time.Duration(20+s.IntN(150)) * time.Millisecond) // the pace of a day, not a wait
	}
}

func (s *soak) unfinished() int {
	n := 0
	for _, j := range s.jobs {
		if s.FinalCount(j.id) == 0 {
			n++
		}
	}
	return n
}

// makeJob queues one of the kinds of jobs.
func (s *soak) makeJob() {
	j := &job{marks: s.device.Path(fmt.Sprintf("marks-%d", len(s.jobs)))}
	step := func(then, more string) string {
		return fmt.Sprintf(`{"action":{"name":"s","type":"runCommand"%s,"input":{"command":"sh,-c,echo $JOBBOX_STEP $JOBBOX_ATTEMPT >> %s; echo out $JOBBOX_STEP; %s"}}}`, more, j.marks, then)
	}
	var steps []string
	switch s.IntN(4) {
	case 0:
		steps, j.want, j.steps = []string{step("sleep 0.1", ""), step("true", "")}, service.Succeeded, "1 1\n2 1\n"
	case 1:
		steps, j.want, j.steps = []string{step("exit 3", ""), step("true", "")}, service.Failed, "1 1\n"
	case 2:
		steps, j.want, j.steps = []string{step("kill -9 $$", `,"ignoreStepFailure":"true"`), step("true", "")}, service.Succeeded, "1 1\n2 1\n"
	case 3:
		steps, j.want = []string{step("true", ""), `{"action":7}`}, service.Rejected
	}
	j.id = s.CreateJob(`{"version":"1.0","includeStdOut":true,"steps":[` + strings.Join(steps, ",") + `]}`)
	s.jobs = append(s.jobs, j)
}

// spoil is one fault.
func (s *soak) spoil() {
	faults := []struct {
		name string
		do   func()
	}{
		{"throttled", func() { s.Service.Faults().Throttle(300 * time.Millisecond) }},
		{"stale notification", func() { _ = s.Service.Faults().Replay("soak", "notify-next", 0) }},
		{"cancelled", s.cancelOne},
		{"connection cut", func() { s.proxy.Cut() }},
		{"network away", func() {
			s.proxy.Refuse(true)
			s.proxy.Cut()
			time.Sleep(300 * time.Millisecond)
			s.proxy.Refuse(false)
		}},
		{"broker restarted, sessions lost", func() { s.Cloud.Restart(false) }},
		{"broker restarted, sessions kept", func() { s.Cloud.Restart(true) }},
		{"agent killed", func() {
			s.device.Kill9()
			s.device.Start()
		}},
		{"agent stopped", func() {
			s.device.Stop()
			s.device.Start()
		}},
		{"runner killed", s.killRunner},
	}
	if !s.kills {
		faults = faults[:3]
	}
	f := faults[s.IntN(len(faults))]
	s.faults[f.name]++
	f.do()
}

func (s *soak) cancelOne() {
	for _, j := range s.jobs {
		if s.FinalCount(j.id) == 0 && s.Service.CancelJobExecution(j.id, "soak", service.CancelExecutionInput{Force: true}) == nil {
			j.canceled = true
			return
		}
	}
}

func (s *soak) killRunner() {
	for _, j := range s.jobs {
		if s.FinalCount(j.id) == 0 {
			j.killed = true
		}
	}
	if s.device.RunnerAlive() {
		s.device.KillRunner()
	}
}

// settle ends the faults and waits until every job has come to its end.
func (s *soak) settle() {
	s.Service.Faults().Clear()
	s.proxy.Refuse(false)
	if s.kills {
		// A back-off may have come to two minutes: a restart is a fresh start.
		s.device.Restart()
	}
	for _, j := range s.jobs {
		s.WaitFinal(j.id)
	}
}
