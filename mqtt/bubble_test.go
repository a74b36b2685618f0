//go:build go1.25

package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/internal/logging"
)

// A desk is a broker at the other end of net.Pipes, in a bubble's time.
type desk struct {
	t     *testing.T
	pki   *pki
	log   logbook
	mu    sync.Mutex
	dials []time.Time   // under mu; see attempts
	ended chan struct{} // one for each connection that the broker has done with
	// serve is the broker's side of connection n (from 0), after TLS.
	serve func(n int, p *peer)
	// raw, where set, is its side before TLS.
	raw func(n int, c net.Conn)
	// Where set: what dialling fails with, and the device's clock.
	dialError error
	clock     time.Time
}

// bubble runs a test with a client at a desk. The bubble ends only when every
// goroutine, paho's too, has.
func bubble(t *testing.T, change func(*Options, *desk), test func(*testing.T, *Client, *desk)) {
	p := sharedPKI()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, pki: p, ended: make(chan struct{}, 1000)}
		o := p.options()
		o.Log = d.log.logger()
		d.serve = func(_ int, p *peer) { p.accept(0); p.serve() }
		if change != nil {
			change(&o, d)
		}
		c := newClient(t, o)
		c.dial = d.dial
		if !d.clock.IsZero() {
			c.now = func() time.Time { return d.clock }
		}
		test(t, c, d)
		if t.Failed() {
			t.Logf("log:\n%s", d.log.String())
		}
	})
}

func (d *desk) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n := d.attempted()
	if d.dialError != nil {
		return nil, d.dialError
	}
	ours, theirs := net.Pipe()
	go func() {
		defer func() { d.ended <- struct{}{} }()
		defer theirs.Close()
		if d.raw != nil {
			d.raw(n, theirs)
			return
		}
		d.overTLS(n, theirs)
	}()
	return ours, nil
}

// attempted notes an attempt and returns its number, from 0.
func (d *desk) attempted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dials = append(d.dials, time.Now())
	return len(d.dials) - 1
}

// attempts is when each began.
func (d *desk) attempts() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.dials)
}

func (d *desk) overTLS(n int, c net.Conn) {
	s := tls.Server(c, d.pki.serverConfig())
	if s.Handshake() == nil {
		d.serve(n, &peer{Conn: s})
	}
}

// stopsWithin is how long Run takes to return after its context is done.
func stopsWithin(t *testing.T, stop func(), limit time.Duration) {
	t.Helper()
	began := time.Now()
	stop()
	if d := time.Since(began); d > limit {
		t.Errorf("stopping took %v; want at most %v", d, limit)
	}
}

// later is next in a bubble, where hours take no time.
func later(t *testing.T, c *Client, kind EventKind) Event {
	t.Helper()
	return nextWithin(t, c, kind, 12*time.Hour)
}

func hang(c io.Reader) { io.Copy(io.Discard, c) }

// The ways in which a connection can stall before there is a session: each ends in
// connectTimeout, is said, and is followed by another attempt; and each ends at once
// when the context does.
func TestStalls(t *testing.T) {
	proxy := func(o *Options, d *desk) { o.Proxy = &Proxy{Host: "proxy", Port: 3128} }
	tests := []struct {
		name   string
		change func(*Options, *desk)
		want   string
	}{
		{"TLS", func(_ *Options, d *desk) { d.raw = func(_ int, c net.Conn) { hang(c) } }, "TLS handshake: no answer within 1m0s"},
		{"CONNACK", func(_ *Options, d *desk) { d.serve = func(_ int, p *peer) { hang(p) } }, "waiting for CONNACK: no answer within 1m0s"},
		{"proxy", func(o *Options, d *desk) {
			proxy(o, d)
			d.raw = func(_ int, c net.Conn) { hang(c) }
		}, "HTTP proxy proxy:3128: no answer within 1m0s"},
		{"TLS through a proxy", func(o *Options, d *desk) {
			proxy(o, d)
			d.raw = func(_ int, c net.Conn) {
				readHead(c)
				io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				hang(c)
			}
		}, "TLS handshake: no answer within 1m0s"},
		{"half a CONNACK", func(_ *Options, d *desk) {
			d.serve = func(_ int, p *peer) {
				packets.ReadPacket(p)
				p.Write([]byte{0x20, 2, 0})
				hang(p)
			}
		}, "waiting for CONNACK: no answer within 1m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, tt.change, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				<-d.ended
				synctest.Wait()
				if since := time.Since(d.attempts()[0]); since < connectTimeout || since > connectTimeout+time.Second {
					t.Errorf("gave up after %v; want %v", since, connectTimeout)
				}
				if d.log.count(logging.Warn, tt.want) != 1 {
					t.Errorf("the log does not say %q once", tt.want)
				}
				<-d.ended // the second attempt
				stopsWithin(t, stop, 0)
				if len(d.attempts()) != 2 {
					t.Errorf("%d attempts; want 2", len(d.attempts()))
				}
			})
		})
		t.Run(tt.name+", stopped", func(t *testing.T) {
			bubble(t, tt.change, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				time.Sleep(time.Second)
				stopsWithin(t, stop, 0)
			})
		})
	}
}

