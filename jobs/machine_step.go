package jobs

import (
	"fmt"

	"jobbox/exec"
)

// Running the steps of a job.

// rebootStatus is the exit status that means: reboot, then run this step again
// (the convention of the AWS Systems Manager agent).
const rebootStatus = 194

// run starts the present step, once a runner serves.
func (m *machine) run() {
	if m.event.err != nil {
		m.judge(exec.Result{Failure: m.event.err.Error()})
		return
	}
	if m.update.pending() {
		m.phase = holding
		return
	}
	identity := m.event.identity
	m.job.reboot, m.job.reboots = "", 0
	m.startStep(&identity)
}

// startStep has the journal hold that the step is begun, and where, before it is.
func (m *machine) startStep(runner *exec.Identity) {
	m.job.begun = runner
	m.phase = running
	m.do(save)
	m.log(logInfo, "%s: attempt %d begins", m.job.title(), m.job.attempt)
	m.do(runStep)
}

// stepID is the ID of the present step.
func (m *machine) stepID() string { return m.job.plan(m.rules).ID }

// stepEnded decides by how the step has ended.
func (m *machine) stepEnded() {
	r := m.event.result
	switch {
	case r.Interrupted:
		m.log(logWarn, "%s: interrupted: %s", m.job.title(), r.Reason())
		m.again("interrupted %d times with the runner or the machine going down (jobs.max-attempts)")
	case r.Failure == "" && r.Signal == 0 && !r.TimedOut && !r.Ended && r.Code == rebootStatus && !m.quitting:
		m.job.take(r)
		m.askedForReboot()
	default:
		m.judge(r)
	}
}

// again runs the present step once more, unless it has had its attempts.
// exhausted is the reason in that case, with the number of attempts.
func (m *machine) again(exhausted string) {
	if m.job.attempt >= m.rules.MaxAttempts {
		m.judge(exec.Result{Failure: fmt.Sprintf(exhausted, m.job.attempt)})
		return
	}
	done := m.stepID()
	m.job.attempt++
	m.job.begun = nil
	m.phase = readying
	m.do(save)
	m.doStep(forgetStep, done)
	if m.quitting {
		m.do(quit)
		return
	}
	m.do(makeReady)
}

// askedForReboot is exit status 194.
func (m *machine) askedForReboot() {
	if m.job.attempt >= m.rules.MaxAttempts {
		m.judge(exec.Result{Failure: fmt.Sprintf("asked for a reboot %d times with exit status 194 (jobs.max-attempts)", m.job.attempt)})
		return
	}
	done := m.stepID()
	m.log(logInfo, "%s: exit status 194: reboots, then runs again", m.job.title())
	m.job.attempt++
	m.job.begun, m.job.reboot, m.job.reboots = nil, m.event.boot, 1
	m.phase = rebooting
	m.do(save)
	m.doStep(forgetStep, done)
	m.do(rebootNow)
}

// rebootAgain runs the reboot command once more: it said that it went well, and
// here we still are.
func (m *machine) rebootAgain() {
	if m.job.reboots >= m.rules.MaxAttempts {
		m.judge(exec.Result{Failure: fmt.Sprintf("the reboot command was run %d times, and the machine has not rebooted (jobs.reboot-command)", m.job.reboots)})
		return
	}
	m.job.reboots++
	m.do(save)
	m.do(rebootNow)
}

func (m *machine) noReboot() {
	m.judge(exec.Result{Failure: fmt.Sprintf("exit status 194 asked for a reboot: %v", m.event.err)})
}

// judge takes a step's result for good and goes on, or stops at a failure.
func (m *machine) judge(r exec.Result) {
	done, title := m.stepID(), m.job.title()
	ok, how := m.job.doc.Steps[m.job.step].judge(r)
	m.job.take(r)
	switch {
	case ok:
		m.log(logInfo, "%s: %s", title, how)
	case m.job.doc.Steps[m.job.step].IgnoreFailure && !m.quitting:
		m.log(logWarn, "%s: %s: ignored", title, how)
		m.job.ignored = append(m.job.ignored, title+": "+how)
	default:
		m.log(logWarn, "%s: %s", title, how)
		m.finish(Failed, fmt.Sprintf("%s (%s)", how, title))
		m.doStep(forgetStep, done)
		return
	}
	m.advance()
	m.doStep(forgetStep, done)
}

// advance goes to the next step, or to the end.
func (m *machine) advance() {
	if m.job.step+1 == len(m.job.doc.Steps) {
		m.finish(Succeeded, m.job.succeeded())
		return
	}
	runner := m.job.begun
	m.job.step, m.job.attempt, m.job.begun = m.job.step+1, 1, nil
	m.job.reboot, m.job.reboots = "", 0
	switch {
	case m.update.pending():
		m.phase = holding
		m.do(save)
	case runner == nil: // none had the step when it failed
		m.phase = readying
		m.do(save)
		m.do(makeReady)
	default:
		m.startStep(runner)
	}
}

// release goes on with the next step after holding it.
func (m *machine) release() {
	m.phase = readying
	m.do(makeReady)
}

// finish determines the final status: from here it is owed.
func (m *machine) finish(status Status, reason string) {
	m.job.final = &Final{status, m.job.details(reason), whole}
	m.job.begun, m.job.reboot, m.job.text = nil, "", nil
	m.phase = reporting
	m.log(logInfo, "%s: %s", status, m.job.final.Details.Reason)
	m.do(save)
	m.report()
}
