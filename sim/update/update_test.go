// Package update has jobbox replaced by a job of its own: the built-in handler
// update-jobbox.sh, a real agent that something starts again when it ends, and
// binaries good and bad.
package update

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// respawn is an init of our own: it keeps the agent running in a mount
// namespace, where the configuration is at the place of the C++ client's, since
// the handler asks a jobbox that knows no other.
const respawn = `mount --make-rprivate / && mount -t tmpfs none /root && mkdir -p /root/.aws-iot-device-client &&
cp "$0/jobbox.conf" /root/.aws-iot-device-client/aws-iot-device-client.conf || exit 1
while [ ! -e "$0/stop" ]; do "$@"; sleep 0.2; done`

// fleet is one device that updates itself.
type fleet struct {
	*lab.Lab
	device *lab.Device
	server *httptest.Server
	www    string
}

func newFleet(t *testing.T) *fleet {
	l := lab.New(t)
	d := l.Device("updates")
	f := &fleet{Lab: l, device: d, www: d.Path("www")}
	for _, dir := range []string{f.www, d.Path("sbin")} {
		must(t, os.Mkdir(dir, 0o755))
	}
	d.Bin = d.Path("sbin", "jobbox")
	copyFile(t, lab.Build(t), d.Bin)
	d.Env = []string{"PATH=" + d.Path("sbin") + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	d.Prefix = []string{"unshare", "-m", "sh", "-c", respawn, d.Dir}
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

// agent is the pid of the agent that holds a session.
func (f *fleet) agent(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.device.RunDir, "connected"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), " ")
	pid, err := strconv.Atoi(first)
	must(t, err)
	return pid
}

// update runs the job with a file that the server has.
func (f *fleet) update(t *testing.T, name, sum string, seconds int) service.Execution {
	t.Helper()
	id := f.CreateJob(fmt.Sprintf(`{"version":"1.0","includeStdOut":true,"steps":[{"action":{"name":"update","type":"runHandler",
		"input":{"handler":"update-jobbox.sh","path":"default","args":[%q,%q,"%d"]}}}]}`, f.server.URL+"/"+name, sum, seconds))
	got := f.WaitFinal(id)
	if n := f.FinalCount(id); n != 1 {
		t.Errorf("%d final statuses; want 1", n)
	}
	return got
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

func sum(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func TestGoodBinary(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	old := sum(t, f.device.Bin)
	root, err := lab.ModuleRoot()
	must(t, err)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-X main.version=the-next", "-o", filepath.Join(f.www, "jobbox"), ".")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFIPS140=v1.0.0", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v: %s", err, out)
	}
	next := sum(t, filepath.Join(f.www, "jobbox"))
	if got := f.update(t, "jobbox", next, 60); got.Status != service.Succeeded {
		t.Fatalf("%s %q", got.Status, got.Details)
	}
	f.device.WaitLog("agent: jobbox the-next")
	if got := sum(t, f.device.Bin); got != next {
		t.Errorf("in place is %s; want the new binary, %s", got, next)
	}
	if got := sum(t, f.device.Bin+".old"); got != old {
		t.Errorf("kept is %s; want the old binary, %s", got, old)
	}
}

// TestBadBinaries: whatever the new file is, the device stays: the old one is
// connected afterwards and runs the next job.
func TestBadBinaries(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		wrongSum   bool
		want       string // in the step's standard error
	}{
		{"another file than was promised", "#!/bin/sh\n", true, "could not be downloaded"},
		{"no program", "no program at all", false, "does not run on this device"},
		{"one that ends", "#!/bin/sh\n[ $1 != agent ] || exit 1\n", false, "did not connect in time"},
		{"one that never connects", "", false, "did not connect in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			old := sum(t, f.device.Bin)
			file := filepath.Join(f.www, "bad")
			if tt.file == "" {
				lab.BuildSilent(t, file)
			} else {
				must(t, os.WriteFile(file, []byte(tt.file), 0o755))
			}
			promised := sum(t, file)
			if tt.wrongSum {
				promised = old[:60] + "0000"
			}
			got := f.update(t, "bad", promised, 2)
			if got.Status != service.Failed || !strings.Contains(got.Details["stderr"], tt.want) {
				t.Errorf("%s %q; want FAILED, %q", got.Status, got.Details, tt.want)
			}
			if got := sum(t, f.device.Bin); got != old {
				t.Error("the old binary is not in its place")
			}
			after := f.CreateJob(`{"version":"1.0","steps":[{"action":{"name":"a","type":"runCommand","input":{"command":"true"}}}]}`)
			if got := f.WaitFinal(after); got.Status != service.Succeeded {
				t.Errorf("the job after: %s %q", got.Status, got.Details)
			}
		})
	}
}
