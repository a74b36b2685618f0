package lab

import (
	"encoding/json"
	"fmt"
	"time"

	"jobbox/sim/service"
)

// CreateJob makes a job for the lab's devices, or for those that are given. A
// document is a string or anything that encoding/json can write. The id is
// unique within the lab.
func (l *Lab) CreateJob(document any, devices ...*Device) string {
	l.t.Helper()
	l.jobs++
	id := fmt.Sprintf("job-%d", l.jobs)
	l.CreateJobAs(id, service.CreateJobInput{Document: l.document(document)}, devices...)
	return id
}

// CreateJobAs makes a job with an id and more than a document. Targets are set
// from devices.
func (l *Lab) CreateJobAs(id string, in service.CreateJobInput, devices ...*Device) {
	l.t.Helper()
	if len(devices) == 0 {
		devices = l.devices
	}
	for _, d := range devices {
		in.Targets = append(in.Targets, l.Service.ARN("thing", d.Thing))
	}
	if _, err := l.Service.CreateJob(id, in); err != nil {
		l.t.Fatalf("create job %q: %v", id, err)
	}
}

func (l *Lab) document(d any) string {
	l.t.Helper()
	if s, ok := d.(string); ok {
		return s
	}
	data, err := json.Marshal(d)
	if err != nil {
		l.t.Fatalf("job document: %v", err)
	}
	return string(data)
}

// WaitFinal waits until a job has ended on a device (the first one, if none is
// given) and returns its execution.
func (l *Lab) WaitFinal(id string, devices ...*Device) service.Execution {
	l.t.Helper()
	return l.WaitExecution(id, "a final status", func(e service.Execution) bool { return e.Status.Final() }, devices...)
}

// WaitStatus waits until a job has a status on a device.
func (l *Lab) WaitStatus(id string, status service.Status, devices ...*Device) service.Execution {
	l.t.Helper()
	return l.WaitExecution(id, string(status), func(e service.Execution) bool { return e.Status == status }, devices...)
}

// WaitExecution waits until a job's execution on a device satisfies match. It
// sees every change, in order.
func (l *Lab) WaitExecution(id, what string, match func(service.Execution) bool, devices ...*Device) service.Execution {
	l.t.Helper()
	d := l.pick(devices)
	changes, stop := l.Service.Watch(id, d.Thing)
	defer stop()
	timeout := time.After(Patience)
	last := "nothing"
	for {
		select {
		case e, ok := <-changes:
			if !ok {
				l.t.Fatalf("job %s on %s: the service ended while waiting for %s", id, d.Thing, what)
			}
			if match(e) {
				return e
			}
			last = fmt.Sprintf("%s, version %d", e.Status, e.Version)
		case <-timeout:
			l.t.Fatalf("job %s on %s: no %s in %v; the last: %s", id, d.Thing, what, Patience, last)
		}
	}
}

func (l *Lab) pick(devices []*Device) *Device {
	l.t.Helper()
	if len(devices) > 0 {
		return devices[0]
	}
	if len(l.devices) == 0 {
		l.t.Fatal("BUG: the lab has no device")
	}
	return l.devices[0]
}

// Updates is every change of a job's execution on a device so far, in order.
func (l *Lab) Updates(id string, devices ...*Device) []service.Execution {
	var list []service.Execution
	for _, e := range l.Service.History(l.pick(devices).Thing) {
		if e.JobID == id {
			list = append(list, e)
		}
	}
	return list
}

// FinalCount is how many final statuses a job's execution has been given by
// updates: one, if all is well.
func (l *Lab) FinalCount(id string, devices ...*Device) int {
	n := 0
	for _, e := range l.Updates(id, devices...) {
		if e.Status.Final() && !e.Deleted {
			n++
		}
	}
	return n
}
