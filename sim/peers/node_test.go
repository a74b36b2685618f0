package peers

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/cloud"
	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// npmPatience is for npm, which may have to load packages.
const npmPatience = 5 * time.Minute

// need finds a program or says what to install.
func need(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = filepath.Join("/usr/sbin", program) // not in everybody's PATH
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is not installed; on Debian: apt-get install %s", program, debianPackage)
		}
	}
	return path
}

// installPeer makes node/node_modules what node/package-lock.json says.
func installPeer(t *testing.T) {
	t.Helper()
	npm := need(t, "npm", "npm")
	lock, err := os.ReadFile("node/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	want := hex.EncodeToString(sum[:])
	const mark = "node/node_modules/.installed"
	if got, err := os.ReadFile(mark); err == nil && string(got) == want {
		return
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = "node"
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(npmPatience, func() {
		_ = cmd.Process.Kill() // it may have ended
	})
	defer timer.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.WriteFile(mark, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startPeer runs node/peer.js for a thing until the test ends, and returns
// what it has said so far.
func startPeer(t *testing.T, c *cloud.Cloud, thing, dir string) func() string {
	t.Helper()
	cmd := exec.Command(need(t, "node", "nodejs"), "node/peer.js", "localhost", strconv.Itoa(c.Port()), dir, thing)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, drained := collect(stdout)
	t.Cleanup(func() {
		stdin.Close()
		timer := time.AfterFunc(lab.Patience, func() { cmd.Process.Kill() })
		defer timer.Stop()
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v\n%s%s", err, said(), stderr.String())
		}
	})
	return said
}

func collect(r io.Reader) (said func() string, drained <-chan struct{}) {
	var mu sync.Mutex
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			mu.Lock()
			text.WriteString(lines.Text() + "\n")
			mu.Unlock()
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}, done
}

// Amazon's JavaScript client takes jobs from the simulator: one that waits for
// it, and others that it is notified of, one after the other.
func TestAmazonsJavaScriptClient(t *testing.T) {
	installPeer(t)
	l := lab.New(t, func(o *cloud.Options) { o.Policy = broker.AllJobs() })
	d := l.Device("js-thing") // its files; no agent
	waiting := l.CreateJob(`{"operation": "greet", "args": ["waiting"]}`)
	said := startPeer(t, l.Cloud, d.Thing, d.Dir)

	expect := func(id string, status service.Status, key, value string) {
		t.Helper()
		e := l.WaitFinal(id)
		if e.Status != status || e.Details[key] != value {
			t.Errorf("job %s: %s %q; want %s with %s %q\n%s", id, e.Status, e.Details, status, key, value, said())
		}
	}
	expect(waiting, service.Succeeded, "greeting", "hello waiting")
	if got := statuses(l.Updates(waiting)); got != "QUEUED IN_PROGRESS SUCCEEDED" {
		t.Errorf("statuses of job %s: %s", waiting, got)
	}

	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		ids = append(ids, l.CreateJob(map[string]any{"operation": "greet", "args": []string{name}}))
	}
	other := l.CreateJob(`{"operation": "sing"}`)
	for i, name := range []string{"one", "two", "three"} {
		expect(ids[i], service.Succeeded, "greeting", "hello "+name)
	}
	expect(other, service.Failed, "reason", "unknown operation sing")
	if strings.Contains(said(), `"error"`) || strings.Contains(said(), `"close"`) {
		t.Errorf("the client has seen errors:\n%s", said())
	}
}

func statuses(list []service.Execution) string {
	var words []string
	for _, e := range list {
		words = append(words, string(e.Status))
	}
	return strings.Join(words, " ")
}

// The same client under the minimal policy, which forbids what it uses, is
// disconnected: the simulator is as strict as AWS.
func TestMinimalPolicyForbidsTheJavaScriptClient(t *testing.T) {
	installPeer(t)
	l := lab.New(t)
	d := l.Device("js-thing")
	startPeer(t, l.Cloud, d.Thing, d.Dir)
	e := l.AwaitKind(0, broker.Violation, d)
	if !strings.Contains(e.Reason, "$next/get") {
		t.Errorf("disconnected for %q; want for $next/get", e.Reason)
	}
}
