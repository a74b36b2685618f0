// Package update has jobbox replaced by a job of its own: the built-in handler
// update-jobbox.sh, a real agent that something starts again when it ends, and
// binaries good and bad.
package update

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

func TestMain(m *testing.M) {
	// They wait, most of their time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic("BUG: " + err.Error())
	}
	os.Exit(lab.Main(m))
}

// start mounts what a device has in a name space of its own, where the
// configuration is at the place of the C++ client's, and starts the agent:
// either once, or as an init that starts it again when it ends.
const start = `mount --make-rprivate / && mount -t tmpfs none /run && mount -t tmpfs none /root &&
mkdir -p /root/.aws-iot-device-client && ln -s "$0/jobbox.conf" /root/.aws-iot-device-client/aws-iot-device-client.conf || exit 1
`
const (
	once    = start + `"$@"; until [ -e "$0/stop" ]; do sleep 0.2; done`
	respawn = start + `while [ ! -e "$0/stop" ]; do "$@"; sleep 0.2; done`
)

// fleet is one device that updates itself.
type fleet struct {
	*lab.Lab
	device *lab.Device
	server *httptest.Server
	www    string
}

// newFleet starts the device, with what is to be set before.
func newFleet(t *testing.T, init string, set ...func(*lab.Device)) *fleet {
	l := lab.New(t)
	d := l.Device("updates")
	f := &fleet{Lab: l, device: d, www: d.Path("www")}
	for _, dir := range []string{f.www, d.Path("sbin")} {
		must(t, os.Mkdir(dir, 0o755))
	}
	d.Bin = d.Path("sbin", "jobbox")
	copyFile(t, lab.Build(t), d.Bin)
	d.Env = []string{"PATH=" + d.Path("sbin") + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	d.Prefix = []string{"unshare", "-m", "sh", "-c", init, d.Dir}
	for _, s := range set {
		s(d)
	}
	f.server = httptest.NewServer(http.FileServer(http.Dir(f.www)))
	t.Cleanup(f.server.Close)
	t.Cleanup(func() { f.stop(t) })
	d.StartAndWait()
	return f
}

// stop ends the agent for good.
func (f *fleet) stop(t *testing.T) {
	must(t, os.WriteFile(f.device.Path("stop"), nil, 0o644))
	if pid := f.agent(t); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
}

// agent is the pid of the agent that holds a session, 0 where none does.
func (f *fleet) agent(t *testing.T) int {
	t.Helper()
	pid, err := f.connected()
	must(t, err)
	return pid
}

func (f *fleet) connected() (pid int, err error) {
	data, err := os.ReadFile(filepath.Join(f.device.RunDir, "connected"))
	if err != nil {
		return 0, nil
	}
	first, _, _ := strings.Cut(string(data), " ")
	return strconv.Atoi(first)
}

// begin makes the job with a file that the server has.
func (f *fleet) begin(name, sum string, seconds int) (id string) {
	return f.CreateJob(fmt.Sprintf(`{"version":"1.0","includeStdOut":true,"steps":[{"action":{"name":"update","type":"runHandler",
		"input":{"handler":"update-jobbox.sh","path":"default","args":[%q,%q,"%d"]}}}]}`, f.server.URL+"/"+name, sum, seconds))
}

// end is how the job ended.
func (f *fleet) end(t *testing.T, id string) service.Execution {
	t.Helper()
	got := f.WaitFinal(id)
	if n := f.FinalCount(id); n != 1 {
		t.Errorf("%d final statuses; want 1", n)
	}
	return got
}

// update runs the job to its end.
func (f *fleet) update(t *testing.T, name, sum string, seconds int) service.Execution {
	t.Helper()
	return f.end(t, f.begin(name, sum, seconds))
}

// silent puts a binary that never connects where the server has it.
func (f *fleet) silent(t *testing.T, kind lab.Silence) (sha256 string) {
	t.Helper()
	file := filepath.Join(f.www, "silent")
	lab.BuildSilent(t, file, kind)
	return lab.Sum(t, file)
}

// next puts a good binary there.
func (f *fleet) next(t *testing.T) (sha256 string) {
	t.Helper()
	file := filepath.Join(f.www, "next")
	lab.BuildVersion(t, file, "the-next")
	return lab.Sum(t, file)
}

// onTrial waits until an agent runs from the new file.
func (f *fleet) onTrial(t *testing.T) {
	t.Helper()
	lab.Eventually(t, "the new binary is tried", func() bool { return len(f.trials()) > 0 })
}

// trials are the agents that run from the new file.
func (f *fleet) trials() (pids []int) {
	tried, err := os.Stat(f.device.Bin + ".new")
	if err != nil {
		return nil
	}
	pids, _ = lab.Processes(func(pid int) bool {
		exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		return err == nil && os.SameFile(exe, tried) && strings.Contains(lab.ProcFile(pid, "cmdline"), "\x00agent\x00")
	})
	return pids
}

// stays wants that the device has the binary of before, connected: it runs the
// next job, and nothing is left over.
func (f *fleet) stays(t *testing.T, old string) {
	t.Helper()
	after := f.CreateJob(`{"version":"1.0","includeStdOut":true,"steps":[{"action":{"name":"a","type":"runCommand",
		"input":{"command":"sh,-c,grep sbin/jobbox /proc/self/mountinfo; jobbox version"}}}]}`)
	got := f.WaitFinal(after)
	if said := got.Details["stdout"]; got.Status != service.Succeeded || !strings.HasPrefix(said, "jobbox ") || strings.Contains(said, "the-next") {
		t.Errorf("the job after: %s %q", got.Status, got.Details)
	}
	if got := lab.Sum(t, f.device.Bin); got != old {
		t.Error("the old binary is not in its place")
	}
	// Where the step was ended, the trial may be about to end.
	lab.Eventually(t, "the new binary is removed", func() bool {
		_, err := os.Stat(f.device.Bin + ".new")
		return err != nil
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o755))
}

// A good binary stays, whether something starts the agent again or nothing does.
func TestGoodBinary(t *testing.T) {
	t.Parallel()
	for name, init := range map[string]string{"respawned": respawn, "started once": once} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, init)
			old, next := lab.Sum(t, f.device.Bin), f.next(t)
			if got := f.update(t, "next", next, 5); got.Status != service.Succeeded {
				t.Fatalf("%s %q", got.Status, got.Details)
			}
			if got := lab.Sum(t, f.device.Bin); got != next {
				t.Errorf("in place is %s; want the new binary, %s", got, next)
			}
			if got := lab.Sum(t, f.device.Bin+".old"); got != old {
				t.Errorf("kept is %s; want the old binary, %s", got, old)
			}
			if got := f.update(t, "next", next, 5); got.Status != service.Succeeded || !strings.Contains(got.Details["stdout"], "is that one already") {
				t.Errorf("once more: %s %q", got.Status, got.Details)
			}
		})
	}
}

