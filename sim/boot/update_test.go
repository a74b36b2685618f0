//go:build boottest

package boot

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// TestUpdate replaces jobbox on a board with an SD card. A binary that never
// connects is in its place when the power is cut, and again until its time is up;
// a good one stays, over a reboot.
func TestUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t, machine("arm64"))
	b.must(os.MkdirAll(b.path("product/srv"), 0o755))
	lab.BuildSilent(t, b.path("product/srv/silent"), lab.Plain, "GOOS=linux", "GOARCH=arm64")
	b.makeBinary("product/srv/next", "VERSION=9.9.9")
	g := b.card("testdata/update").boot("")
	b.trialCut(g)
	g = b.boot("")
	b.trialFails(g)
	b.updated(g)
	b.cleanEnd(g)
	g = b.boot("")
	b.saysVersion(g)
	b.final("reboot", service.Succeeded)
	b.switchOff()
	b.cleanEnd(g)
}

// update makes a job of the built-in handler, with a file that the device serves.
func (b *bench) update(id, file string, seconds int) {
	b.Helper()
	doc := document(step("update-jobbox.sh", "", "http://127.0.0.1/"+file, lab.Sum(b, b.path("product/srv", file)), fmt.Sprint(seconds)))
	b.CreateJobAs(id, service.CreateJobInput{Document: text(doc)}, b.device)
}

// trialCut cuts the power while a binary that never connects is tried.
func (b *bench) trialCut(g *Guest) {
	b.Helper()
	b.update("silent", "silent", 15)
	_, err := g.WaitLine(b.context(), `silent: never connects`)
	b.must(err)
	g.Cut()
}

// trialFails sees the same binary tried to its end by the boot that follows.
func (b *bench) trialFails(g *Guest) {
	b.Helper()
	_, err := g.WaitLine(b.context(), `silent: never connects`)
	b.must(err)
	b.reconnected(g)
	e := b.final("silent", service.Failed)
	b.once("silent")
	if got := e.Details["stderr"]; !strings.Contains(got, "did not connect in time, or not for long") {
		b.Errorf("the update to a binary that never connects says %q", got)
	}
	b.unmounted()
}

// updated sees a good binary taken, and starts the machine anew.
func (b *bench) updated(g *Guest) {
	b.Helper()
	b.update("next", "next", 600)
	b.reconnected(g)
	b.final("next", service.Succeeded)
	b.once("next")
	b.saysVersion(g)
	b.unmounted()
	b.CreateJobAs("reboot", service.CreateJobInput{JobTemplateARN: b.template("AWS-Reboot")}, b.device)
}

// unmounted wants that no trial has left anything over the program.
func (b *bench) unmounted() {
	b.Helper()
	b.final(b.CreateJob(command("sh,-c,! grep jobbox /proc/mounts"), b.device), service.Succeeded)
}

// saysVersion wants the new version from the agent that this boot has started.
func (b *bench) saysVersion(g *Guest) {
	b.Helper()
	_, err := g.WaitLine(b.context(), `agent: jobbox 9\.9\.9`)
	b.must(err)
}
