// Package lab runs the built jobbox binary against a simulated cloud, for
// end-to-end tests: devices with certificates and directories of their own,
// agents as real processes, faults in between. What to test is left to the
// tests.
package lab

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/cloud"
	"jobbox/sim/netfault"
	"jobbox/sim/service"
)

// Patience is how long anything that is waited for may take on a slow machine:
// three times the longest that is seen on an idle one, a minute for a half-open
// connection to be found out.
const Patience = 3 * time.Minute

// Lab is a cloud and the devices that talk to it.
type Lab struct {
	Cloud   *cloud.Cloud
	Service *service.Service
	Broker  *broker.Broker
	Dir     string // short, since sockets' paths are: /tmp/lab123

	t       testing.TB
	devices []*Device
	jobs    int
}

// New starts a cloud that ends with the test.
func New(t testing.TB, options ...func(*cloud.Options)) *Lab {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	// Other users' steps have to get to what a test puts here.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l := &Lab{Dir: dir, t: t}
	t.Cleanup(l.close)
	var o cloud.Options
	for _, option := range options {
		option(&o)
	}
	if l.Cloud, err = cloud.Start("", o); err != nil {
		t.Fatal(err)
	}
	l.Service, l.Broker = l.Cloud.Service, l.Cloud.Broker
	return l
}

// close ends agents, runners and steps, then the cloud, then the files.
func (l *Lab) close() {
	var errs []error
	for _, d := range l.devices {
		errs = append(errs, d.close())
	}
	if l.t.Failed() {
		l.report()
	}
	if l.Cloud != nil {
		errs = append(errs, l.Cloud.Close())
	}
	errs = append(errs, os.RemoveAll(l.Dir))
	if err := errors.Join(errs...); err != nil {
		l.t.Errorf("close the lab: %v", err)
	}
}

// report shows what a failed test needs to be understood.
func (l *Lab) report() {
	for _, d := range l.devices {
		l.t.Logf("log of %s:\n%s", d.Thing, d.Log())
		for _, e := range l.Service.History(d.Thing) {
			l.t.Logf("service: %s on %s, number %d, version %d: %s %q", e.JobID, e.Thing, e.Number, e.Version, e.Status, e.Details)
		}
	}
	for _, e := range l.Broker.Events(0) {
		l.t.Logf("broker: %v", e)
	}
}

// Faults are the broker's.
func (l *Lab) Faults() *broker.Faults { return l.Cloud.Faults() }

// Proxy puts a bad network in front of the broker: connect a device through it
// with Device.Via. It ends with the test.
func (l *Lab) Proxy() *netfault.Proxy {
	l.t.Helper()
	p, err := netfault.New(l.Broker.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { p.Close() })
	return p
}

// Context ends when Patience does.
func (l *Lab) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	l.t.Cleanup(cancel)
	return ctx
}

// Await waits for an event at the broker, after the one numbered after.
func (l *Lab) Await(after int, what string, match func(broker.Event) bool) broker.Event {
	l.t.Helper()
	e, err := l.Broker.Await(l.Context(), after, match)
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	return e
}

// AwaitKind waits for an event of a kind that concerns a device, after the one
// numbered after.
func (l *Lab) AwaitKind(after int, kind broker.Kind, d *Device) broker.Event {
	l.t.Helper()
	return l.Await(after, d.Thing+" "+string(kind), func(e broker.Event) bool { return e.Kind == kind && e.Client == d.Thing })
}

// Eventually waits until condition holds, for what sends no event.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v", what, Patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// indent makes a block of text readable within a failure.
func indent(s string) string { return "\t" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n\t") }