func TestStallInDial(t *testing.T) {
	bubble(t, nil, func(t *testing.T, c *Client, d *desk) {
		c.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			d.attempted()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		stop := start(t, c)
		time.Sleep(2*connectTimeout + 10*time.Second)
		stopsWithin(t, stop, 0)
		if len(d.attempts()) != 3 || d.log.count(logging.Warn, "no answer within 1m0s") != 1 {
			t.Errorf("%d attempts; want 3", len(d.attempts()))
		}
	})
}

// A subscription that is never answered costs the connection, and stopping is quick.
func TestStallInSubscribe(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) { p.accept(0); hang(p) }
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		<-d.ended
		synctest.Wait()
		if since := time.Since(d.attempts()[0]); since < subackTimeout || d.log.count(logging.Warn, "no SUBACK in 30s") != 1 {
			t.Errorf("gave up after %v; want %v", since, subackTimeout)
		}
		time.Sleep(3 * time.Second) // into the second attempt
		stopsWithin(t, stop, time.Second)
	})
}

// Full jitter, 1 s to 128 s, never two attempts within a second; said once.
func TestReconnectionDelays(t *testing.T) {
	bubble(t, nil, func(t *testing.T, c *Client, d *desk) {
		refused := errors.New("no route to host")
		c.dial = func(context.Context, string, string) (net.Conn, error) {
			d.attempted()
			return nil, refused
		}
		stop := start(t, c)
		time.Sleep(24 * time.Hour)
		stopsWithin(t, stop, 0)
		dials := d.attempts()
		for i := 1; i < len(dials); i++ {
			gap, limit := dials[i].Sub(dials[i-1]), min(time.Second<<min(i-1, 7), lastDelay)
			if gap < connectSpacing || gap > max(limit, connectSpacing) {
				t.Errorf("attempt %d after %v; want 1s to %v", i, gap, limit)
			}
		}
		// 64 s on average, once the delays have grown.
		if n := len(d.attempts()); n < 1000 || n > 1800 {
			t.Errorf("%d attempts in a day", n)
		}
		if d.log.count(logging.Warn, "") != 1 {
			t.Error("the same failure is said more than once")
		}
	})
}

// The reason is said again when it changes, and delays start over once a
// connection has held.
func TestDelaysStartOver(t *testing.T) {
	long := 10 * time.Minute
	serve := func(o *Options, d *desk) {
		d.serve = func(n int, p *peer) {
			switch {
			case n == 8:
				p.accept(0)
				time.AfterFunc(long, func() { p.Close() })
				p.serve()
			case n < 8:
				p.accept(3)
			default:
				p.accept(5)
			}
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		later(t, c, Lost)
		lost := time.Now()
		for len(d.attempts()) < 12 {
			time.Sleep(time.Second)
		}
		stop()
		if gap := d.attempts()[9].Sub(lost); gap > firstDelay {
			t.Errorf("%v after a connection that held; want at most %v", gap, firstDelay)
		}
		for text, want := range map[string]int{"CONNACK code 3": 1, "connection lost": 1, "iot:Connect on client/thing": 1} {
			if got := d.log.count(logging.Warn, text); got != want {
				t.Errorf("%q is said %d times; want %d", text, got, want)
			}
		}
	})
}

// A connection whose other end has gone is found out by the keep-alive.
func TestHalfOpen(t *testing.T) {
	var pings []time.Time
	serve := func(_ *Options, d *desk) {
		d.serve = func(n int, p *peer) {
			p.accept(0)
			p.pinged = func() bool {
				pings = append(pings, time.Now())
				return n > 0 || len(pings) < 3 // after that, nothing comes back
			}
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		began := time.Now()
		later(t, c, Connected)
		e := later(t, c, Lost)
		if e.Err == nil || !strings.Contains(e.Err.Error(), "no PINGRESP in 30s") {
			t.Errorf("lost: %v", e.Err)
		}
		// Two pings are answered, the third is not.
		if d := time.Since(began); d != 3*2*time.Minute+pingTimeout {
			t.Errorf("found out after %v", d)
		}
		later(t, c, Connected)
		time.Sleep(10 * time.Minute)
		stopsWithin(t, stop, time.Second)
		for i := 1; i < len(pings); i++ {
			if gap := pings[i].Sub(pings[i-1]); gap < time.Minute || gap > 3*time.Minute {
				t.Errorf("%v between two PINGREQ with a keep-alive of 2m", gap)
			}
		}
	})
}

