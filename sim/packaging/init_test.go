package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A device is a root directory with a BusyBox, the stand-in for jobbox and the
// init script, whose absolute paths are moved below that directory.
type device struct {
	t      *testing.T
	root   string
	record string
	script string
}

const repo = "../.."

// source reads a file of the project.
func source(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repo, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func newDevice(t *testing.T) *device {
	t.Helper()
	root := t.TempDir()
	d := &device{t: t, root: root, record: root + "/record", script: root + "/etc/init.d/S80jobbox"}
	for _, dir := range []string{"bin", "usr/bin", "var/run", "etc/default", "etc/init.d", "record"} {
		d.must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	d.addBusyBox()
	d.installAgent()
	d.write("etc/default/jobbox", "JOBBOX_ARGS=\"--log-level debug\"\nJOBBOX_THING_NAME=tram-7\n")
	text := source(t, "init/S80jobbox")
	for _, path := range []string{"/usr/bin/", "/var/run/", "/etc/default/", "/etc/jobbox/"} {
		text = strings.ReplaceAll(text, path, root+path)
	}
	d.write("etc/init.d/S80jobbox", text)
	d.holdRunners()
	t.Cleanup(d.kill)
	return d
}

func (d *device) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) write(path, text string) {
	d.t.Helper()
	d.must(os.WriteFile(filepath.Join(d.root, path), []byte(text), 0o644))
}

// addBusyBox links the applets that the script may use, and no others.
func (d *device) addBusyBox() {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		d.t.Fatal("install busybox-static: the init scripts are tested under its ash")
	}
	for _, applet := range []string{"sh", "start-stop-daemon", "sleep", "rm"} {
		d.must(os.Symlink(busybox, d.root+"/bin/"+applet))
	}
}

// installAgent puts a fresh file in the program's place, as an upgrade does.
func (d *device) installAgent() {
	d.t.Helper()
	program, err := agentProgram()
	d.must(err)
	file := d.root + "/usr/bin/jobbox"
	d.must(os.WriteFile(file+".new", program, 0o755))
	d.must(os.Rename(file+".new", file))
}

// agentProgram is the stand-in for jobbox, built once.
var agentProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "agent-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := run(".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", dir+"/agent", "./testdata/agent"); err != nil {
		return nil, err
	}
	return os.ReadFile(dir + "/agent")
})

// holdRunners keeps runners alive until the end of the test.
func (d *device) holdRunners() {
	d.must(syscall.Mkfifo(d.record+"/alive", 0o600))
	f, err := os.OpenFile(d.record+"/alive", os.O_RDWR, 0)
	d.must(err)
	d.t.Cleanup(func() { f.Close() })
}

