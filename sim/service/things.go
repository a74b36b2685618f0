package service

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
)

// CreateThing registers a thing. The same thing with the same type and
// attributes may be created again; with others that is refused.
func (s *Service) CreateThing(name, typ string, attributes map[string]string) (Thing, error) {
	var made Thing
	err := s.change(func(c *change) error {
		if err := checkPattern(thingPattern, name, "thingName"); err != nil {
			return err
		}
		if t := s.things[name]; t != nil {
			made = *t
			if t.Type != typ || !maps.Equal(t.Attributes, attributes) {
				return refuse(ResourceAlreadyExists, "Thing %s already exists in account with different attributes", name)
			}
			return nil
		}
		t := &Thing{Name: name, ID: newID(), Type: typ, Attributes: maps.Clone(attributes), Version: 1}
		s.things[name] = t
		c.puts = append(c.puts, put{thingBucket, name, *t})
		made = *t
		return nil
	})
	return made, err
}

// DescribeThing returns one thing.
func (s *Service) DescribeThing(name string) (Thing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkThingLocked(name); err != nil {
		return Thing{}, err
	}
	return *s.things[name], nil
}

// ListThings returns all things by name.
func (s *Service) ListThings() []Thing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Thing
	for _, name := range slices.Sorted(maps.Keys(s.things)) {
		all = append(all, *s.things[name])
	}
	return all
}

// DeleteThing removes a thing from the registry; its executions that have not
// ended become REMOVED.
func (s *Service) DeleteThing(name string) error {
	defer s.out.flush()
	return s.change(func(c *change) error {
		if err := s.checkThingLocked(name); err != nil {
			return err
		}
		for _, e := range slices.Clone(s.queues[name]) {
			c.update(e, Removed)
			c.finished(e)
		}
		delete(s.things, name)
		c.puts = append(c.puts, put{thingBucket, name, nil})
		return nil
	})
}

func (s *Service) checkThingLocked(name string) error {
	if err := checkPattern(thingPattern, name, "thingName"); err != nil {
		return err
	}
	if s.things[name] == nil {
		return refuse(ResourceNotFound, "Thing %s not found", name)
	}
	return nil
}

// newID is a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
