package proof

import (
	"fmt"
	"testing"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/lab"
	"jobbox/sim/netfault"
	"jobbox/sim/service"
)

// network is a device behind a bad network, with jobs to be done.
type network struct {
	*lab.Lab
	device *lab.Device
	proxy  *netfault.Proxy
	ids    []string
	marks  []string
}

func newNetwork(t *testing.T) *network {
	l := lab.New(t)
	n := &network{Lab: l, proxy: l.Proxy(), device: l.Device("net")}
	n.device.Via(n.proxy.Addr())
	return n
}

// queue makes a job that succeeds or fails by its number.
func (n *network) queue() {
	k := len(n.ids)
	marks := n.device.Path(fmt.Sprintf("marks%d", k))
	n.marks = append(n.marks, marks)
	n.ids = append(n.ids, n.CreateJob(document(mark(marks, "true"), mark(marks, fmt.Sprintf("exit %d", k%2)))))
}

// check waits for every job: each step ran once, one true final status each.
func (n *network) check(t *testing.T) {
	t.Helper()
	for k, id := range n.ids {
		s := outcome{status: service.Succeeded, stdout: "out 1\nout 2\n", marks: "1 1\n2 1\n"}
		if k%2 == 1 {
			s.status = service.Failed
		}
		checkEnd(t, n.Lab, n.device, id, n.marks[k], s)
	}
}

// TestNetwork: whatever the network does, all jobs end rightly, once.
func TestNetwork(t *testing.T) {
	tests := []struct {
		name string
		// spoil does its worst around the jobs that queue makes.
		spoil func(t *testing.T, n *network)
	}{
		{"cut again and again", func(t *testing.T, n *network) {
			n.device.Start()
			for range 6 {
				n.queue()
				lab.Eventually(t, "a connection to cut", func() bool { return n.proxy.Cut() > 0 })
			}
		}},
		{"cut in the middle of packets", func(t *testing.T, n *network) {
			n.device.StartAndWait()
			for k := range 4 {
				n.proxy.CutAfter(netfault.Direction(k%2), int64(40+97*k))
				n.queue()
			}
		}},
		{"a minute's worth of stall", func(t *testing.T, n *network) {
			n.device.StartAndWait()
			n.proxy.Stall(true)
			n.queue()
			n.queue()
			time.AfterFunc(12*time.Second, func() { n.proxy.Stall(false) }) // past the wait for an answer
		}},
		{"slow", func(_ *testing.T, n *network) {
			n.proxy.SetRate(4000)
			n.proxy.SetLatency(50 * time.Millisecond)
			n.device.Start()
			n.queue()
			n.queue()
		}},
		{"half-open, found by the keep-alive", func(t *testing.T, n *network) {
			n.device.Settings["keep-alive"] = 30
			n.device.StartAndWait()
			n.proxy.HalfOpen()
			n.queue()
			n.device.WaitLog("mqtt: connection lost") // 30 s to the PINGREQ, 30 s for an answer
		}},
		{"the broker restarts and has lost its sessions", func(t *testing.T, n *network) {
			n.device.StartAndWait()
			for range 3 {
				n.queue()
				n.Cloud.Restart(false)
			}
		}},
		{"the broker restarts and has kept them", func(t *testing.T, n *network) {
			n.device.StartAndWait()
			for range 3 {
				n.queue()
				n.Cloud.Restart(true)
			}
		}},
		{"queued while away", func(_ *testing.T, n *network) {
			for range 12 {
				n.queue()
			}
			n.device.Start()
		}},
		{"everything comes twice, with other packet ids", func(_ *testing.T, n *network) {
			n.Faults().Renumber(true)
			n.Faults().Add(broker.Rule{Direction: broker.ToDevice, Action: broker.Duplicate})
			n.Faults().Add(broker.Rule{Direction: broker.FromDevice, Action: broker.Duplicate})
			n.device.Start()
			n.queue()
			n.queue()
		}},
		{"reordered", func(_ *testing.T, n *network) {
			n.Faults().Add(broker.Rule{Direction: broker.ToDevice, Action: broker.Hold, Delay: 200 * time.Millisecond})
			n.device.Start()
			n.queue()
			n.queue()
		}},
		{"answers lost", func(_ *testing.T, n *network) {
			n.Service.Faults().LoseAnswer(1, "start-next")
			n.Service.Faults().LoseAnswer(1, "update")
			n.device.Start()
			n.queue()
			n.queue()
		}},
		{"requests lost", func(_ *testing.T, n *network) {
			n.Faults().Add(broker.Rule{Direction: broker.FromDevice, Action: broker.Lose, Times: 1})
			n.Faults().Add(broker.Rule{Direction: broker.FromDevice, Topic: "$aws/things/net/jobs/+/update", Action: broker.Lose, Times: 1})
			n.device.Start()
			n.queue()
			n.queue()
		}},
		{"answers without being subscribed", func(_ *testing.T, n *network) {
			n.Faults().Unsolicited(true)
			n.device.Start()
			n.queue()
		}},
		{"stale notifications all the time", func(t *testing.T, n *network) {
			n.device.StartAndWait()
			n.queue()
			n.WaitFinal(n.ids[0])
			n.queue()
			for range 5 {
				for k := range 2 {
					if err := n.Service.Faults().Replay("net", "notify-next", k); err != nil {
						t.Fatal(err)
					}
				}
			}
		}},
		{"throttled", func(_ *testing.T, n *network) {
			n.Service.Faults().Throttle(8 * time.Second)
			n.device.Start()
			n.queue()
			n.queue()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			tt.spoil(t, n)
			n.check(t)
		})
	}
}

// TestEveryCodeToEveryRequest: SPEC 2. A code that is final for start-next has
// the agent wait for the next connection; one for an update of a job that the
// service still holds for IN_PROGRESS has it reported again.
func TestEveryCodeToEveryRequest(t *testing.T) {
	codes := []service.Code{
		service.InvalidTopic, service.InvalidJSON, service.InvalidRequest, service.InvalidStateTransition, service.ResourceNotFound,
		service.VersionMismatch, service.InternalError, service.RequestThrottled, service.TerminalStateReached,
	}
	for _, code := range codes {
		for _, topic := range []string{"start-next", "update"} {
			t.Run(string(code)+"/"+topic, func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.Service.Faults().Reject(1, topic, code)
				n.queue()
				rule := n.Broker.Seq()
				n.device.Start()
				if topic == "start-next" {
					n.device.WaitAsked(rule)
					n.device.Restart() // the next connection
					n.check(t)
					return
				}
				// What is reported again, or reduced, comes without the output.
				got := n.WaitFinal(n.ids[0])
				if got.Status != service.Succeeded || n.FinalCount(n.ids[0]) != 1 || read(t, n.marks[0]) != "1 1\n2 1\n" {
					t.Errorf("%s %q after %q, %d final statuses", got.Status, got.Details, read(t, n.marks[0]), n.FinalCount(n.ids[0]))
				}
			})
		}
	}
}
