package broker

import "slices"

// Drop ends the connections of a client id, or all for "", with RST. It says
// how many there were.
func (f *Faults) Drop(client string) int {
	conns := f.b.openConns(client)
	for _, c := range conns {
		reason := "fault: dropped"
		c.reason.CompareAndSwap(nil, &reason)
		c.reset()
	}
	return len(conns)
}

// Refuse makes new connections end with RST at once. (The port stays taken, so
// the device sees "connection reset" rather than "connection refused".)
func (f *Faults) Refuse(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = on
}

// RefuseConnect answers the next times CONNECTs (0: until Clear) with a CONNACK
// return code; 3 is "server unavailable".
func (f *Faults) RefuseConnect(code byte, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.code, f.codeTimes = code, times
}

// Stall switches a stall on or off.
func (f *Faults) Stall(stage Stage, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stage == StallMQTT && on && !f.stall[StallMQTT] {
		f.open = make(chan struct{})
	}
	if stage == StallMQTT && !on {
		f.openLocked()
	}
	f.stall[stage] = on
}

// RefuseFilters answers SUBSCRIBEs to these very filters with 0x80, whatever
// the policy says. None: no more.
func (f *Faults) RefuseFilters(filters ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filters = filters
}

// Unsolicited says whether answers are sent also without a subscription, as
// AWS does. They are unless it was switched off.
func (f *Faults) Unsolicited(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onlySubs = !on
}

// Renumber makes unacknowledged messages come again with another packet id and
// without DUP after a reconnection, as AWS says that they may.
func (f *Faults) Renumber(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renumber = on
}

func (f *Faults) refusing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuse
}

func (f *Faults) stalled(stage Stage) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stall[stage]
}

func (f *Faults) connack() byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	code := f.code
	if f.codeTimes > 0 {
		if f.codeTimes--; f.codeTimes == 0 {
			f.code = 0
		}
	}
	return code
}

func (f *Faults) refusesFilter(filter string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.filters, filter)
}

func (f *Faults) unsolicited() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.onlySubs
}

func (f *Faults) renumbering() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.renumber
}

// pass waits while MQTT is stalled, or until a connection is done.
func (f *Faults) pass(done <-chan struct{}) {
	f.mu.Lock()
	open := f.open
	f.mu.Unlock()
	select {
	case <-open:
	case <-done:
	}
}

func (f *Faults) openLocked() {
	select {
	case <-f.open:
	default:
		close(f.open)
	}
}

// release lets go of everything when the broker ends.
func (f *Faults) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.openLocked()
}
