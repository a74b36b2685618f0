package jobs

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"jobbox/exec"
	"jobbox/internal/logging"
)

// FaultPoint, where set, is told of each act that the outside can see, before
// it is done and after. Builds that test crashes set it before anything runs; others
// leave it nil.
var FaultPoint func(what string)

func fault(what string) {
	if FaultPoint != nil {
		FaultPoint(what)
	}
}

// carryOut does what the machine has decided, in its order.
func (a *Agent) carryOut(ctx context.Context, actions []action) (leave bool) {
	for _, act := range actions {
		switch act.kind {
		case save:
			a.save()
		case askNext:
			a.publish(a.topics.startNext(), startNext(a.state.ask.token))
		case sendUpdate:
			a.sendUpdate()
		case waitAsk, waitUpdate, pauseAsk, pauseUpdate:
			a.timers.arm(act)
		case makeReady:
			go a.makeReady(ctx)
		case runStep:
			fault("start")
			go a.runStep(ctx, a.state.job.plan(*a.rules.Load()), a.state.job.begun)
			fault("started")
		case endStep:
			go a.endStep(ctx, act.step)
		case forgetStep:
			a.forget(act.step)
		case rebootNow:
			a.timers.awaitReboot()
			go a.rebootNow(ctx, a.journal.broken)
		case quit:
			leave = true
		case logInfo:
			a.log.Infof("%s", act.text)
		case logWarn:
			a.log.Warnf("%s", act.text)
		case logError:
			a.log.Errorf("%s", act.text)
		}
	}
	return leave
}

// save never stops jobs from running: a state directory that cannot be written
// is logged, once for each reason.
func (a *Agent) save() {
	err := a.journal.save(a.state)
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	if reason != a.journal.broken && err != nil {
		a.log.Errorf("jobs: journal: %v; jobs go on, but a restart would not know of them", err)
	}
	if err == nil && a.journal.broken != "" {
		a.log.Infof("jobs: journal is written again")
	}
	a.journal.broken = reason
	a.log.Debugf("jobs: journal: %d writes, %d bytes so far", a.journal.saves, a.journal.written)
}

func (a *Agent) publish(topic string, payload []byte) {
	fault("publish")
	a.log.Debugf("jobs: publish on %s: %s", topic, payload)
	if err := a.conn.Publish(topic, payload); err != nil {
		a.log.Debugf("jobs: publish on %s: %v", topic, err)
	}
	fault("published")
}

func (a *Agent) sendUpdate() {
	job := a.state.job
	u := update{status: InProgress, number: job.Number, token: a.state.update.token}
	if f := job.final; f != nil {
		u.status, u.details = f.Status, f.Details.reduce(f.fallback)
	}
	a.publish(a.topics.update(job.Job), u.body())
}

func (a *Agent) makeReady(ctx context.Context) {
	id, err := a.runner.Ready(ctx)
	if ctx.Err() == nil {
		a.push(event{kind: ready, identity: id, err: err})
	}
}

// runStep waits for a step; the end of ctx leaves it running for the next agent.
func (a *Agent) runStep(ctx context.Context, step exec.Step, begun *exec.Identity) {
	result, err := a.runner.Run(ctx, step, begun)
	if err == nil {
		a.push(event{kind: ended, result: result})
	}
}

func (a *Agent) endStep(ctx context.Context, id string) {
	fault("end")
	defer fault("end asked for")
	if err := a.runner.End(ctx, id); err != nil && ctx.Err() == nil {
		a.log.Errorf("jobs: end step %s: %v", id, err)
	}
}

func (a *Agent) forget(id string) {
	fault("forget")
	defer fault("forgotten")
	if err := a.runner.Forget(id); err != nil {
		a.log.Debugf("jobs: forget step %s: %v", id, err)
	}
}

// rebootNow reboots, unless the journal could not be written: a job that nobody
// remembers would reboot the machine again and again.
func (a *Agent) rebootNow(ctx context.Context, broken string) {
	if broken != "" {
		a.push(event{kind: rebootFailed, err: fmt.Errorf("not done, since the job would begin anew after it: %s", broken)})
		return
	}
	fault("reboot")
	defer fault("reboot asked for")
	if err := a.reboot(ctx); err != nil && ctx.Err() == nil {
		a.push(event{kind: rebootFailed, err: err})
	}
}

// survey says once what is unfortunate about the state directory.
func (j *journal) survey(log *logging.Logger) {
	dir := filepath.Dir(j.path)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		if err != syscall.ENOENT {
			log.Warnf("jobs: state directory %s: %v", dir, err)
		}
		return
	}
	switch int64(fs.Type) {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		log.Warnf("jobs: state directory %s is in memory: a power cut loses what was in progress; set jobs.state-directory to a place on flash", dir)
	}
}
