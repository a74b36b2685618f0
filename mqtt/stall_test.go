//go:build go1.25

package mqtt

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/internal/logging"
)

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
