package exec

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// endLeftovers ends the processes of a step whose runner is gone: SIGTERM,
// grace, SIGKILL. A process is one of them only if it is the very one that the
// marker names, or is of the runner's session, of this boot, and carries exactly
// this job, step and attempt in its environment, or is of the group of one of
// these while that leads it: a service that another step started, or this one in
// a session of its own, lives on. (A runner may end before its marker names one.)
func endLeftovers(m marker, grace time.Duration) {
	if m.runner.BootID != BootID() {
		return
	}
	told := make(map[Identity]bool)
	if !endThem(m, told, syscall.SIGTERM, grace) {
		endThem(m, told, syscall.SIGKILL, grace)
	}
}

// endThem sends sig once to each process as it is found, and says whether all
// were gone in time.
func endThem(m marker, told map[Identity]bool, sig syscall.Signal, within time.Duration) bool {
	if sig == syscall.SIGKILL {
		for id := range told {
			signalProcess(id, sig)
		}
	}
	for deadline := time.Now().Add(within); ; time.Sleep(groupPoll) {
		for _, id := range leftovers(m) {
			if !told[id] {
				told[id] = true
				signalProcess(id, sig)
				signalProcess(id, syscall.SIGCONT)
			}
		}
		if !anyAlive(told) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func anyAlive(ids map[Identity]bool) bool {
	for id := range ids {
		if id.Alive() {
			return true
		}
	}
	return false
}

// leftovers finds the processes of m's step that are there now.
func leftovers(m marker) []Identity {
	var there []procStat
	self, wanted := os.Getpid(), marks(m.step)
	eachProcess(func(st procStat) bool {
		if !st.dead() && st.pid != self {
			there = append(there, st)
		}
		return true
	})
	ours, groups := make(map[int]bool), make(map[int]bool)
	for _, st := range there {
		if st.identity() == m.process || st.session == m.runner.PID && hasMarks(st.pid, wanted) {
			ours[st.pid] = true
			groups[st.pid] = st.group == st.pid
		}
	}
	var found []Identity
	for _, st := range there {
		if ours[st.pid] || groups[st.group] {
			found = append(found, st.identity())
		}
	}
	return found
}

// maxEnviron is how much of a process's environment is looked at.
const maxEnviron = 1 << 20

// hasMarks says whether a process's environment holds every one of the marks.
// One that may not be read is not ours to end.
func hasMarks(pid int, marks []string) bool {
	env, err := readSmall("/proc/"+strconv.Itoa(pid)+"/environ", maxEnviron)
	if err != nil {
		return false
	}
	missing := len(marks)
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		for _, mark := range marks {
			if string(kv) == mark {
				missing--
			}
		}
	}
	return missing == 0
}

// signalProcess signals that very process: the handle is taken first and the
// identity looked at then, so that no other can come in between.
func signalProcess(id Identity, sig syscall.Signal) {
	p, err := os.FindProcess(id.PID)
	if err != nil {
		return
	}
	defer p.Release()
	if id.Alive() {
		_ = p.Signal(sig)
	}
}
