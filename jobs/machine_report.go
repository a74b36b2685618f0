package jobs

// Reporting a final status, and finding out whether a job is still ours.

// maxQuestions is how often the service is asked whether a job is still ours
// before its next step goes on without an answer.
const maxQuestions = 4

// report sends the final status, as a new request.
func (m *machine) report() {
	if !m.connected {
		if m.quitting {
			m.do(quit)
		}
		return
	}
	m.update = request{token: m.token()}
	m.do(sendUpdate)
	m.wait(waitUpdate, 0)
}

func (m *machine) reportOnceMore() {
	if !m.connected {
		return
	}
	if !m.update.pending() {
		m.report()
		return
	}
	m.update.tries++
	m.do(sendUpdate)
	m.wait(waitUpdate, m.update.tries)
}

// delivered: the service has taken the final status.
func (m *machine) delivered() {
	m.log(logInfo, "%s delivered", m.job.final.Status)
	m.drops = 0
	m.settle(true)
	m.askNow()
}

// settle files the job under recent: nothing is owed any more.
func (m *machine) settle(delivered bool) {
	f := m.job.final
	if old, ok := m.finished(m.job.ID); !ok || old.Delivered != delivered {
		m.remember(Done{m.job.ID, f.Status, f.Details.Reason, m.event.now, delivered})
	}
	m.job, m.update = nil, request{}
	m.do(save)
}

// reportRefused tells the refusals apart: again later, with less, or never.
func (m *machine) reportRefused() {
	code := m.event.code
	switch f := m.job.final; {
	case again(code):
		m.pause(pauseUpdate, &m.update)
	case code == codeInvalidRequest && f.fallback < reasonAlone:
		reduced := *f
		reduced.fallback++
		m.job.final = &reduced
		m.log(logWarn, "statusDetails refused (%s): sent again, reduced", m.event.message)
		m.report()
	case m.event.state == f.Status:
		m.delivered() // an earlier try had arrived, only its answer was lost
	default:
		m.log(logError, "%s is not taken by the service, and dropped: %s: %s", f.Status, code, m.event.message)
		m.settle(false)
		if m.quitting {
			m.do(quit)
			return
		}
		m.afterDrop()
	}
}

// afterDrop asks for the next job: at once the first time, later and later if
// the service goes on refusing.
func (m *machine) afterDrop() {
	if m.drops == 0 {
		m.drops++
		m.askNow()
		return
	}
	m.laterAsk()
}

// suspect: the service names another execution, or none, as the next one. If
// it is right, ours has been cancelled, deleted or timed out there; if the
// message is an old one, nothing has happened. An update for ours tells.
func (m *machine) suspect() {
	if m.event.kind != notified {
		m.ask = request{}
	}
	e := m.event.execution
	if e != nil && e.ID == m.job.ID || m.update.pending() || !m.connected {
		return
	}
	m.log(logInfo, "another job, or none, is next: is this one cancelled?")
	m.update = request{token: m.token()}
	m.do(sendUpdate)
	m.wait(waitUpdate, 0)
}

func (m *machine) stillOurs() {
	m.update = request{}
	if m.phase == holding {
		m.release()
	}
}

// questionDue repeats the question, and gives up on it after some time.
func (m *machine) questionDue() {
	if !m.update.pending() || !m.connected {
		return
	}
	m.update.tries++
	if m.update.tries >= maxQuestions {
		m.stillOurs()
		return
	}
	m.do(sendUpdate)
	m.wait(waitUpdate, m.update.tries)
}

// perhapsCancelled: the service refused the update for a job at work.
func (m *machine) perhapsCancelled() {
	switch code := m.event.code; {
	case again(code):
		m.pause(pauseUpdate, &m.update)
	case m.event.state == InProgress, !confirmsCancel(code):
		m.log(logWarn, "update refused (%s: %s): goes on", code, m.event.message)
		m.stillOurs()
	default:
		m.update = request{}
		m.cancel()
	}
}

// confirmsCancel tells the codes that are about the execution from those that
// are about our request.
func confirmsCancel(code string) bool {
	switch code {
	case "ResourceNotFound", "InvalidStateTransition", "TerminalStateReached", "VersionMismatch":
		return true
	}
	return false
}

func (m *machine) cancel() {
	m.log(logWarn, "cancelled, deleted or timed out in the cloud (%s)", m.event.code)
	if m.phase != running {
		m.cancelled()
		return
	}
	m.phase = ending
	m.doStep(endStep, m.stepID())
}

// cancelled: nothing of the job runs any more.
func (m *machine) cancelled() {
	step := m.stepID()
	status := m.event.state
	if m.phase == ending || status == "" {
		status = Canceled
	}
	m.log(logInfo, "ended")
	m.remember(Done{m.job.ID, status, "cancelled, deleted or timed out in the cloud", m.event.now, true})
	m.job = nil
	m.do(save)
	m.doStep(forgetStep, step)
	m.askNow()
}

// leave: SIGINT with nothing at work.
func (m *machine) leave() {
	m.quitting = true
	m.do(quit)
}

// leaveAfter: SIGINT while a cancelled step is being ended.
func (m *machine) leaveAfter() { m.quitting = true }

// leaveWithJob: SIGINT between steps; the journal has the job.
func (m *machine) leaveWithJob() { m.leave() }

// endForQuit: SIGINT ends the running step first; it fails, and is reported.
func (m *machine) endForQuit() {
	m.quitting = true
	m.doStep(endStep, m.stepID())
}

// leaveSoon: SIGINT while a status is owed: it is on disk.
func (m *machine) leaveSoon() {
	m.quitting = true
	if !m.connected {
		m.do(quit)
	}
}
