package mqtt

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

var connackOK = []byte{0x20, 2, 0, 0}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestFrames(t *testing.T) {
	tests := []struct {
		name    string
		in      []byte
		subacks int
		want    string // in the error; empty for none
	}{
		{"CONNACK", connackOK, 0, ""},
		{"CONNACK, session present", []byte{0x20, 2, 1, 0}, 0, ""},
		{"CONNACK 5", []byte{0x20, 2, 0, 5}, 0, "not authorized (CONNACK code 5)"},
		{"CONNACK 7, which paho takes for success", []byte{0x20, 2, 0, 7}, 0, "not authorized (CONNACK code 7)"},
		{"CONNACK 200", []byte{0x20, 2, 0, 200}, 0, "unknown reason (CONNACK code 200)"},
		{"CONNACK too long", []byte{0x20, 3, 0, 0, 0}, 0, "unexpected packet, header 0x20, 3 bytes"},
		{"CONNACK with reserved flags", []byte{0x21, 2, 0, 0}, 0, "unexpected packet"},
		{"CONNACK twice", join(connackOK, connackOK), 0, "unexpected packet"},
		{"PUBLISH first", publishBytes("a", nil, 1), 0, "type 3 before CONNACK"},
		{"PUBLISH", join(connackOK, publishBytes("a", []byte("b"), 1), publishBytes("a", nil, 2)), 0, ""},
		{"PUBLISH, QoS 0", join(connackOK, []byte{0x30, 3, 0, 1, 'a'}), 0, ""},
		{"PUBLISH, QoS 0, duplicate and retained", join(connackOK, []byte{0x39, 3, 0, 1, 'a'}), 0, ""},
		{"PUBLISH, QoS 2", join(connackOK, []byte{0x34, 5, 0, 1, 'a', 0, 1}), 0, "unexpected packet, header 0x34"},
		{"PUBLISH, QoS 3", join(connackOK, []byte{0x36, 5, 0, 1, 'a', 0, 1}), 0, "unexpected packet"},
		{"PUBLISH without room for a topic", join(connackOK, []byte{0x30, 1, 0}), 0, "unexpected packet"},
		{"the largest packet", join(connackOK, []byte{0x30, 0x80, 0x80, 0x10}, make([]byte, maxPacket)), 0, ""},
		{"one byte more", join(connackOK, []byte{0x30, 0x81, 0x80, 0x10}), 0, "262145 bytes; the limit is 262144"},
		{"256 MB", join(connackOK, []byte{0x30, 0xff, 0xff, 0xff, 0x7f}), 0, "268435455 bytes"},
		{"256 MB as the first packet", []byte{0x20, 0xff, 0xff, 0xff, 0x7f}, 0, "268435455 bytes"},
		{"five bytes of length", join(connackOK, []byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}), 0, "more than four bytes"},
		{"length in more bytes than it needs", join(connackOK, []byte{0x40, 0x82, 0x00, 0, 1}, []byte{0xd0, 0}), 0, ""},
		{"PUBACK", join(connackOK, []byte{0x40, 2, 0, 1}), 0, ""},
		{"PUBACK too short", join(connackOK, []byte{0x40, 1, 0}), 0, "unexpected packet"},
		{"PINGRESP", join(connackOK, []byte{0xd0, 0, 0xd0, 0}), 0, ""},
		{"PINGRESP with a body", join(connackOK, []byte{0xd0, 1, 0}), 0, "unexpected packet"},
		{"SUBACK", join(connackOK, []byte{0x90, 4, 0, 1, 1, 0x80}), 2, ""},
		{"SUBACK without SUBSCRIBE", join(connackOK, []byte{0x90, 3, 0, 1, 1}), 0, "unexpected packet"},
		{"SUBACK with more codes than filters, which panics in paho", join(connackOK, []byte{0x90, 5, 0, 1, 1, 1, 1}), 2, "unexpected packet"},
		{"SUBACK with fewer", join(connackOK, []byte{0x90, 3, 0, 1, 1}), 2, "unexpected packet"},
		{"PUBREL", join(connackOK, []byte{0x62, 2, 0, 1}), 0, "unexpected packet"},
		{"PINGREQ", join(connackOK, []byte{0xc0, 0}), 0, "unexpected packet"},
		{"type 0", join(connackOK, []byte{0x00, 0}), 0, "unexpected packet"},
		{"HTTP", []byte("HTTP/1.1 400 Bad Request\r\n"), 0, "type 4 before CONNACK"},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 3, len(tt.in)} { // however the bytes come
			f := frames{subacks: func() int { return tt.subacks }}
			err := feedBy(&f, tt.in, size)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, %d bytes at a time: %v; want %q", tt.name, size, err, tt.want)
			}
		}
	}
}

func feedBy(f *frames, in []byte, size int) error {
	for len(in) > 0 {
		n := min(size, len(in))
		if err := f.feed(in[:n]); err != nil {
			return err
		}
		in = in[n:]
	}
	return nil
}

func TestConnackErrorIsFound(t *testing.T) {
	f := frames{subacks: func() int { return 0 }}
	var code connackError
	if err := f.feed([]byte{0x20, 2, 0, 7}); !errors.As(err, &code) || code != 7 {
		t.Errorf("feed = %v; want CONNACK code 7", err)
	}
}

// What frames lets through, paho reads in the same pieces, without a panic, a
// large allocation or a packet that it does not expect.
func FuzzFrames(f *testing.F) {
	f.Add(connackOK, 1, 0)
	f.Add(join(connackOK, publishBytes("a", []byte("b"), 1)), 3, 0)
	f.Add(join(connackOK, []byte{0x90, 4, 0, 1, 1, 0x80}), 2, 2)
	f.Add(join(connackOK, []byte{0x30, 0xff, 0xff, 0xff, 0x7f}), 5, 0)
	f.Add(join(connackOK, []byte{0x40, 0x82, 0x00, 0, 1, 0xd0, 0}), 1, 0)
	f.Fuzz(func(t *testing.T, in []byte, size, subacks int) {
		codes := func() int { return subacks & 7 }
		whole, pieces := frames{subacks: codes}, frames{subacks: codes}
		err := whole.feed(in)
		if err2 := feedBy(&pieces, in, max(1, size)); (err == nil) != (err2 == nil) {
			t.Fatalf("%x: at once %v, in pieces %v", in, err, err2)
		}
		if err != nil {
			return
		}
		if whole.part == partBody && whole.length > maxPacket {
			t.Fatalf("%x: %d bytes are let through", in, whole.length)
		}
		r := bytes.NewReader(in)
		for {
			p, err := packets.ReadPacket(r)
			if err != nil {
				break // the end, or a topic longer than its packet, which paho refuses
			}
			if a, ok := p.(*packets.SubackPacket); ok && len(a.ReturnCodes) != codes() {
				t.Fatalf("%x: SUBACK with %d codes; want %d", in, len(a.ReturnCodes), codes())
			}
			if c, ok := p.(*packets.ConnackPacket); ok && c.ReturnCode != 0 {
				t.Fatalf("%x: a refusal is let through", in)
			}
		}
	})
}