// TestBadBinaries: whatever the new file is, the device stays: the old one is
// connected afterwards and runs the next job.
func TestBadBinaries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file string
		wrongSum   bool
		want       string // in the step's standard error
	}{
		{"another file than was promised", "#!/bin/sh\n", true, "could not be downloaded"},
		{"no program", "no program at all", false, "does not run on this device"},
		{"one that ends", "#!/bin/sh\n[ $1 != agent ] || exit 1\n", false, "did not connect in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, respawn)
			old := lab.Sum(t, f.device.Bin)
			file := filepath.Join(f.www, "bad")
			must(t, os.WriteFile(file, []byte(tt.file), 0o755))
			promised := lab.Sum(t, file)
			if tt.wrongSum {
				promised = old[:60] + "0000"
			}
			got := f.update(t, "bad", promised, 2)
			if got.Status != service.Failed || !strings.Contains(got.Details["stderr"], tt.want) {
				t.Errorf("%s %q; want FAILED, %q", got.Status, got.Details, tt.want)
			}
			f.stays(t, old)
		})
	}
}

// TestSilent: one that never connects is ended, also where it does not listen and
// where nobody but the update itself would start the old one.
func TestSilent(t *testing.T) {
	t.Parallel()
	for name, init := range map[string]string{"respawned": respawn, "started once": once} {
		for _, kind := range []lab.Silence{lab.Plain, lab.Deaf} {
			t.Run(fmt.Sprintf("%s, %s", name, kind), func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, init)
				old := lab.Sum(t, f.device.Bin)
				got := f.update(t, "silent", f.silent(t, kind), 2)
				if got.Status != service.Failed || !strings.Contains(got.Details["stderr"], "did not connect in time") {
					t.Errorf("%s %q", got.Status, got.Details)
				}
				f.stays(t, old)
			})
		}
	}
}

