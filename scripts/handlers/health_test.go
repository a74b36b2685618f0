package handlers

import (
	"strings"
	"testing"
)

// sickDevice has 4 processors at a load of 3.7, 20 % of its memory left, and an
// Ethernet port.
func sickDevice(t *testing.T) *device {
	d := newDevice(t)
	d.write("proc/uptime", "4711.42 9000.00\n", 0o644)
	d.write("proc/loadavg", "0.50 3.70 0.01 1/80 4000\n", 0o644)
	d.write("proc/cpuinfo", strings.Repeat("processor\t: 0\nmodel name\t: x\n\n", 4), 0o644)
	d.write("proc/meminfo", "MemTotal:       60000 kB\nMemFree:        2000 kB\nMemAvailable:  12000 kB\nCached: 9000 kB\n", 0o644)
	d.write("proc/mounts", "/dev/root / squashfs ro,relatime 0 0\n", 0o644)
	d.write("proc/net/route", "Iface\tDestination\tGateway\neth0\t00000000\t0100A8C0\n", 0o644)
	d.write("sys/class/net/eth0/operstate", "up\n", 0o644)
	d.write("sys/class/net/lo/operstate", "unknown\n", 0o644)
	return d
}

func TestHealth(t *testing.T) {
	d := sickDevice(t)
	got := d.run("health-check.sh", "")
	got.check(t, "health-check.sh", 0, "\nhealth: ok\n", "")
	for _, line := range []string{
		"uptime: 4711 s\n", "boot-id: 11111111-1111-4111-8111-111111111111\n", "kernel: ",
		"load: 0.50 3.70 0.01 on 4 processors, 92% over 5 minutes\n",
		"memory: 80% in use, 12000 of 60000 kB available\n",
		"network eth0: up\n", "default-route: yes\n", "jobbox: not in PATH\n",
	} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("no %q in\n%s", line, got.stdout)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		if key, value, ok := strings.Cut(line, ": "); !ok || key == "" || value == "" {
			t.Errorf("%q is no key: value", line)
		}
	}
	if strings.Contains(got.stdout, "disk ") || strings.Contains(got.stdout, "network lo") {
		t.Errorf("what is of no interest is shown:\n%s", got.stdout)
	}
}

func TestHealthLimits(t *testing.T) {
	tests := []struct {
		limits         string
		status         int
		stdout, stderr string
	}{
		{"memory=80 load=92 disk=100", 0, "health: ok", ""},
		{"memory=79", 1, "memory: 80% in use", "memory: 80%, the limit is 79%"},
		{"load=91", 1, "", "load: 92%, the limit is 91%"},
		{"mount=/data disk=100", 0, "disk /data: ", ""},
		{"mount=/nowhere", 2, "", "mount=/nowhere: no such directory"},
		{"disk=", 2, "", "want LIMIT=NUMBER"},
		{"disk=$(reboot)", 2, "", "want LIMIT=NUMBER"},
		{"disk=010", 2, "", "want LIMIT=NUMBER"},
		{"temperature=90", 2, "", "the limits are disk, memory and load"},
		{"mount=/a\x1b[2J", 2, "", "\"mount=/a?[2J\": a control character"},
		{"-h", 2, "", "want LIMIT=NUMBER"},
	}
	d := sickDevice(t)
	// df asks /proc/mounts which file system a directory lies on.
	d.write("proc/mounts", "/dev/root / ext4 rw,relatime 0 0\n", 0o644)
	for _, tt := range tests {
		d.run("health-check.sh", "", tt.limits).check(t, tt.limits, tt.status, tt.stdout, tt.stderr)
	}
}

func TestHealthOnOldKernel(t *testing.T) {
	d := sickDevice(t)
	d.write("proc/meminfo", "MemTotal: 50000 kB\nMemFree: 2000 kB\nBuffers: 1000 kB\nCached: 7000 kB\n", 0o644)
	d.program("jobbox", "echo 'jobbox 9.9 go1.26 linux/arm'")
	got := d.run("health-check.sh", "", "")
	got.check(t, "health-check.sh", 0, "memory: 80% in use, 10000 of 50000 kB available\n", "")
	got.check(t, "health-check.sh", 0, "jobbox: jobbox 9.9 go1.26 linux/arm\n", "")
}
