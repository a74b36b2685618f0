// Package proof shows on the built binary that no job is lost, run twice or
// left running: SPEC section 3, with everything going wrong that can.
package proof

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"jobbox/sim/broker"
	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// together is how many of these tests run at a time: most of them wait for a
// time-out most of the time, whatever the number of processors.
const together = "12"

func TestMain(m *testing.M) {
	for tool, from := range map[string]string{"strace": "strace", "unshare": "util-linux"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "%s is missing: install the Debian package %s\n", tool, from)
			os.Exit(1)
		}
	}
	flag.Parse()
	if err := flag.Set("test.parallel", together); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(lab.Main(m))
}

// An outcome is how a job must end whatever happens around it.
type outcome struct {
	status service.Status
	stdout string
	marks  string // one line for each step that ran: its number, its attempt
}

var succeeded = outcome{service.Succeeded, "out 1\nout 2\nout 3\n", "1 1\n2 1\n3 1\n"}

// mark is a step that says in a file that it ran, and on standard output.
func mark(marks, then string) string {
	return fmt.Sprintf(`{"action":{"name":"s","type":"runCommand","input":{"command":"sh,-c,echo $JOBBOX_STEP $JOBBOX_ATTEMPT >> %s; echo out $JOBBOX_STEP; %s"}}}`, marks, then)
}

func document(steps ...string) string {
	return `{"version":"1.0","includeStdOut":true,"steps":[` + strings.Join(steps, ",") + `]}`
}

// threeSteps is a document that ends as succeeded says.
func threeSteps(marks string) string {
	return document(mark(marks, "true"), mark(marks, "true"), mark(marks, "true"))
}

// command is a document with one step for the shell.
func command(script string) string { return document(shell(script)) }

func shell(script string) string {
	return fmt.Sprintf(`{"action":{"name":"s","type":"runCommand","input":{"command":%q}}}`, "sh,-c,"+script)
}

// until is what a step says to wait for a file.
func until(path string) string { return "until [ -e " + path + " ]; do sleep 0.05; done" }

// checkEnd waits for the job's end and holds it against what it must be.
func checkEnd(t *testing.T, l *lab.Lab, d *lab.Device, id, marks string, want outcome) {
	t.Helper()
	checkStatus(t, l, d, id, want)
	if ran := read(t, marks); ran != want.marks {
		t.Errorf("%s: ran %q; want %q", id, ran, want.marks)
	}
}

// checkStatus is checkEnd without a look at the marks.
func checkStatus(t *testing.T, l *lab.Lab, d *lab.Device, id string, want outcome) {
	t.Helper()
	got := l.WaitFinal(id, d)
	if got.Status != want.status || got.Details["stdout"] != want.stdout {
		t.Errorf("%s: %s %q; want %s, stdout %q", id, got.Status, got.Details, want.status, want.stdout)
	}
	if n := l.FinalCount(id, d); n != 1 {
		t.Errorf("%s: %d final statuses; want 1", id, n)
	}
}

// checkNothingRuns: of what has been run here, nothing is left.
func checkNothingRuns(t *testing.T, d *lab.Device) {
	t.Helper()
	lab.Eventually(t, "no step is left running", func() bool { return len(d.Steps()) == 0 })
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settled says that the device has been told that there is no job, has taken
// note of it, and owes nothing. The broker may write down what it has delivered
// after the answer to it.
func settled(t *testing.T, l *lab.Lab, d *lab.Device) bool {
	t.Helper()
	ask := "$aws/things/" + d.Thing + "/jobs/start-next"
	var told, acknowledged uint16 // the packet that said so, the last that was noted
	for _, e := range l.Broker.Events(0) {
		switch {
		case e.Client != d.Thing:
		case e.Kind == broker.Connected, e.Kind == broker.Published && e.Topic == ask:
			told, acknowledged = 0, 0
		case e.Kind == broker.Delivered && e.Topic == ask+"/accepted" && !strings.Contains(string(e.Payload), `"execution"`):
			told = e.PacketID
		case e.Kind == broker.Acknowledged && e.Topic == ask+"/accepted":
			acknowledged = e.PacketID
		}
	}
	return told != 0 && told == acknowledged && !strings.Contains(read(t, d.StateDir+"/journal"), `"job":`)
}
