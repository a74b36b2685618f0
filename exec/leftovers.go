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
// marker names, or of its group while it is there, or is of the runner's
// session, of this boot, and carries exactly this job, step and attempt in its
// environment: a service that another step started, or this one in a session of
// its own, lives on.
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
	var found []Identity
	self, leader, wanted := os.Getpid(), m.process.Alive(), marks(m.step)
	eachProcess(func(st procStat) bool {
		if st.dead() || st.pid == self {
			return true
		}
		id := Identity{PID: st.pid, StartTime: st.start, BootID: BootID()}
		if id == m.process || leader && st.group == m.process.PID ||
			st.session == m.runner.PID && hasMarks(st.pid, wanted) {
			found = append(found, id)
		}
		return true
	})
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