// TestMute: one that never says whether it is connected is no good, and nothing of it
// is left.
func TestMute(t *testing.T) {
	t.Parallel()
	f := newFleet(t, respawn)
	old := lab.Sum(t, f.device.Bin)
	if got := f.update(t, "silent", f.silent(t, lab.Mute), 600); got.Status != service.Failed || !strings.Contains(got.Details["stderr"], "did not connect in time") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
	f.stays(t, old)
	left, err := lab.Processes(func(pid int) bool {
		argv := lab.ProcFile(pid, "cmdline")
		return strings.Contains(argv, "status\x00--connected\x00") && strings.Contains(argv, f.device.Config)
	})
	if err != nil || len(left) > 0 {
		t.Errorf("processes %v are left, %v", left, err)
	}
}

// TestConnectsAndDies: one that connects but does not last is no good, however
// often it is started again.
func TestConnectsAndDies(t *testing.T) {
	t.Parallel()
	f := newFleet(t, respawn)
	old := lab.Sum(t, f.device.Bin)
	id := f.begin("next", f.next(t), 5)
	ended := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() { f.killWhenConnected(ended) })
	got := f.end(t, id)
	close(ended)
	killing.Wait()
	if got.Status != service.Failed || !strings.Contains(got.Details["stderr"], "or not for long") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
	f.stays(t, old)
}

// killWhenConnected ends each new agent a second after it has connected.
func (f *fleet) killWhenConnected(ended chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(50 * time.Millisecond):
		}
		if pid, _ := f.connected(); pid > 0 && slices.Contains(f.trials(), pid) {
			time.Sleep(time.Second)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// TestTrialOutlivesTheStep: where the step of an update ends before its time, the
// binary that it has put on trial is taken back all the same.
func TestTrialOutlivesTheStep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		timeout int // of the step, in seconds; 0 for none
		act     func(*testing.T, *fleet)
		reason  string
		stderr  string
	}{
		{"its time is up", 6, func(*testing.T, *fleet) {}, "Timed out after 6s", ""},
		{"it is killed", 0, func(t *testing.T, f *fleet) {
			for _, pid := range f.device.Steps() {
				_ = syscall.Kill(pid, syscall.SIGKILL) // one may have ended with another
			}
		}, "Killed by signal: 9", ""},
		{"the runner is killed", 0, func(t *testing.T, f *fleet) { f.device.KillRunner() }, "Exited with status: 1", "did not connect in time"},
	}
	for _, tt := range tests {
		for _, kind := range []lab.Silence{lab.Plain, lab.Deaf} {
			t.Run(fmt.Sprintf("%s, %s", tt.name, kind), func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, respawn, func(d *lab.Device) { d.Jobs()["step-timeout"] = tt.timeout })
				old := lab.Sum(t, f.device.Bin)
				id := f.begin("silent", f.silent(t, kind), 10)
				f.onTrial(t)
				tt.act(t, f)
				got := f.end(t, id)
				if got.Status != service.Failed || !strings.Contains(got.Details["reason"], tt.reason) || !strings.Contains(got.Details["stderr"], tt.stderr) {
					t.Errorf("%s %q; want FAILED, %q, %q", got.Status, got.Details, tt.reason, tt.stderr)
				}
				f.stays(t, old)
			})
		}
	}
}

// TestKilledTrial: nothing is left of a trial that was killed itself.
func TestKilledTrial(t *testing.T) {
	t.Parallel()
	f := newFleet(t, respawn)
	old := lab.Sum(t, f.device.Bin)
	id := f.begin("silent", f.silent(t, lab.Plain), 600)
	f.onTrial(t)
	f.killTrial(t)
	if got := f.end(t, id); got.Status != service.Failed || !strings.Contains(got.Details["stderr"], "ended from outside") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
	f.stays(t, old)
}

// killTrial ends the process that exchanges the binaries.
func (f *fleet) killTrial(t *testing.T) {
	t.Helper()
	agent := f.trials()[0]
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/jobbox-update/pid", agent))
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGKILL))
}

// TestBadConfiguration: with a mistake on the disk no agent would start again, so
// that the one which runs is left alone.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	f := newFleet(t, respawn)
	old, pid := lab.Sum(t, f.device.Bin), f.agent(t)
	must(t, os.Chmod(f.device.Key, 0o644))
	got := f.update(t, "silent", f.silent(t, lab.Plain), 5)
	if got.Status != service.Failed || !strings.Contains(got.Details["stderr"], "configuration has a mistake") {
		t.Errorf("%s %q", got.Status, got.Details)
	}
	if now := f.agent(t); now != pid {
		t.Errorf("the agent was process %d, and is %d", pid, now)
	}
	f.stays(t, old)
}
