package handlers

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// initScript notes what it is asked, and its environment's names.
const initScript = "#!/bin/sh\necho \"${0##*/} $1\" >>/calls\nenv | grep ^JOBBOX >>/environment\necho \"done $1\"\n"

func TestServices(t *testing.T) {
	tests := []struct {
		name           string
		prepare        func(d *device)
		handler, names string
		status         int
		stdout, stderr string
		calls          string
	}{
		{"init script", nil, "start-services.sh", "web", 0, "start web\ndone start\n", "", "web start\n"},
		{"numbered script", nil, "restart-services.sh", "net", 0, "done restart", "", "S40net restart\n"},
		{"numbered, named whole", nil, "stop-services.sh", "S40net", 0, "done stop", "", "S40net stop\n"},
		{"several, in order", nil, "stop-services.sh", "net web", 0, "stop web\n", "", "S40net stop\nweb stop\n"},
		{"unit name of systemd", nil, "start-services.sh", "web.service", 0, "", "", "web start\n"},
		{"unknown", nil, "start-services.sh", "nil web", 3, "", "nil: no such service: there is neither /etc/init.d/nil nor /etc/init.d/S??nil", ""},
		{"two of a name", func(d *device) { d.write("etc/init.d/S41net", initScript, 0o755) },
			"start-services.sh", "net", 1, "", "net: more than one script of that name", ""},
		{"switched off", func(d *device) { d.write("etc/init.d/S50off", initScript, 0o644) },
			"start-services.sh", "off", 1, "", "/etc/init.d/S50off is not executable: the service is switched off", ""},
		{"fails", func(d *device) {
			d.write("etc/init.d/bad", "#!/bin/sh\necho why\necho wherefore >&2\nprintf 'no newline'\nexit 7\n", 0o755)
		}, "start-services.sh", "bad web", 1, "start bad\nwhy\nwherefore\nno newline\n", "start bad: exit status 7", ""},
		{"systemd", func(d *device) {
			d.mkdir("run/systemd/system")
			d.program("systemctl", "")
		}, "restart-services.sh", "web getty@tty1", 0, "", "", "systemctl restart -- web\nsystemctl restart -- getty@tty1\n"},
		{"systemctl where something else is init", func(d *device) { d.program("systemctl", "exit 1") },
			"start-services.sh", "web", 0, "", "", "web start\n"},
		{"OpenRC", func(d *device) {
			d.mkdir("run/openrc")
			d.program("rc-service", "")
		}, "start-services.sh", "web", 0, "", "", "rc-service -- web start\n"},
		{"procd", func(d *device) {
			d.write("etc/rc.common", "echo \"procd ${1##*/} $2\" >>/calls\n", 0o755)
			d.write("etc/init.d/dns", "#!/bin/sh /etc/rc.common\nUSE_PROCD=1\n", 0o755)
		}, "restart-services.sh", "dns", 0, "", "", "procd dns restart\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			d.write("etc/init.d/web", initScript, 0o755)
			d.write("etc/init.d/S40net", initScript, 0o755)
			if tt.prepare != nil {
				tt.prepare(d)
			}
			d.run(tt.handler, "", tt.names).check(t, tt.handler+" "+tt.names, tt.status, tt.stdout, tt.stderr)
			if got := d.calls(); got != tt.calls {
				t.Errorf("called %q; want %q", got, tt.calls)
			}
			if env := d.read("environment"); env != "" {
				t.Errorf("a service would pass for a part of the step: %s", env)
			}
		})
	}
}

// daemon is the worst kind: it stays in the step's process group, keeps the
// output of the script that started it, and writes to it for ever.
const daemon = `#!/bin/sh
(while :; do echo tick; echo tock >&2; echo . >>/ticks; sleep 1; done) &
echo started
`

// The step ends although the daemon runs, nobody's pipe is held, and the daemon
// lives on after the reader of the step's output has gone.
func TestStartedDaemonOutlivesTheHandler(t *testing.T) {
	d := newDevice(t)
	d.write("etc/init.d/S99daemon", daemon, 0o755)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := d.command("start-services.sh", "", "daemon")
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { killGroup(cmd.Process.Pid) })
	writer.Close()
	if err := reader.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(reader) // ends only when nobody holds the pipe
	reader.Close()
	if err != nil {
		killGroup(cmd.Process.Pid)
	}
	if status := cmd.Wait(); status != nil || err != nil || !strings.Contains(string(out), "started\n") {
		t.Fatalf("start-services.sh: %v, %v, output %q", status, err, out)
	}
	before := len(d.read("ticks"))
	d.wait("the daemon goes on", func() bool { return len(d.read("ticks")) > before+4 })
}

// Much output neither blocks the service's script nor loses its status.
func TestTalkativeInitScript(t *testing.T) {
	d := newDevice(t)
	d.write("etc/init.d/loud", "#!/bin/sh\nyes 'a\\tline' | head -n 20000\nexit 3\n", 0o755)
	got := d.run("start-services.sh", "", "loud")
	if lines := strings.Count(got.stdout, "a\\tline\n"); lines != 20000 || got.status != 1 {
		t.Errorf("%d lines and status %d; want 20000 and 1", lines, got.status)
	}
	got.check(t, "start loud", 1, "", "exit status 3")
}
