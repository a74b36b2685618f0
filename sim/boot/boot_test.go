//go:build boottest

package boot

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// patience is how long one thing may take in a guest on a slow host.
const patience = 10 * time.Minute

// cache keeps the kernels between runs; git does not see it.
const cache = "../../.cache/boot"

// memory is what each machine gets instead of its least: to find the least.
var memory = flag.Int("memory", 0, "MiB for each machine")

func TestMain(m *testing.M) {
	for _, tool := range []string{"busybox", "dpkg-deb", "apt-get", "mksquashfs", "qemu-system-arm", "qemu-system-aarch64", "qemu-system-mipsel", "qemu-system-x86_64"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "no %s: apt-get install --no-install-recommends busybox-static squashfs-tools qemu-system-arm qemu-system-mips qemu-system-x86 ipxe-qemu\n", tool)
			os.Exit(1)
		}
	}
	os.Exit(lab.Main(m))
}

// A step of a job document.
func step(handler, user string, args ...string) map[string]any {
	return map[string]any{"action": map[string]any{"name": handler, "type": "runHandler", "runAsUser": user,
		"input": map[string]any{"handler": handler, "path": "default", "args": args}}}
}

func document(steps ...map[string]any) map[string]any {
	return map[string]any{"version": "1.0", "includeStdOut": true, "steps": steps}
}

func TestBoot(t *testing.T) {
	for _, m := range Machines {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			bootThrice(t, m)
		})
	}
}

func bootThrice(t *testing.T, m Machine) {
	b := newBench(t, m).initramfs()
	b.rebootByJob(b.boot(""))
	b.cutPower(b.boot("clock=1970"))
	b.powerOffByJob(b.boot("clock=1970 readonly"))
}

// rebootByJob runs a job as an ordinary user, and then the managed template
// AWS-Reboot, which takes the machine down.
func (b *bench) rebootByJob(g *Guest) {
	b.Helper()
	b.unprivileged()
	b.memory()
	b.small()
	b.reload(g, "/etc/init.d/S80jobbox,reload")
	b.mistaken("/etc/init.d/S80jobbox restart")
	b.CreateJobAs("reboot", service.CreateJobInput{JobTemplateARN: b.template("AWS-Reboot")}, b.device)
	b.cleanEnd(g)
	if e := b.execution("reboot"); e.Status != "IN_PROGRESS" {
		b.Errorf("the reboot job is %s while the machine is down; want IN_PROGRESS", e.Status)
	}
}

func (b *bench) template(name string) string {
	return "arn:aws:iot:" + b.Service.Region() + "::jobtemplate/" + name + ":1.0"
}

func (b *bench) execution(id string) service.Execution {
	e, err := b.Service.DescribeJobExecution(id, b.device.Thing, 0)
	b.must(err)
	return e
}

// unprivileged checks who a step is.
func (b *bench) unprivileged() {
	b.Helper()
	id := b.CreateJob(map[string]any{"version": "1.0", "includeStdOut": true, "steps": []any{
		map[string]any{"action": map[string]any{"name": "who", "type": "runCommand", "runAsUser": "operator",
			"input": map[string]any{"command": "id"}}}}}, b.device)
	e := b.final(id, "SUCCEEDED")
	want := "uid=1000(operator) gid=1000(operator) groups=1000(operator),20(dialout)"
	alternative := "uid=1000(operator) gid=1000(operator) groups=20(dialout),1000(operator)"
	if got := strings.TrimSpace(e.Details["stdout"]); got != want && got != alternative {
		b.Errorf("id says %q; want %q", got, want)
	}
}

// restart has a job restart the agent by its own init script, as the managed
// template AWS-Restart-Application does: the step that does it goes on.
func (b *bench) restart(g *Guest) {
	b.Helper()
	id := b.CreateJob(document(step("restart-services.sh", "", "jobbox")), b.device)
	b.reconnected(g)
	b.final(id, "SUCCEEDED")
	b.once(id)
}

// mistaken has a job restart the agent while its configuration is no good: the one
// that runs is left alone.
func (b *bench) mistaken(restart string) {
	b.Helper()
	script := "read -r old </run/jobbox/connected; mount -o bind /dev/null /etc/jobbox/jobbox.conf; " + restart +
		"; status=$?; umount /etc/jobbox/jobbox.conf; read -r new </run/jobbox/connected; [ $status != 0 ] && [ \"$old\" = \"$new\" ]"
	b.final(b.CreateJob(command("sh,-c,"+script), b.device), "SUCCEEDED")
}

// reconnected waits for the connection of another agent in the same boot.
func (b *bench) reconnected(g *Guest) {
	b.Helper()
	b.seen = b.await(g, broker.Connected).Seq
}

// memory reports what the agent needs, by a sealed handler that runs as nobody.
func (b *bench) memory() {
	b.Helper()
	e := b.final(b.CreateJob(document(step("memory.sh", "nobody")), b.device), "SUCCEEDED")
	text := strings.ReplaceAll(strings.TrimSpace(e.Details["stdout"]), "\n", " ")
	if !regexp.MustCompile(`VmRSS=[0-9]+ .*MemTotal=[0-9]+`).MatchString(text) {
		b.Errorf("memory.sh says %q", text)
	}
	b.Attr("memory", fmt.Sprintf("of %d MiB, in KiB: %s", b.m.Memory, text))
}

