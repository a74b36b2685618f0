//go:build !exclude_jobs

package applets

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"

	"jobbox/config"
	"jobbox/exec"
	"jobbox/internal/logging"
	"jobbox/jobs"
	"jobbox/mqtt"
	"jobbox/scripts/handlers"
)

func init() {
	newJobs, subscriptions = makeJobs, jobs.Subscriptions
	register(Applet{
		Name: "jobbox-runner", Usage: "jobbox-runner", Hidden: true,
		Summary: "parent of the steps; the agent starts it by itself",
		Run:     func(*Env) int { return exec.RunnerMain(exec.RunnerOptions{BuiltIn: handlers.Lookup}) },
	})
}

// gcPercent trades a little processor time for half of the heap that a burst of
// messages leaves behind. It is set with the first job only: before that, a
// collection's own workers would be the largest thing in memory (docs/SIZES.md).
const gcPercent = 20

// rested gives back what a job's messages and output took.
func rested() {
	debug.SetGCPercent(gcPercent)
	debug.FreeOSMemory()
}

// jobsAgent joins the Jobs feature to a session.
type jobsAgent struct {
	*jobs.Agent
	runner *exec.Client
	runDir string
	reboot atomic.Pointer[[]string]
	log    *logging.Logger
}

func makeJobs(c config.Config, conn *mqtt.Client, log *logging.Logger) jobsPart {
	j := &jobsAgent{runner: exec.NewClient(stepOptions(c, log)), runDir: c.Jobs.RunDir, log: log}
	j.reboot.Store(&c.Jobs.RebootCommand)
	j.Agent = jobs.New(jobs.Options{
		Thing: c.ThingName, StateDir: c.Jobs.StateDir, Rules: jobRules(c), Log: log,
		Reboot: j.runReboot, Rested: rested,
	}, conn, j.runner)
	return j
}

// Handle implements jobsPart.
func (j *jobsAgent) Handle(e mqtt.Event) {
	switch e.Kind {
	case mqtt.Connected:
		j.announce(true)
		j.Connected()
	case mqtt.Lost:
		j.announce(false)
		j.Lost()
	case mqtt.Received:
		j.Message(e.Message.Topic, e.Message.Payload)
	case mqtt.Missed:
		j.Missed()
	}
}

func (j *jobsAgent) announce(connected bool) {
	if err := announce(j.runDir, connected); err != nil {
		j.log.Warnf("agent: jobbox status --connected will not know: %v", err)
	}
}

// Reload implements jobsPart.
func (j *jobsAgent) Reload(c config.Config) {
	j.reboot.Store(&c.Jobs.RebootCommand)
	j.runner.SetOptions(stepOptions(c, j.log))
	j.SetRules(jobRules(c))
}

// stepOptions is how the configuration has steps run.
func stepOptions(c config.Config, log *logging.Logger) exec.Options {
	o := exec.Options{
		RunDir: c.Jobs.RunDir, StateDir: c.Jobs.StateDir, HandlerDir: c.Jobs.HandlerDir,
		Limits: stepLimits(c.Jobs.Limits), Log: log,
	}
	if c.Jobs.Allow.BuiltIn {
		o.BuiltIn = handlers.Lookup
	}
	return o
}

func stepLimits(l config.Limits) exec.Limits {
	out := exec.Limits{NoNewPrivs: l.NoNewPrivs, Umask: -1}
	for _, pair := range []struct {
		to   *uint64
		from *uint64
	}{{&out.CPU, l.CPUSeconds}, {&out.AddressSpace, l.AddressSpace}, {&out.OpenFiles, l.OpenFiles}, {&out.Processes, l.Processes}} {
		if pair.from != nil {
			*pair.to = *pair.from
		}
	}
	if l.Umask != nil {
		out.Umask = *l.Umask
	}
	if l.Nice != nil {
		out.Nice = *l.Nice
	}
	return out
}

// jobRules is what the configuration lets a job document ask for.
func jobRules(c config.Config) jobs.Rules {
	allow := c.Jobs.Allow
	return jobs.Rules{
		Policy: jobs.Policy{
			RunCommand: allow.RunCommand, AnyPath: allow.AnyPath, Paths: cleanPaths(allow.Paths),
			AnyUser: allow.AnyUser, Users: allow.Users, BuiltIn: allow.BuiltIn,
		},
		Self:        exec.OwnUser().Name,
		BuiltIn:     func(name string) bool { return usesBuiltIn(c.Jobs.HandlerDir, name) },
		StepTimeout: int64(c.Jobs.StepTimeout.Seconds()),
		MaxAttempts: c.Jobs.MaxAttempts,
		LogOutput:   c.Log.Level == logging.Debug,
	}
}

func cleanPaths(paths []string) []string {
	out := slices.Clone(paths)
	for i, p := range out {
		if p != "default" {
			out[i] = filepath.Clean(p)
		}
	}
	return out
}

// usesBuiltIn says whether a handler's name means jobbox's own: a file in the
// handler directory always wins.
func usesBuiltIn(dir, name string) bool {
	if _, ok := handlers.Lookup(name); !ok {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, name))
	return os.IsNotExist(err)
}

// runReboot runs jobs.reboot-command to its end, in a session of its own: it
// may be what stops the agent.
func (j *jobsAgent) runReboot(context.Context) error {
	argv := *j.reboot.Load()
	cmd := osexec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	j.log.Infof("agent: reboots: %q", argv)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("jobs.reboot-command %q: %w: %s", argv, err, logging.Clean(string(out)))
	}
	return nil
}
