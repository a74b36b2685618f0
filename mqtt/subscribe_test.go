//go:build go1.25

package mqtt

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"jobbox/internal/logging"
)

// Every connection subscribes to everything, with QoS 1, 8 filters at a time.
func TestSubscribesInChunks(t *testing.T) {
	var asked [][]string
	var want []string
	serve := func(o *Options, d *desk) {
		for i := range 19 {
			want = append(want, fmt.Sprintf("t/%d", i))
		}
		o.Subscriptions = want
		d.serve = func(n int, p *peer) {
			p.accept(0)
			p.subscribed = func(filters []string) []byte {
				asked = append(asked, filters)
				return make([]byte, len(filters)) // QoS 0 is all that is granted: good enough
			}
			if n == 0 {
				time.AfterFunc(time.Second, func() { p.Close() })
			}
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		for _, kind := range []EventKind{Connected, Lost, Connected} {
			later(t, c, kind)
		}
		stop()
		var sizes []int
		for _, filters := range asked {
			sizes = append(sizes, len(filters))
		}
		if !slices.Equal(sizes, []int{8, 8, 3, 8, 8, 3}) {
			t.Errorf("filters in a SUBSCRIBE: %v", sizes)
		}
		all := slices.Concat(asked[3:]...)
		slices.Sort(all)
		slices.Sort(want)
		if !slices.Equal(all, want) {
			t.Errorf("subscribed to %q", all)
		}
	})
}

// A refusal in SUBACK is named, the rest works, and it is tried again: with
// every connection, and slowly without one. When it is granted, messages may have
// been missed.
func TestSubackRefusal(t *testing.T) {
	var refuse atomic.Bool
	var asked atomic.Int32
	refuse.Store(true)
	serve := func(_ *Options, d *desk) {
		d.serve = func(n int, p *peer) {
			p.accept(0)
			p.subscribed = func(filters []string) []byte {
				var codes []byte
				for _, f := range filters {
					code := byte(1)
					if f == "c/+/d" {
						if asked.Add(1); refuse.Load() {
							code = 0x80
						}
					}
					codes = append(codes, code)
				}
				return codes
			}
			if n == 0 {
				time.AfterFunc(time.Second, func() { p.Close() })
			}
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		for _, kind := range []EventKind{Connected, Lost, Connected} {
			later(t, c, kind)
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times on two connections", n)
		}
		time.Sleep(retryRefusedMax + time.Minute)
		if n := asked.Load(); n < 3 || n > 4 {
			t.Errorf("asked %d times after an hour", n)
		}
		if d.log.count(logging.Warn, `"c/+/d" refused by the broker; the policy must allow iot:Subscribe on topicfilter/c/+/d and iot:Receive on topic/c/*/d`) != 1 {
			t.Error("the log does not name the refusal once")
		}
		refuse.Store(false)
		later(t, c, Missed)
		if d.log.count(logging.Info, `"c/+/d" granted now`) != 1 {
			t.Error("the log does not say that it was granted")
		}
		before := asked.Load()
		time.Sleep(5 * retryRefusedMax)
		if asked.Load() != before {
			t.Error("asked again though granted")
		}
		stop()
	})
}

// A broker that closes the connection over one filter, as AWS IoT does over some,
// is left with the others: which one it is gets found out and said.
func TestDropOnSubscribe(t *testing.T) {
	var forbidden atomic.Bool
	forbidden.Store(true)
	serve := func(o *Options, d *desk) {
		o.Subscriptions = []string{"a", "b/+/c", "d"}
		d.serve = func(n int, p *peer) {
			p.accept(0)
			p.subscribed = func(filters []string) []byte {
				if forbidden.Load() && slices.Contains(filters, "b/+/c") {
					return nil
				}
				return make([]byte, len(filters))
			}
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		if len(d.attempts()) != 4 { // all at once, alone, alone once more, without it
			t.Errorf("%d connections; want 4", len(d.attempts()))
		}
		for _, text := range []string{
			"closed by the broker on SUBSCRIBE; asking for one topic at a time",
			`closed by the broker on SUBSCRIBE to "b/+/c"; the policy must allow iot:Subscribe on topicfilter/b/+/c and iot:Receive on topic/b/*/c; trying it once more`,
			"; going on without it",
		} {
			if d.log.count(logging.Warn, text) != 1 {
				t.Errorf("the log does not say %q once", text)
			}
		}
		later(t, c, Lost) // over the slow retry
		later(t, c, Connected)
		forbidden.Store(false)
		later(t, c, Missed)
		stop()
	})
}
