package service

import (
	"cmp"
	"slices"
	"time"
)

// An id names an execution. Its versions share it: notifications are about
// which executions wait, not about how they are doing.
type id struct {
	jobID  string
	number int64
}

// A view is what of a queue notifications depend on.
type view struct {
	head    id   // the one that start-next would return; zero when none is
	members []id // in order of arrival
}

func (s *Service) viewLocked(thing string) view {
	v := view{}
	for _, e := range s.queues[thing] {
		v.members = append(v.members, id{e.JobID, e.Number})
	}
	if e := s.headLocked(thing); e != nil {
		v.head = id{e.JobID, e.Number}
	}
	return v
}

// pendingLocked lists the queue as AWS sorts it: IN_PROGRESS before QUEUED, each
// by the time it was queued.
func (s *Service) pendingLocked(thing string) []*Execution {
	q := slices.Clone(s.queues[thing])
	slices.SortStableFunc(q, func(a, b *Execution) int {
		return cmp.Or(cmp.Compare(rank(a.Status), rank(b.Status)), bySeq(a, b))
	})
	return q
}

func rank(s Status) int {
	if s == InProgress {
		return 0
	}
	return 1
}

func (s *Service) headLocked(thing string) *Execution {
	q := s.queues[thing]
	for _, e := range q {
		if e.Status == InProgress {
			return e
		}
	}
	if len(q) == 0 {
		return nil
	}
	return q[0]
}

// findLocked returns execution number of a job on a thing, the latest for 0.
func (s *Service) findLocked(jobID, thing string, number int64) (*Execution, error) {
	runs := s.runs[jobID][thing]
	if number == 0 && len(runs) > 0 {
		return runs[len(runs)-1], nil
	}
	for _, e := range runs {
		if e.Number == number {
			return e, nil
		}
	}
	return nil, refuse(ResourceNotFound, "Job execution of job %q on thing %q does not exist", jobID, thing)
}

func (s *Service) inProgressDeadlineLocked(jobID string, now time.Time) time.Time {
	j := s.jobs[jobID]
	if j == nil || j.TimeoutConfig == nil || j.TimeoutConfig.InProgressTimeoutInMinutes == nil {
		return time.Time{}
	}
	return now.Add(time.Duration(*j.TimeoutConfig.InProgressTimeoutInMinutes) * s.o.Minute)
}
