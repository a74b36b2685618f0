package jobs

// Asking for the next job: start-next and what comes of it.

// askNow sends start-next, as a new request.
func (m *machine) askNow() {
	if m.quitting {
		m.do(quit)
		return
	}
	m.phase, m.later = idle, false
	if !m.connected {
		return
	}
	m.phase = asking
	m.ask = request{token: m.token()}
	m.do(askNext)
	m.wait(waitAsk, 0)
}

// askAfterPause is the end of a back-off; the timer may also be that of a
// request which has been answered.
func (m *machine) askAfterPause() {
	if m.later {
		m.askNow()
	}
}

func (m *machine) askIfQueued() {
	if m.event.execution != nil {
		m.askNow()
	}
}

// askAgainLater notes that something was queued after start-next was sent: its
// answer may not know of it yet.
func (m *machine) askAgainLater() {
	if m.event.execution != nil {
		m.ask.stale = true
	}
}

// askOnceMore repeats a request that was not answered; where none is pending
// the timer is an old one.
func (m *machine) askOnceMore() {
	if !m.ask.pending() || !m.connected {
		return
	}
	m.ask.tries++
	m.do(askNext)
	m.wait(waitAsk, m.ask.tries)
}

func (m *machine) rest() { m.phase = idle }

// none: nothing is queued, as far as that answer knew.
func (m *machine) none() {
	stale := m.ask.stale
	m.ask, m.phase, m.drops = request{}, idle, 0
	if stale {
		m.askNow()
	}
}

// askRefused waits for better times where the same request is worth sending
// again; else for the next connection, notification or the slow timer.
func (m *machine) askRefused() {
	if again(m.event.code) {
		m.pause(pauseAsk, &m.ask)
		return
	}
	m.log(logError, "start-next refused: %s: %s", m.event.code, m.event.message)
	m.ask, m.phase = request{}, idle
}

// begin takes the execution that start-next has answered with.
func (m *machine) begin() {
	e := m.event.execution
	m.ask = request{}
	if done, ok := m.finished(e.ID); ok {
		m.reportAgain(done)
		return
	}
	if e.Status != InProgress {
		m.log(logError, "start-next answered with job %s in status %q, want IN_PROGRESS: not run", e.Job, string(e.Status))
		m.laterAsk()
		return
	}
	m.job = &Job{ID: e.ID, attempt: 1}
	doc, v, err := m.rules.read(e)
	if err != nil {
		m.log(logWarn, "execution %d: rejected: %v", e.Number, err)
		m.finish(Rejected, err.Error())
		return
	}
	m.job.doc, m.job.text = doc, v.JSON()
	m.log(logInfo, "execution %d: taken, steps: %d", e.Number, len(doc.Steps))
	if doc.Conditions {
		m.log(logWarn, "its conditions are not evaluated")
	}
	m.phase = readying
	m.do(makeReady)
}

// reportAgain is for an execution that was run to its end and that the service
// still takes for IN_PROGRESS: it never took our final status. It is not run
// again.
func (m *machine) reportAgain(d Done) {
	status := d.Status
	if status != Succeeded && status != Rejected { // CANCELED is not for a device to set
		status = Failed
	}
	m.job = &Job{ID: d.ID, final: &Final{status, Details{Reason: d.Reason}, whole}}
	m.log(logWarn, "execution %d: has been run already: %s is reported again", d.Number, status)
	m.phase = reporting
	m.report()
}

// laterAsk asks again after a back-off that grows with what went wrong.
func (m *machine) laterAsk() {
	m.phase, m.job, m.later = idle, nil, true
	m.drops++
	m.wait(pauseAsk, m.drops+2)
}

// check asks start-next although a job is at work: SPEC section 3 wants it on
// every connection, and the answer shows whether the job is still ours.
func (m *machine) check() {
	if !m.connected {
		return
	}
	m.ask = request{token: m.token()}
	m.do(askNext)
	m.wait(waitAsk, 0)
}

func (m *machine) checkRefused() {
	if again(m.event.code) {
		m.pause(pauseAsk, &m.ask)
		return
	}
	m.ask = request{}
}
