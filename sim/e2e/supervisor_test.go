package e2e

import (
	"net"
	"testing"
	"time"

	"jobbox/sim/lab"
	"jobbox/sim/service"
)

// TestSupervisor: a service manager with a watchdog (sd_notify(3)) hears that the
// agent is ready, connected or not, alive also while a step runs, and stopping.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	d := l.Device("watched")
	path := d.Path("notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	hear := func(want string) {
		t.Helper()
		deadline := time.Now().Add(lab.Patience)
		buf := make([]byte, 4096)
		for got := ""; got != want; {
			socket.SetReadDeadline(deadline)
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("%q was not said: %v", want, err)
			}
			got = string(buf[:n])
		}
	}
	d.Env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"}
	d.Start()
	hear("READY=1\nSTATUS=not connected")
	hear("STATUS=connected")
	id := l.CreateJob(command("sleep", "1000"))
	l.WaitStatus(id, service.InProgress)
	for range 5 {
		hear("WATCHDOG=1")
	}
	l.Broker.Restart(true)
	hear("STATUS=not connected")
	hear("STATUS=connected")
	if status := d.Stop(); status != 0 {
		t.Errorf("the agent's exit status is %d", status)
	}
	hear("STOPPING=1")
}
