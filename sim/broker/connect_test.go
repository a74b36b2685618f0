package broker

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"jobbox/sim/pki"
)

func TestConnack(t *testing.T) {
	b := newBench(t)
	tests := []struct {
		name   string
		option func(*packets.ConnectPacket)
		want   byte
	}{
		{"own name", func(*packets.ConnectPacket) {}, 0},
		{"another's name", func(p *packets.ConnectPacket) { p.ClientIdentifier = "you" }, connackNotAuthorized},
		{"no client id", func(p *packets.ConnectPacket) { p.ClientIdentifier, p.CleanSession = "", true }, connackIdentifier},
		{"MQTT 3.1", func(p *packets.ConnectPacket) { p.ProtocolName, p.ProtocolVersion = "MQIsdp", 3 }, connackProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := b.dial("me")
			c.t = t
			code, _ := c.hello(tt.option)
			if code != tt.want {
				t.Errorf("CONNACK %d; want %d", code, tt.want)
			}
			if code != 0 {
				c.gone()
			}
		})
	}
}

func TestRefuseConnect(t *testing.T) {
	b := newBench(t)
	b.Faults().RefuseConnect(3, 2)
	for _, want := range []byte{3, 3, 0} {
		if code, _ := b.dial("me").hello(); code != want {
			t.Errorf("CONNACK %d; want %d", code, want)
		}
	}
}

func TestConnectTooOften(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.ConnectInterval = time.Hour })
	b.connect("me")
	if code, _ := b.dial("me").hello(); code != connackUnavailable {
		t.Errorf("second CONNECT within the interval: %d; want %d", code, connackUnavailable)
	}
	b.connect("you") // another client id may
}

// The newer connection of a client id wins, and takes the session over.
func TestSameClientID(t *testing.T) {
	b := newBench(t)
	old := b.connect("me")
	old.subscribed(jobs("me", "notify-next"))
	newer := b.dial("me")
	if code, present := newer.hello(); code != 0 || !present {
		t.Errorf("CONNACK %d, session present %v; want 0, true", code, present)
	}
	old.gone()
	b.Publish(jobs("me", "notify-next"), []byte("x"))
	newer.receive()
	newer.ping()
}

func TestKeepAlive(t *testing.T) {
	l := AWSLimits()
	for asked, want := range map[uint16]uint16{0: 1200, 1: 30, 29: 30, 30: 30, 120: 120, 1200: 1200, 1201: 1200} {
		if got := l.keepAlive(asked); got != want {
			t.Errorf("keepAlive(%d) = %d; want %d", asked, got, want)
		}
	}
}

// A client that says nothing for one and a half times its keep-alive is gone.
func TestKeepAliveDrops(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.KeepAliveMin = 1 })
	start := time.Now()
	b.connect("me", func(p *packets.ConnectPacket) { p.Keepalive = 2 }).gone()
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("dropped after %v; want 3s", took)
	}
}

func TestALPN(t *testing.T) {
	b := newBench(t)
	tests := []struct {
		name   string
		offer  []string
		wantOK bool
	}{
		{"as AWS wants it", []string{ALPN}, true},
		{"another protocol", []string{"http/1.1"}, false},
		{"none", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := b.clientTLS("me")
			config.NextProtos = tt.offer
			conn, err := tls.Dial("tcp", b.ALPNAddr().String(), config)
			if err != nil {
				if tt.wantOK {
					t.Fatal(err)
				}
				return
			}
			c := newClient(t, conn, "me")
			if !tt.wantOK {
				c.gone()
				return
			}
			if code, _ := c.hello(); code != 0 {
				t.Errorf("CONNACK %d; want 0", code)
			}
		})
	}
}

func TestTLSVersionsAndCertificates(t *testing.T) {
	b := newBench(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := b.clientTLS("me")
		config.MinVersion, config.MaxVersion = version, version
		conn, err := tls.Dial("tcp", b.Addr().String(), config)
		if err != nil {
			t.Fatalf("%s: %v", tls.VersionName(version), err)
		}
		if code, _ := newClient(t, conn, "me").hello(clean); code != 0 {
			t.Errorf("%s: CONNACK %d", tls.VersionName(version), code)
		}
	}
	stranger := newStranger(t, b)
	conn, err := tls.Dial("tcp", b.Addr().String(), stranger)
	if err == nil { // TLS 1.3 shows it at the first read
		newClient(t, conn, "me").gone()
	}
	b.await(HandshakeFailed, "")
}

// newStranger is the configuration of a device whose certificate is another
// authority's.
func newStranger(t *testing.T, b *bench) *tls.Config {
	t.Helper()
	other, err := pki.NewAuthority("another CA")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := other.Device("me")
	if err != nil {
		t.Fatal(err)
	}
	config := b.clientTLS("me")
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{cert}
	return config
}

func TestNoMQTT(t *testing.T) {
	b := newBench(t)
	c := b.dial("me")
	c.send(packets.NewControlPacket(packets.Pingreq)) // where CONNECT belongs
	c.gone()
	b.await(Refused, "")
}
