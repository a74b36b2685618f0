package mqtt

import (
	"fmt"
	"time"
)

// publish hands a message to the writer. paho's own Publish blocks while the
// connection takes nothing.
func (s *session) publish(m Message) error {
	select {
	case <-s.guard.done:
		return ErrNotConnected
	default:
	}
	select {
	case s.out <- m:
		return nil
	default:
		return ErrBusy
	}
}

// write sends what was published, in order, until the connection has ended.
func (s *session) write() {
	for {
		select {
		case m := <-s.out:
			s.awaitWindow()
			s.send(m)
		case <-s.guard.done:
			return
		}
	}
}

// send notes what is about to be sent before it is: the broker's answer, which
// may be to close the connection, can be faster than we are.
func (s *session) send(m Message) {
	s.mu.Lock()
	s.unacked = append(s.unacked, sent{topic: m.Topic})
	s.mu.Unlock()
	token := s.client.Publish(m.Topic, 1, false, m.Payload)
	s.mu.Lock()
	s.unacked[len(s.unacked)-1].token = token // nobody else appends, and what has no token stays
	s.mu.Unlock()
}

// awaitWindow returns when another message may be sent, or never will be.
func (s *session) awaitWindow() {
	first, full := s.oldest()
	if !full {
		return
	}
	timer := time.NewTimer(ackTimeout)
	defer timer.Stop()
	select {
	case <-first.token.Done():
	case <-s.guard.done:
	case <-timer.C:
		s.guard.end(fmt.Errorf("no PUBACK in %v for %q and %d more", ackTimeout, first.topic, maxUnacked-1))
	}
}

// oldest forgets what has been acknowledged from the front on. Its first result
// is empty when nothing is left.
func (s *session) oldest() (first sent, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.unacked) > 0 && s.unacked[0].acknowledged() {
		s.unacked = s.unacked[1:]
	}
	if len(s.unacked) == 0 {
		s.unacked = nil
		return sent{}, false
	}
	return s.unacked[0], len(s.unacked) >= maxUnacked
}

// acknowledged says whether the broker has taken the message; paho also lets go
// of one, with an error, when the connection ends.
func (m sent) acknowledged() bool {
	if m.token == nil {
		return false
	}
	select {
	case <-m.token.Done():
		return m.token.Error() == nil
	default:
		return false
	}
}
