package jobs

// resume is where a new agent stands with what the journal holds.
func resume(loaded State, r Rules, now event) (State, []action) {
	m := &machine{State: loaded, rules: r, event: now}
	m.phase = idle
	switch job := m.job; {
	case job == nil:
	case job.final != nil:
		m.phase = reporting
		m.log(logInfo, "%s is still owed to the service", job.final.Status)
	case job.reboot != "" && job.reboot == now.boot:
		m.phase = rebooting
		m.log(logWarn, "%s: still waits for the reboot that it asked for", job.title())
		m.rebootAgain()
	case job.begun != nil:
		m.phase = running
		m.log(logInfo, "%s: attempt %d is taken up", job.title(), job.attempt)
		m.do(runStep)
	default:
		m.phase = readying
		m.log(logInfo, "goes on with %s", job.title())
		m.do(makeReady)
	}
	return m.State, m.actions
}
