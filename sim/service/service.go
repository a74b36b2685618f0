package service

import (
	"cmp"
	"fmt"
	"sync"
	"time"
)

// Options of a Service. The zero value is a service as AWS runs it.
type Options struct {
	Region  string // of the ARNs; us-west-2 when empty
	Account string // of the ARNs; 123456789012 when empty
	// Minute is what a minute of a time-out lasts, for tests; time.Minute when 0.
	Minute time.Duration
	// StrictDetails refuses status details outside the documented pattern
	// [^\p{C}]+, newlines among them. AWS documents it and has not enforced it.
	StrictDetails bool
	// Milliseconds sends times in milliseconds, as some AWS examples show them.
	Milliseconds bool
	// KeepUnsetParameters leaves ${aws:iot:parameter:NAME} in a document where
	// a parameter was not given, instead of an empty string. AWS says neither.
	KeepUnsetParameters bool
	// Presign makes the URL that a device gets for an S3 URL; nil makes one of
	// the right shape that no server honours. expires is its lifetime.
	Presign func(s3url string, expires time.Duration) string
}

// A Service is one account's AWS IoT Jobs in one region. Its methods may be
// called from any goroutine.
type Service struct {
	o      Options
	faults *Faults
	out    outbox
	hub    hub

	mu      sync.Mutex
	closed  bool
	store   *store
	offset  time.Duration // what Advance has added to the clock
	seq     uint64
	things  map[string]*Thing
	jobs    map[string]*Job
	runs    map[string]map[string][]*Execution // job id, thing: by number
	queues  map[string][]*Execution            // thing: not final, by Seq
	timer   *time.Timer
	history record
}

// Open loads the service that lives in dir, or starts an empty one there. With
// an empty dir nothing is kept on disk. A directory has one service at a time.
func Open(dir string, o Options) (*Service, error) {
	o.Region = cmp.Or(o.Region, "us-west-2")
	o.Account = cmp.Or(o.Account, "123456789012")
	o.Minute = cmp.Or(o.Minute, time.Minute)
	s := &Service{
		o:      o,
		things: map[string]*Thing{},
		jobs:   map[string]*Job{},
		runs:   map[string]map[string][]*Execution{},
		queues: map[string][]*Execution{},
	}
	s.faults = &Faults{s: s}
	s.out.faults = s.faults
	if dir == "" {
		return s, nil
	}
	if err := s.load(dir); err != nil {
		return nil, fmt.Errorf("open jobs service in %q: %w", dir, err)
	}
	s.expire() // what ran out while nobody was there
	return s, nil
}

// Close ends timers and watches and closes the store.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.hub.close()
	return s.store.close()
}

// SetStrictDetails changes Options.StrictDetails of a running service.
func (s *Service) SetStrictDetails(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.StrictDetails = on
}

// SetMilliseconds changes Options.Milliseconds of a running service.
func (s *Service) SetMilliseconds(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Milliseconds = on
}

// SetPresign changes Options.Presign of a running service.
func (s *Service) SetPresign(f func(s3url string, expires time.Duration) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Presign = f
}

// Region is the region of the ARNs.
func (s *Service) Region() string { return s.o.Region }

// ARN is the ARN of a thing or job: kind is "thing" or "job".
func (s *Service) ARN(kind, name string) string {
	return fmt.Sprintf("arn:aws:iot:%s:%s:%s/%s", s.o.Region, s.o.Account, kind, name)
}

// Now is the service's clock, which Advance moves.
func (s *Service) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nowLocked()
}

// nowLocked is in milliseconds, the resolution AWS shows, so that a time is the
// same before and after a restart.
func (s *Service) nowLocked() time.Time {
	return time.Now().Add(s.offset).UTC().Truncate(time.Millisecond)
}