// While there is traffic both ways, no PINGREQ is sent; while there is only
// one way's, there is.
func TestPingOnlyWhenIdle(t *testing.T) {
	pings := 0
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.pinged = func() bool { pings++; return true }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		for range 20 {
			time.Sleep(time.Minute)
			if err := c.Publish("x", nil); err != nil {
				t.Fatal(err)
			}
		}
		if pings != 0 {
			t.Errorf("%d PINGREQ in 20 minutes of traffic; want none", pings)
		}
		stop()
	})
}

func TestConnectPacket(t *testing.T) {
	var got *packets.ConnectPacket
	said := make(chan bool, 1)
	serve := func(o *Options, d *desk) {
		o.KeepAlive = 20 * time.Minute
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			got = p.connect
			said <- p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		stop()
		if !<-said {
			t.Error("no DISCONNECT at the end")
		}
		if got.Keepalive != 1200 || got.ClientIdentifier != "thing" || got.CleanSession || got.ProtocolVersion != 4 ||
			got.ProtocolName != "MQTT" || got.UsernameFlag || got.PasswordFlag || got.WillFlag {
			t.Errorf("CONNECT %v", got)
		}
	})
}

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

// A broker that acknowledges nothing cannot hold more of us than its window, and
// is given up on.
func TestNoPuback(t *testing.T) {
	published := 0
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.published = func(*packets.PublishPacket) bool { published++; return false }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		queued := 0
		for c.Publish("x", nil) == nil {
			queued++
			synctest.Wait() // the writer has done what it can
		}
		if published != maxUnacked || queued != maxUnacked+1+maxUnsent {
			t.Errorf("%d queued, %d sent; want %d sent and %d waiting", queued, published, maxUnacked, maxUnsent)
		}
		if err := c.Publish("x", nil); err != ErrBusy {
			t.Errorf("Publish = %v; want ErrBusy", err)
		}
		if e := later(t, c, Lost); !strings.Contains(e.Err.Error(), `no PUBACK in 1m0s for "x" and 49 more`) {
			t.Errorf("lost: %v", e.Err)
		}
		stop()
	})
}

// A broker that takes no bytes: Publish returns, the connection ends, stopping is quick.
func TestBrokerTakesNothing(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			if packet, err := packets.ReadPacket(p); err == nil {
				id := packet.Details().MessageID
				p.Write([]byte{0x90, 4, byte(id >> 8), byte(id), 1, 1})
			}
			time.Sleep(time.Hour)
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		began := time.Now()
		c.Publish("x", nil)
		if e := later(t, c, Lost); e.Err == nil || !strings.Contains(e.Err.Error(), "timeout") {
			t.Errorf("lost: %v", e.Err)
		}
		if d := time.Since(began); d != writeTimeout {
			t.Errorf("lost after %v; want %v", d, writeTimeout)
		}
		later(t, c, Connected)
		c.Publish("x", nil)
		synctest.Wait()
		stopsWithin(t, stop, 2*time.Second)
		time.Sleep(time.Hour)
	})
}

// The broker ends sessions as they begin: suspect another client with our id,
// slow down, and do not fill the log.
func TestFlapping(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			time.AfterFunc(5*time.Second, func() { p.Close() })
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		for range 30 {
			later(t, c, Connected)
			later(t, c, Lost)
		}
		stop()
		if d.log.count(logging.Warn, `is there another client with the id "thing"?`) != 1 {
			t.Error("the log does not suspect another client once")
		}
		if n := d.log.count(logging.Warn, "") + d.log.count(logging.Info, ""); n > 10 {
			t.Errorf("%d lines in the log", n)
		}
		if dials := d.attempts(); dials[len(dials)-1].Sub(dials[0]) < 10*time.Minute {
			t.Errorf("30 sessions within 10m")
		}
	})
}

// AWS IoT closes the connection over a PUBLISH that the policy forbids.
func TestDropOnPublish(t *testing.T) {
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			p.published = func(*packets.PublishPacket) bool { p.Close(); return false }
			p.serve()
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		c.Publish("a/start-next", nil)
		if e := later(t, c, Lost); !strings.Contains(e.Err.Error(), "iot:Publish on topic/a/start-next") {
			t.Errorf("lost: %v", e.Err)
		}
		stop()
	})
}

