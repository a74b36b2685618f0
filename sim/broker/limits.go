package broker

import "time"

// Limits of the message broker (AWS General Reference, "AWS IoT Core message
// broker and protocol limits and quotas").
type Limits struct {
	KeepAliveMin, KeepAliveMax uint16        // seconds; what a client asks for is brought into them
	Filters                    int           // in one SUBSCRIBE
	Subscriptions              int           // of one connection
	Payload                    int           // bytes of a PUBLISH
	Topic                      int           // bytes of a topic
	Slashes                    int           // in a topic or filter
	InFlight                   int           // QoS 1 messages sent and not acknowledged
	Retention                  time.Duration // of a queued message, and of a session whose client is away
	ConnectInterval            time.Duration // between two CONNECTs of one client id; 0: not enforced
	Handshake                  time.Duration // of TLS and CONNECT
}

// AWSLimits are the defaults. ConnectInterval is not enforced by default: AWS
// has one second.
func AWSLimits() Limits {
	return Limits{
		KeepAliveMin:  30,
		KeepAliveMax:  1200,
		Filters:       8,
		Subscriptions: 50,
		Payload:       128 << 10,
		Topic:         256,
		Slashes:       7,
		InFlight:      100,
		Retention:     time.Hour,
		Handshake:     30 * time.Second,
	}
}

func (l Limits) orAWS() Limits {
	d := AWSLimits()
	fill(&l.KeepAliveMin, d.KeepAliveMin)
	fill(&l.KeepAliveMax, d.KeepAliveMax)
	fill(&l.Filters, d.Filters)
	fill(&l.Subscriptions, d.Subscriptions)
	fill(&l.Payload, d.Payload)
	fill(&l.Topic, d.Topic)
	fill(&l.Slashes, d.Slashes)
	fill(&l.InFlight, d.InFlight)
	fill(&l.Retention, d.Retention)
	fill(&l.Handshake, d.Handshake)
	return l
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// keepAlive is the interval that a broker holds a client to that asked for
// seconds: AWS takes its maximum for none and for too many.
func (l Limits) keepAlive(seconds uint16) uint16 {
	if seconds == 0 || seconds > l.KeepAliveMax {
		return l.KeepAliveMax
	}
	return max(seconds, l.KeepAliveMin)
}
