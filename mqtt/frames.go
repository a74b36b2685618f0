package mqtt

import "fmt"

// MQTT 3.1.1, section 2.2.1: control packet types, of those that we see or write.
const (
	typeConnect  = 1
	typeConnack  = 2
	typePublish  = 3
	typePuback   = 4
	typeSuback   = 9
	typePingreq  = 12
	typePingresp = 13
)

// maxPacket bounds an incoming packet in bytes. AWS IoT sends at most 128 KB;
// paho would allocate whatever a header claims, up to 256 MB, before it reads on.
const maxPacket = 256 << 10

// frames follows the packets in a stream of bytes from the broker, so that
// nothing reaches paho that would make it allocate without bound, panic, or take
// a refusal for success.
type frames struct {
	part   uint8 // of a packet: what the next byte is
	header byte
	shift  uint // of the next digit of the remaining length
	length int  // remaining length (section 2.2.3)
	pos    int  // within the body

	connacked bool
	// subacks is how many return codes the one outstanding SUBSCRIBE must be
	// answered with: paho indexes by it. 0: no SUBSCRIBE is outstanding.
	subacks func() int
}

const (
	partHeader = iota
	partLength
	partBody
)

// A connackError is a refused CONNECT.
type connackError byte

// Error is the meaning of MQTT 3.1.1, section 3.2.2.3; 7 is what AWS IoT sends
// where a policy forbids the connection.
func (e connackError) Error() string {
	meaning := map[connackError]string{
		1: "unacceptable protocol version",
		2: "client id rejected",
		3: "server unavailable",
		4: "bad user name or password",
		5: "not authorized",
		7: "not authorized",
	}[e]
	if meaning == "" {
		meaning = "unknown reason"
	}
	return fmt.Sprintf("connection refused by the broker: %s (CONNACK code %d)", meaning, byte(e))
}

// feed takes the next bytes of the stream. After an error the stream is of no
// more use.
func (f *frames) feed(p []byte) error {
	for len(p) > 0 {
		if f.part == partBody {
			n, err := f.body(p)
			if err != nil {
				return err
			}
			p = p[n:]
			continue
		}
		if err := f.head(p[0]); err != nil {
			return err
		}
		p = p[1:]
	}
	return nil
}

func (f *frames) head(b byte) error {
	if f.part == partHeader {
		f.header, f.shift, f.length, f.pos = b, 0, 0, 0
		f.part = partLength
		return nil
	}
	f.length |= int(b&0x7f) << f.shift
	f.shift += 7
	if b&0x80 != 0 {
		if f.shift > 21 {
			return fmt.Errorf("protocol error by the broker: remaining length of more than four bytes")
		}
		return nil
	}
	f.part = partBody
	if f.length == 0 {
		f.part = partHeader
	}
	return f.checkHeader()
}

// checkHeader knows every packet that a broker may send to a client like ours,
// which subscribes with QoS 1 and never unsubscribes.
func (f *frames) checkHeader() error {
	kind := f.header >> 4
	if f.length > maxPacket {
		return fmt.Errorf("packet of type %d with %d bytes; the limit is %d", kind, f.length, maxPacket)
	}
	if !f.connacked && kind != typeConnack {
		return fmt.Errorf("protocol error by the broker: packet of type %d before CONNACK", kind)
	}
	ok := f.header&0x0f == 0 || kind == typePublish // reserved flags
	switch kind {
	case typeConnack:
		ok = ok && !f.connacked && f.length == 2
	case typePublish:
		qos := f.header >> 1 & 3
		ok = qos <= 1 && f.length >= 2+2*int(qos)
	case typePuback:
		ok = ok && f.length == 2
	case typeSuback:
		n := f.subacks()
		ok = ok && n > 0 && f.length == 2+n
	case typePingresp:
		ok = ok && f.length == 0
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("protocol error by the broker: unexpected packet, header 0x%02x, %d bytes", f.header, f.length)
	}
	return nil
}

// body takes what belongs to the packet at hand and says how much that was.
func (f *frames) body(p []byte) (int, error) {
	n := min(len(p), f.length-f.pos)
	if f.header>>4 == typeConnack {
		// paho takes a code that it doesn't know (AWS sends 7) for success.
		if code := f.length - 1 - f.pos; code < n && p[code] != 0 {
			return n, connackError(p[code])
		}
	}
	f.pos += n
	if f.pos == f.length {
		f.part = partHeader
		f.connacked = true
	}
	return n, nil
}
