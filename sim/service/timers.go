package service

import "time"

// Advance moves the service's clock forward by d and lets what is due by then
// time out before it returns.
func (s *Service) Advance(d time.Duration) {
	s.mu.Lock()
	s.offset += d
	s.mu.Unlock()
	s.expire()
}

// expire times out every execution whose timer has run out. AWS may be up to a
// minute late with this; here it is at once.
func (s *Service) expire() {
	s.change(func(c *change) error {
		for _, e := range c.due() {
			c.update(e, TimedOut)
			c.finished(e)
		}
		return nil
	})
	s.out.flush()
}

func (c *change) due() []*Execution {
	var due []*Execution
	for _, q := range c.s.queues {
		for _, e := range q {
			if at := e.TimesOutAt(); !at.IsZero() && !at.After(c.now) {
				due = append(due, e)
			}
		}
	}
	return due
}

// armLocked sets the one timer to the earliest time-out.
func (s *Service) armLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	var first time.Time
	for _, q := range s.queues {
		for _, e := range q {
			at := e.TimesOutAt()
			if !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	if !first.IsZero() {
		s.timer = time.AfterFunc(max(0, first.Sub(s.nowLocked())), s.expire)
	}
}
