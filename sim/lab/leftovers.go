package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PowerCut ends agent, runner and steps at one instant: all of them are
// stopped before the first is killed. It does not change the boot id.
func (d *Device) PowerCut() {
	d.lab.t.Helper()
	if d.Running() {
		_ = d.agent.cmd.Process.Signal(syscall.SIGSTOP) // it may be gone by now
	}
	if err := d.endLeftovers(); err != nil {
		d.lab.t.Fatal(err)
	}
	if d.agent != nil {
		d.agent.kill()
	}
}

// KillRunner ends the runner alone with SIGKILL. It fails the test where there
// is none.
func (d *Device) KillRunner() {
	d.lab.t.Helper()
	pids, err := d.runners()
	if err != nil {
		d.lab.t.Fatal(err)
	}
	if len(pids) == 0 {
		d.lab.t.Fatalf("device %s has no runner", d.Thing)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			d.lab.t.Fatalf("kill runner %d: %v", pid, err)
		}
	}
}

// RunnerAlive says whether the device has a runner.
func (d *Device) RunnerAlive() bool {
	pids, err := d.runners()
	return err == nil && len(pids) > 0
}

// endLeftovers kills the runner and all steps of this device, and nothing
// that belongs to anybody else. It returns when they are gone.
func (d *Device) endLeftovers() error {
	deadline := time.Now().Add(Patience)
	for {
		pids, err := d.leftovers()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v of device %s do not end in %v", pids, d.Thing, Patience)
		}
		if err := killAll(pids); err != nil {
			return fmt.Errorf("end what device %s left: %w", d.Thing, err)
		}
		time.Sleep(5 * time.Millisecond) // nothing tells when another's child is gone
	}
}

// killAll stops all before it kills the first, so that none sees another's end.
func killAll(pids []int) error {
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range pids {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("signal %v to process %d: %w", sig, pid, err)
			}
		}
	}
	return nil
}

func (d *Device) leftovers() ([]int, error) {
	return Processes(func(pid int) bool { return d.isRunner(pid) || d.isStep(pid) })
}

// EndRunnersBelow kills the runners of all agents with a run directory below dir,
// for tests whose devices are not of a Lab. A runner whose directory is removed
// would make it anew.
func EndRunnersBelow(dir string) error {
	pids, err := Processes(func(pid int) bool { return strings.Contains(runnerArgv(pid), dir+"/") })
	if err != nil {
		return err
	}
	return killAll(pids)
}

func (d *Device) runners() ([]int, error) { return Processes(d.isRunner) }

// isRunner knows our runner by its name and its run directory, which it has
// open or has been told of.
func (d *Device) isRunner(pid int) bool {
	argv := runnerArgv(pid)
	if argv == "" {
		return false
	}
	return strings.Contains(argv, d.RunDir) || strings.Contains(ProcFile(pid, "environ"), d.RunDir) || d.RunnerPid() == pid
}

// runnerArgv is how somebody's runner was started, "" where the process is none.
func runnerArgv(pid int) string {
	if argv := ProcFile(pid, "cmdline"); strings.Contains(argv, "jobbox-runner") {
		return argv
	}
	return ""
}

// isStep knows our steps, and what they left running, by their environment.
func (d *Device) isStep(pid int) bool {
	return strings.Contains("\x00"+ProcFile(pid, "environ"), "\x00JOBBOX_HANDLER_DIR="+d.HandlerDir+"\x00")
}

// RunnerPid is what the runner says of itself in its file, 0 without one. The
// process may have ended: see RunnerAlive.
func (d *Device) RunnerPid() int {
	data, err := os.ReadFile(filepath.Join(d.RunDir, "runner.json"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(data, []byte(`"pid":`))
	digits := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		return 0
	}
	pid, err := strconv.Atoi(string(rest[:digits]))
	if err != nil {
		return 0
	}
	return pid
}

// Processes are the living ones that match; zombies are not.
func Processes(match func(pid int) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && match(pid) && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func zombie(pid int) bool {
	stat := ProcFile(pid, "stat")
	_, state, found := strings.Cut(stat[strings.LastIndex(stat, ")")+1:], " ")
	return !found || strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

// ProcFile is /proc/PID/NAME, empty for a process that is gone or not ours to
// look at.
func ProcFile(pid int, name string) string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		return ""
	}
	return string(data)
}