// small starts the program with less than 32 MiB to be had, where the core is one
// that such devices have. (A 64-bit Go program asks for more in any case.)
func (b *bench) small() {
	b.Helper()
	if b.m.Target == "arm64" || b.m.Target == "amd64" {
		return
	}
	e := b.final(b.CreateJob(document(step("small.sh", "")), b.device), "SUCCEEDED")
	if got := e.Details["stdout"]; !strings.HasPrefix(got, "jobbox ") || !strings.Contains(got, "32 MiB refused: yes") {
		b.Errorf("with less than 32 MiB to be had the program says %q", got)
	}
}

// cleanEnd is goesDown where rcK stops the agent. The agent's last line may be one
// that syslogd no longer reads: its end is seen by start-stop-daemon.
func (b *bench) cleanEnd(g *Guest) {
	b.Helper()
	b.goesDown(g, `stopped jobbox \(pid \d+\)`, `machine: rcK is through`)
}

// goesDown waits for the machine to go down by itself, and wants that the agent
// was told to stop and has said goodbye to the broker, and all that the console
// is to show.
func (b *bench) goesDown(g *Guest, console ...string) {
	b.Helper()
	b.must(g.WaitOff(b.context()))
	text := strings.Join(g.Lines(), "\n")
	for _, want := range append(console, `jobbox\[\d+]: agent: SIGTERM: stops`) {
		if !regexp.MustCompile(want).MatchString(text) {
			b.Errorf("boot %d: the console shows no %q", b.boots, want)
		}
	}
	if e := b.await(g, broker.Disconnected); !strings.Contains(e.Reason, "DISCONNECT") {
		b.Errorf("boot %d: the connection ended because of %q; want a DISCONNECT", b.boots, e.Reason)
	}
	if strings.Contains(text, "machine: FAIL") {
		b.Errorf("boot %d: the machine itself failed:\n%s", b.boots, text)
	}
}

// cutPower sees the reboot reported, and ends this boot in the middle of a step.
func (b *bench) cutPower(g *Guest) {
	b.Helper()
	b.final("reboot", "SUCCEEDED")
	b.once("reboot")
	if _, err := g.WaitLine(b.context(), `machine: network .*date=1970-01-01`); err != nil {
		b.Error(err)
	}
	b.restart(g)
	doc := document(step("first.sh", ""), step("marathon.sh", ""), step("last.sh", "nobody"))
	b.CreateJobAs("marathon", service.CreateJobInput{Document: text(doc)}, b.device)
	_, err := g.WaitLine(b.context(), `marathon: attempt 1`)
	b.must(err)
	g.Cut()
}

func text(document any) string {
	data, err := json.Marshal(document)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(data)
}

// powerOffByJob sees the interrupted job finished, on a root that nothing can be
// written to, and switches off.
func (b *bench) powerOffByJob(g *Guest) {
	b.Helper()
	if _, err := g.WaitLine(b.context(), `machine: the root is read-only`); err != nil {
		b.Error(err)
	}
	e := b.final("marathon", "SUCCEEDED")
	b.once("marathon")
	if got := e.Details["stdout"]; !strings.Contains(got, "first ran 1 time\n") {
		b.Errorf("after the power cut the job says %q; want the first step run once", got)
	}
	if _, err := g.WaitLine(b.context(), `marathon: attempt 2`); err != nil {
		b.Error(err)
	}
	b.switchOff()
	b.cleanEnd(g)
}

// switchOff runs a job that does.
func (b *bench) switchOff() {
	b.Helper()
	b.final(b.CreateJob(document(step("shutdown.sh", "", "1")), b.device), "SUCCEEDED")
}

// TestInittab boots the other way of starting the agent: BusyBox init itself
// does, and again when the agent dies.
func TestInittab(t *testing.T) {
	t.Parallel()
	b := newBench(t, machine("amd64")).initramfs("BR2_PACKAGE_JOBBOX_FETCH=y", "BR2_PACKAGE_JOBBOX_INIT_INITTAB=y")
	g := b.boot("")
	b.killed(g)
	b.switchOff()
	b.must(g.WaitOff(b.context()))
	if _, err := g.WaitLine(b.context(), `agent: stopped`); err != nil {
		b.Error(err)
	}
}

// killed has a step kill the agent: whatever supervises it starts another, which
// takes up the step. BusyBox killall would find the runner too: it is the same
// program.
func (b *bench) killed(g *Guest) {
	b.Helper()
	id := b.CreateJob(command("sh,-c,read -r pid rest </run/jobbox/connected; kill -9 $pid"), b.device)
	b.reconnected(g)
	b.final(id, "SUCCEEDED")
	b.once(id)
}

// command is a job of one command, its words parted by commas.
func command(words string) map[string]any {
	return document(map[string]any{"action": map[string]any{"name": "command", "type": "runCommand", "input": map[string]any{"command": words}}})
}
