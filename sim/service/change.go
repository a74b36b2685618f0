package service

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A change is one step of the whole state: what it writes, what watchers see
// of it, and the notifications that follow from comparing each touched queue
// before and after.
type change struct {
	s      *Service
	now    time.Time
	before map[string]view // by thing
	order  []string        // things in the order they were touched
	puts   []put
	events []Execution
	notes  []note
}

// A note is a notification, due once the state is stored.
type note struct {
	topic   string
	payload []byte
}

// change runs f under the lock, stores what it did and sends what follows. f
// makes all its checks before it changes anything. A store that fails is told to
// the caller, and leaves memory ahead of the disk.
func (s *Service) change(f func(*change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return refuse(InternalError, "the service is closed")
	}
	c := &change{s: s, now: s.nowLocked(), before: map[string]view{}}
	if err := f(c); err != nil {
		return err
	}
	return c.commit()
}

func (c *change) commit() error {
	for _, thing := range c.order {
		c.settle(thing)
	}
	if err := c.s.store.write(c.puts); err != nil {
		return refuse(InternalError, "store: %v", err)
	}
	for _, e := range c.events {
		c.s.history.add(e)
		c.s.hub.publish(e)
	}
	c.s.out.add(c.notes)
	c.s.armLocked()
	return nil
}

// touch must come before any change to the queue of a thing.
func (c *change) touch(thing string) {
	if _, ok := c.before[thing]; !ok {
		c.before[thing] = c.s.viewLocked(thing)
		c.order = append(c.order, thing)
	}
}

// settle writes the notifications for what has happened to a queue so far.
func (c *change) settle(thing string) {
	was, is := c.before[thing], c.s.viewLocked(thing)
	if !slices.Equal(was.members, is.members) {
		c.notes = append(c.notes, c.s.listNoteLocked(thing, c.now))
	}
	if was.head != is.head {
		c.notes = append(c.notes, c.s.nextNoteLocked(thing, c.now))
	}
	c.before[thing] = is
}

// queue adds a new execution at the end of the thing's queue.
func (c *change) queue(e *Execution) {
	c.touch(e.Thing)
	c.s.seq++
	e.Seq, e.Status, e.Version = c.s.seq, Queued, 1
	e.QueuedAt, e.UpdatedAt = c.now, c.now
	c.s.addRun(e)
	c.s.queues[e.Thing] = append(c.s.queues[e.Thing], e)
	c.record(e)
}

// update gives an execution its next version.
func (c *change) update(e *Execution, status Status) {
	c.touch(e.Thing)
	if status != Canceled && status != Removed && status != TimedOut && e.StartedAt.IsZero() {
		e.StartedAt = c.now
	}
	if status == InProgress && e.Status == Queued {
		e.Deadline = c.s.inProgressDeadlineLocked(e.JobID, c.now)
	}
	e.Status, e.UpdatedAt = status, c.now
	e.Version++
	if status.Final() {
		e.Deadline, e.StepDeadline = time.Time{}, time.Time{}
		c.unqueue(e)
	}
	c.record(e)
}

func (c *change) unqueue(e *Execution) {
	q := c.s.queues[e.Thing]
	c.s.queues[e.Thing] = slices.DeleteFunc(q, func(o *Execution) bool { return o == e })
}

func (c *change) record(e *Execution) {
	c.puts = append(c.puts, put{executionBucket, executionKey(e), e.clone()})
	c.events = append(c.events, e.clone())
}

// drop deletes an execution.
func (c *change) drop(e *Execution) {
	c.touch(e.Thing)
	c.unqueue(e)
	runs := c.s.runs[e.JobID]
	runs[e.Thing] = slices.DeleteFunc(runs[e.Thing], func(o *Execution) bool { return o == e })
	if len(runs[e.Thing]) == 0 {
		delete(runs, e.Thing)
	}
	c.puts = append(c.puts, put{executionBucket, executionKey(e), nil})
	gone := e.clone()
	gone.Deleted = true
	c.events = append(c.events, gone)
}

func (c *change) saveJob(j *Job) {
	j.UpdatedAt = c.now
	c.puts = append(c.puts, put{jobBucket, j.JobID, *j})
}

func executionKey(e *Execution) string {
	return fmt.Sprintf("%s/%s/%d", e.Thing, e.JobID, e.Number)
}

func (s *Service) addRun(e *Execution) {
	if s.runs[e.JobID] == nil {
		s.runs[e.JobID] = map[string][]*Execution{}
	}
	s.runs[e.JobID][e.Thing] = append(s.runs[e.JobID][e.Thing], e)
}

func bySeq(a, b *Execution) int { return cmp.Compare(a.Seq, b.Seq) }
