package lab

import (
	"net"
	"path/filepath"
	"strconv"
	"syscall"

	"jobbox/sim/device"
)

// Device is a thing with a directory of its own, and at most one agent.
type Device struct {
	device.Files
	Thing    string
	Settings device.Config // the configuration; written by Start
	Bin      string        // the binary; "" for Build's
	Args     []string      // more arguments for the agent
	Env      []string      // more environment, NAME=VALUE
	Prefix   []string      // a command that runs the agent: strace, setpriv, ...

	lab   *Lab
	log   *logBuffer
	agent *process
}

// Device makes a device, with its thing registered. Its agent is not started.
func (l *Lab) Device(thing string) *Device {
	l.t.Helper()
	files, err := l.Cloud.AddThing(thing, filepath.Join(l.Dir, strconv.Itoa(len(l.devices)+1)))
	if err != nil {
		l.t.Fatal(err)
	}
	d := &Device{Files: files, Thing: thing, lab: l, log: newLogBuffer()}
	d.Settings = files.Defaults(thing, "localhost", l.Cloud.Port())
	d.Settings.Section("logging")["level"] = "DEBUG"
	l.devices = append(l.devices, d)
	return d
}

// StartDevice makes a device and starts its agent, and waits until the agent
// has asked for its first job.
func (l *Lab) StartDevice(thing string) *Device {
	l.t.Helper()
	d := l.Device(thing)
	d.StartAndWait()
	return d
}

// Via connects the device to another address than the broker's from its next
// start on: that of a netfault.Proxy, say.
func (d *Device) Via(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		d.lab.t.Fatalf("device %s: %v", d.Thing, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		d.lab.t.Fatalf("device %s: port: %v", d.Thing, err)
	}
	d.Settings["endpoint"], d.Settings["port"] = host, n
}

// Handler puts a handler into the device's handler directory.
func (d *Device) Handler(name, script string) {
	d.lab.t.Helper()
	if err := d.AddHandler(name, script); err != nil {
		d.lab.t.Fatal(err)
	}
}

// Jobs is the "jobs" section of the configuration.
func (d *Device) Jobs() device.Config { return d.Settings.Section("jobs") }

// Path is a path within the device's directory.
func (d *Device) Path(elements ...string) string {
	return filepath.Join(append([]string{d.Dir}, elements...)...)
}

// Log is what agents of this device have written so far, all of them.
func (d *Device) Log() string { return d.log.String() }

// close ends what the device has running.
func (d *Device) close() error {
	if d.agent != nil {
		if d.Running() { // else the number may be somebody else's by now
			// The group: Prefix may have put a process before the agent's own.
			_ = syscall.Kill(-d.Pid(), syscall.SIGKILL)
		}
		d.agent.kill()
	}
	return d.endLeftovers()
}