// kill ends an agent that a failed test left.
func (d *device) kill() {
	if pid := d.pid(); pid != 0 && d.ours(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// call runs the script and returns its exit status and all that it said.
func (d *device) call(verb string) (int, string) {
	d.t.Helper()
	cmd := exec.Command(d.root+"/bin/sh", d.script, verb)
	cmd.Env = []string{"PATH=" + d.root + "/bin", "RECORD=" + d.record}
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		d.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// ok calls the script and wants success, said as OK.
func (d *device) ok(verb string) {
	d.t.Helper()
	if status, out := d.call(verb); status != 0 || !strings.HasSuffix(out, "OK\n") {
		d.t.Fatalf("%s = %d, %q; want 0 and OK", verb, status, out)
	}
}

// start starts the agent and waits for its n-th word since the test began.
func (d *device) start(n int) {
	d.t.Helper()
	d.ok("start")
	d.waitRecord("start", n)
}

func (d *device) pid() int {
	text, _ := os.ReadFile(d.root + "/var/run/jobbox.pid")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// ours says whether pid runs the device's program, an upgraded one included.
func (d *device) ours(pid int) bool {
	exe, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return strings.HasPrefix(exe, d.root+"/usr/bin/jobbox")
}

// lines returns what was recorded under name.
func (d *device) lines(name string) []string {
	text, _ := os.ReadFile(d.record + "/" + name)
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// waitRecord waits until name has n lines and returns the last one.
func (d *device) waitRecord(name string, n int) string {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if lines := d.lines(name); len(lines) >= n {
			return lines[n-1]
		}
	}
	d.t.Fatalf("%s: %q; want %d lines", name, d.lines(name), n)
	return ""
}

func TestStartPassesArguments(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	want := "agent --config-file " + d.root + "/etc/jobbox/jobbox.conf --log-level debug"
	if got := d.waitRecord("start", 1); got != want {
		t.Errorf("started with %q; want %q", got, want)
	}
	if got := d.waitRecord("environment", 1); got != "tram-7" {
		t.Errorf("JOBBOX_THING_NAME is %q; want tram-7, as /etc/default/jobbox says", got)
	}
	if pid := d.pid(); !d.ours(pid) {
		t.Errorf("the pid file names %d, which is not the agent", pid)
	}
}

func TestStartWithoutDefaults(t *testing.T) {
	d := newDevice(t)
	d.must(os.Remove(d.root + "/etc/default/jobbox"))
	d.start(1)
	if got, want := d.waitRecord("start", 1), "agent --config-file "+d.root+"/etc/jobbox/jobbox.conf"; got != want {
		t.Errorf("started with %q; want %q", got, want)
	}
}

func TestSecondStartChangesNothing(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.call("start")
	if d.pid() != pid || len(d.lines("start")) != 1 {
		t.Errorf("a second start: pid %d became %d, starts %q", pid, d.pid(), d.lines("start"))
	}
}

func TestStopWaitsAndSparesTheRunner(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.waitRecord("runner", 1)
	d.ok("stop")
	if d.ours(pid) {
		t.Error("stop returned while the agent was there")
	}
	if _, err := os.Stat(d.record + "/stop"); err != nil {
		t.Error("the agent did not end by itself")
	}
	if _, err := os.Stat(d.root + "/var/run/jobbox.pid"); err == nil {
		t.Error("the pid file is still there")
	}
	d.start(2) // whatever reaches the runner has reached it by now
	if got := d.lines("runner"); len(got) != 1 {
		t.Errorf("the runner saw %q; want no signal", got)
	}
}

func TestStopOfNothingFails(t *testing.T) {
	d := newDevice(t)
	if status, out := d.call("stop"); status == 0 || !strings.HasSuffix(out, "FAIL\n") {
		t.Errorf("stop = %d, %q; want a failure", status, out)
	}
}

func TestRestart(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.ok("restart")
	d.waitRecord("start", 2)
	if d.pid() == pid || d.ours(pid) {
		t.Errorf("restart: the old agent %d is still there; the pid file says %d", pid, d.pid())
	}
}

// A restart that could not end well does not begin.
func TestRestartWithAMistake(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.must(os.WriteFile(d.record+"/broken", nil, 0o644))
	if status, out := d.call("restart"); status != 78 || !strings.Contains(out, "endpoint: is required") || !strings.Contains(out, "left running") {
		t.Errorf("restart = %d, %q; want 78 and the reason", status, out)
	}
	if d.pid() != pid || !d.ours(pid) {
		t.Error("the agent was stopped")
	}
}

// Nobody who reloads an agent that is just starting ends it.
func TestReloadRightAfterStart(t *testing.T) {
	d := newDevice(t)
	for range 5 {
		d.ok("start")
		pid := d.pid()
		d.ok("reload")
		d.ok("stop") // fails where it has ended
		if d.ours(pid) {
			t.Fatal("stop returned while the agent was there")
		}
	}
}

// What somebody wrote into /etc/default must not keep the agent from being stopped.
func TestBrokenDefaults(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.write("etc/default/jobbox", "JOBBOX_ARGS=\"--log-level\n")
	if status, out := d.call("stop"); status != 0 || d.ours(pid) || !strings.Contains(out, "etc/default/jobbox") {
		t.Errorf("stop = %d, %q; want the agent stopped, and the file named", status, out)
	}
}

func TestReloadIsHUP(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.ok("reload")
	if got := d.waitRecord("signal", 1); got != "hangup" {
		t.Errorf("reload sent %q; want hangup", got)
	}
	if d.pid() != pid || !d.ours(pid) {
		t.Error("reload changed the process")
	}
}

func TestStopAfterUpgrade(t *testing.T) {
	d := newDevice(t)
	d.start(1)
	pid := d.pid()
	d.installAgent()
	d.ok("restart")
	d.waitRecord("start", 2)
	if d.ours(pid) {
		t.Error("the agent of before the upgrade is still there")
	}
}

func TestStopKillsTheDeaf(t *testing.T) {
	d := newDevice(t)
	d.must(os.WriteFile(d.record+"/deaf", nil, 0o644))
	d.start(1)
	pid := d.pid()
	d.ok("stop")
	if d.ours(pid) {
		t.Error("stop left an agent that does not listen")
	}
}

func TestStaleProcessNumber(t *testing.T) {
	d := newDevice(t)
	other := exec.Command("sleep", "600")
	d.must(other.Start())
	defer func() { other.Process.Kill(); other.Wait() }()
	d.write("var/run/jobbox.pid", strconv.Itoa(other.Process.Pid)+"\n")
	if status, _ := d.call("stop"); status == 0 {
		t.Error("stop of another program's process: success")
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("stop ended another program's process")
	}
	d.start(1)
}

func TestBrokenConfigurationIsSaid(t *testing.T) {
	d := newDevice(t)
	d.must(os.WriteFile(d.record+"/broken", nil, 0o644))
	status, out := d.call("start")
	if status != 78 || !strings.Contains(out, "endpoint: is required") || !strings.HasSuffix(out, "FAIL\n") {
		t.Errorf("start = %d, %q; want 78, the reason and FAIL", status, out)
	}
	if d.pid() != 0 {
		t.Error("an agent was started")
	}
}

func TestUnknownVerb(t *testing.T) {
	d := newDevice(t)
	if status, out := d.call("frobnicate"); status != 1 || !strings.Contains(out, "{start|stop|restart|reload}") {
		t.Errorf("frobnicate = %d, %q; want 1 and the usage", status, out)
	}
}
