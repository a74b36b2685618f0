//go:build boottest

package boot

import (
	"slices"
	"strings"
	"testing"

	"jobbox/sim/service"
)

// TestOpenRC boots a read-only squashfs with BusyBox as init and OpenRC, as on
// Alpine Linux: the service as the Buildroot package installs it.
func TestOpenRC(t *testing.T) {
	t.Parallel()
	b := newBench(t, machine("amd64")).squashfs("OPENRC", "testdata/openrc", "openrc")
	g := b.boot("")
	b.unprivileged()
	if e := b.final(b.CreateJob(command("rc-service,jobbox,status"), b.device), service.Succeeded); !strings.Contains(e.Details["stdout"], "started") {
		b.Errorf("rc-service jobbox status: %q; want it started", e.Details["stdout"])
	}
	b.restart(g)
	b.reload(g, "rc-service,jobbox,reload")
	b.mistaken("rc-service jobbox restart")
	b.killed(g)
	b.rebootAndOff(g, "")
}

// TestSystemd boots a read-only squashfs with systemd as init: the unit as the
// Buildroot package installs it, and what it keeps from the steps of a job.
func TestSystemd(t *testing.T) {
	t.Parallel()
	m := machine("amd64")
	m.Memory = 192
	b := newBench(t, m).squashfs("SYSTEMD", "testdata/systemd", "systemd-sysv", "mount")
	const console = "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=info systemd.getty_auto=no systemd.show_status=no"
	g := b.boot(console)
	b.unprivileged()
	e := b.final(b.CreateJob(document(step("unit.sh", "")), b.device), service.Succeeded)
	got := slices.Sorted(strings.Lines(e.Details["stdout"]))
	want := []string{"ActiveState=active\n", "Result=success\n", "StatusText=connected\n", "SubState=running\n"}
	if !slices.Equal(got, want) {
		b.Errorf("systemctl show jobbox: %q; want %q", got, want)
	}
	b.restart(g)
	b.reload(g, "systemctl,reload,jobbox")
	b.watchdog(g)
	b.rebootAndOff(g, console)
}

// rebootAndOff runs AWS-Reboot over two boots, and switches off by a job.
func (b *bench) rebootAndOff(g *Guest, cmdline string) {
	b.Helper()
	b.CreateJobAs("reboot", service.CreateJobInput{JobTemplateARN: b.template("AWS-Reboot")}, b.device)
	b.goesDown(g)
	g = b.boot(cmdline)
	b.final("reboot", service.Succeeded)
	b.once("reboot")
	b.switchOff()
	b.goesDown(g)
}

// reload has a job tell the agent by its service manager to read its files again.
func (b *bench) reload(g *Guest, words string) {
	b.Helper()
	b.final(b.CreateJob(command(words), b.device), service.Succeeded)
	_, err := g.WaitLine(b.context(), `SIGHUP: configuration and certificates read again`)
	b.must(err)
}

// watchdog has a step stop the agent's process: systemd ends it and starts
// another, which takes up the step.
func (b *bench) watchdog(g *Guest) {
	b.Helper()
	id := b.CreateJob(document(step("hang.sh", "")), b.device)
	b.reconnected(g)
	e := b.final(id, service.Succeeded)
	b.once(id)
	if got := e.Details["stdout"]; !strings.HasPrefix(got, "attempt 1 outlived ") {
		b.Errorf("after the watchdog the step says %q; want its first attempt gone on", got)
	}
	_, err := g.WaitLine(b.context(), `jobbox\.service: Watchdog timeout`)
	b.must(err)
}
