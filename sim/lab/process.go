package lab

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"jobbox/sim/broker"
)

// process is a running agent.
type process struct {
	cmd      *exec.Cmd
	logStart int
	ended    chan struct{}
}

// Start writes the configuration and starts the agent. It is not waited for.
func (d *Device) Start() {
	t := d.lab.t
	t.Helper()
	if d.Running() {
		t.Fatalf("device %s: its agent runs already", d.Thing)
	}
	if err := d.WriteConfig(d.Settings); err != nil {
		t.Fatal(err)
	}
	bin := d.Bin
	if bin == "" {
		bin = Build(t)
	}
	argv := append(append(append([]string{}, d.Prefix...), bin, "agent", "--config-file", d.Config), d.Args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.Env = append(os.Environ(), d.Env...)
	cmd.Dir = d.Dir
	// What outlives the agent may hold its standard error: not to be waited for.
	cmd.WaitDelay = 100 * time.Millisecond
	// A group of its own, so that a signal to the tests' terminal passes it by.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{cmd: cmd, logStart: d.log.len(), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %q: %v", strings.Join(argv, " "), err)
	}
	d.agent = p
	go func() {
		_ = cmd.Wait() // ExitCode reads how it ended from ProcessState
		close(p.ended)
	}()
}

// StartAndWait starts the agent and waits until it has asked for a job.
func (d *Device) StartAndWait() {
	d.lab.t.Helper()
	mark := d.lab.Broker.Seq()
	d.Start()
	d.WaitAsked(mark)
}

// WaitAsked waits until the agent has asked for a job, at the broker, after an
// event number (Broker.Seq).
func (d *Device) WaitAsked(after int) {
	d.lab.t.Helper()
	d.lab.Await(after, d.Thing+" asks for a job", func(e broker.Event) bool {
		return e.Kind == broker.Published && e.Client == d.Thing && strings.HasSuffix(e.Topic, "/start-next")
	})
}

// Running says whether the agent is there.
func (d *Device) Running() bool {
	if d.agent == nil {
		return false
	}
	select {
	case <-d.agent.ended:
		return false
	default:
		return true
	}
}

// Pid is the agent's.
func (d *Device) Pid() int { return d.agent.cmd.Process.Pid }

// Signal sends a signal to the agent.
func (d *Device) Signal(sig os.Signal) {
	d.lab.t.Helper()
	if err := d.agent.cmd.Process.Signal(sig); err != nil {
		d.lab.t.Fatalf("device %s: signal %v: %v", d.Thing, sig, err)
	}
}

// WaitExit waits for the agent's end and returns its exit status, -1 for a
// signal.
func (d *Device) WaitExit() int {
	d.lab.t.Helper()
	select {
	case <-d.agent.ended:
	case <-time.After(Patience):
		d.lab.t.Fatalf("device %s: its agent has not ended in %v", d.Thing, Patience)
	}
	return d.agent.cmd.ProcessState.ExitCode()
}

// Stop sends SIGTERM and returns the exit status. Runner and steps live on.
func (d *Device) Stop() int {
	d.lab.t.Helper()
	d.Signal(syscall.SIGTERM)
	return d.WaitExit()
}

// Kill9 ends the agent, and nothing else, with SIGKILL.
func (d *Device) Kill9() {
	d.lab.t.Helper()
	d.agent.kill()
}

// Restart stops the agent and starts another.
func (d *Device) Restart() {
	d.lab.t.Helper()
	if code := d.Stop(); code != 0 {
		d.lab.t.Errorf("device %s: exit status %d after SIGTERM, want 0", d.Thing, code)
	}
	d.StartAndWait()
}

// kill ends the process and waits for its end. The signal fails only where the
// process has ended by itself.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