// A reload interrupts whatever is going on: a session, a wait, an attempt.
func TestReloadAtAnyTime(t *testing.T) {
	bubble(t, nil, func(t *testing.T, c *Client, d *desk) {
		d.raw = func(n int, conn net.Conn) {
			switch n {
			case 1:
				hang(conn) // a stalled attempt
			case 2, 3, 4, 5, 6, 7, 8: // refused, until the wait is long
			default:
				d.overTLS(n, conn)
			}
		}
		stop := start(t, c)
		later(t, c, Connected)
		o := c.currentSetup().Options
		for i := range 3 {
			o.KeepAlive += time.Second
			if err := c.Reload(o); err != nil {
				t.Fatal(err)
			}
			switch i {
			case 0:
				if e := later(t, c, Lost); e.Err != errReload {
					t.Errorf("lost: %v", e.Err)
				}
				time.Sleep(10 * time.Second)
			case 1:
				for len(d.attempts()) < 9 {
					time.Sleep(time.Second)
				}
				synctest.Wait()
			case 2:
				began := time.Now()
				later(t, c, Connected)
				if d := time.Since(began); d > connectSpacing {
					t.Errorf("connected %v after the reload", d)
				}
			}
		}
		dials := d.attempts()
		for i := 1; i < len(dials); i++ {
			if gap := dials[i].Sub(dials[i-1]); gap < connectSpacing {
				t.Errorf("attempt %d after %v", i, gap)
			}
		}
		stop()
	})
}

// A packet beyond the limit ends the connection before its body is read, and
// what paho cannot read ends it too, with a reason.
func TestBadPackets(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"256 MB", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, "268435455 bytes; the limit is 262144"},
		{"a topic longer than its packet", []byte{0x30, 4, 0xff, 0xff, 'a', 'b'}, "payload length < 0"},
		{"QoS 2", []byte{0x34, 5, 0, 1, 'a', 0, 1}, "protocol error"},
		{"SUBACK out of the blue", []byte{0x90, 3, 0, 1, 1}, "protocol error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			serve := func(_ *Options, d *desk) {
				d.serve = func(n int, p *peer) {
					p.accept(0)
					if n == 0 {
						time.AfterFunc(time.Second, func() { p.Write(tt.in) })
					}
					p.serve()
				}
			}
			bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
				stop := start(t, c)
				later(t, c, Connected)
				if e := later(t, c, Lost); e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) {
					t.Errorf("lost: %v; want %q", e.Err, tt.want)
				}
				later(t, c, Connected)
				stop()
			})
		})
	}
}

// Thousands of messages and nobody takes them: every one is acknowledged, the
// connection lives, and what was lost is told once.
func TestFloodWithASlowReader(t *testing.T) {
	const flood = 5000
	acked := make(chan int, 1)
	serve := func(_ *Options, d *desk) {
		d.serve = func(_ int, p *peer) {
			p.accept(0)
			go func() {
				time.Sleep(time.Second)
				for i := range flood {
					p.Write(publishBytes("a/b", fmt.Append(nil, i), uint16(i+1)))
				}
			}()
			n := 0
			for {
				packet, err := packets.ReadPacket(p)
				if err != nil {
					acked <- n
					return
				}
				switch m := packet.(type) {
				case *packets.SubscribePacket:
					p.Write([]byte{0x90, 4, byte(m.MessageID >> 8), byte(m.MessageID), 1, 1})
				case *packets.PubackPacket:
					n++
				case *packets.PingreqPacket:
					p.Write([]byte{typePingresp << 4, 0})
				}
			}
		}
	}
	bubble(t, serve, func(t *testing.T, c *Client, d *desk) {
		stop := start(t, c)
		later(t, c, Connected)
		time.Sleep(time.Hour) // and PINGREQ goes on
		got := 0
		for e := range c.Events() {
			if e.Kind == Missed {
				break
			}
			if want := fmt.Sprint(got); e.Kind != Received || string(e.Message.Payload) != want {
				t.Fatalf("event %v %q; want message %s", e.Kind, e.Message, want)
			}
			got++
		}
		// One more may have waited in the pump's hand.
		if got < maxQueued || got > maxQueued+1 {
			t.Errorf("%d messages came through; want %d", got, maxQueued)
		}
		stop()
		if n := <-acked; n != flood {
			t.Errorf("%d of %d messages were acknowledged", n, flood)
		}
		if len(d.attempts()) != 1 {
			t.Errorf("%d connections; want 1", len(d.attempts()))
		}
	})
}
