package broker

import "time"

// Sessions are persistent sessions that outlive a broker. They are plain data.
type Sessions []Session

// Session is one of them.
type Session struct {
	ClientID      string
	Thing         string
	Subscriptions map[string]byte // QoS by filter
	Queue         []*outgoing
	Left          time.Time
}

// Sessions are the persistent sessions of now, to be taken once the broker is
// closed.
func (b *Broker) Sessions() Sessions {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list Sessions
	for _, s := range b.sessions {
		if !s.clean {
			list = append(list, Session{s.id, s.thing, s.subs, s.queue, s.left})
		}
	}
	return list
}

func (b *Broker) restore(list Sessions) {
	for _, s := range list {
		if s.Subscriptions == nil {
			s.Subscriptions = map[string]byte{}
		}
		b.sessions[s.ClientID] = &session{
			id: s.ClientID, thing: s.Thing, subs: s.Subscriptions, queue: s.Queue, left: s.Left, wake: make(chan struct{}, 1),
		}
	}
}
