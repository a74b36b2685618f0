package service

import "fmt"

// finished does what follows the end of an execution: a retry where the job
// has one left, and the end of the job after the last of its executions. The
// queue is settled in between, so that devices see the execution leave before
// the retry comes.
func (c *change) finished(e *Execution) {
	c.settle(e.Thing)
	j := c.s.jobs[e.JobID]
	if j == nil {
		return
	}
	if j.Status == JobInProgress && c.s.retriesLeftLocked(j, e) {
		c.queue(&Execution{JobID: e.JobID, Thing: e.Thing, Number: e.Number + 1, RetryAttempt: e.RetryAttempt + 1})
	}
	c.complete(j)
}

// retriesLeftLocked counts against each criterion the failures of its kind that
// the thing has had so far.
func (s *Service) retriesLeftLocked(j *Job, e *Execution) bool {
	if j.RetryConfig == nil || e.RetryAttempt >= maxRetries {
		return false
	}
	for _, r := range j.RetryConfig.CriteriaList {
		if r.covers(e.Status) && s.failuresLocked(r, e) <= r.NumberOfRetries {
			return true
		}
	}
	return false
}

func (s *Service) failuresLocked(r RetryCriteria, e *Execution) int {
	n := 0
	for _, run := range s.runs[e.JobID][e.Thing] {
		if r.covers(run.Status) {
			n++
		}
	}
	return n
}

func (r RetryCriteria) covers(s Status) bool {
	return (s == Failed || s == TimedOut) && (r.FailureType == "ALL" || r.FailureType == string(s))
}

// complete ends a job once none of its executions waits or runs.
func (c *change) complete(j *Job) {
	if j.Status != JobInProgress || c.s.activeLocked(j.JobID) > 0 {
		return
	}
	now := c.now
	j.Status, j.CompletedAt = JobCompleted, &now
	c.saveJob(j)
}

func (s *Service) activeLocked(jobID string) int {
	n := 0
	for _, runs := range s.runs[jobID] {
		for _, e := range runs {
			if !e.Status.Final() {
				n++
			}
		}
	}
	return n
}

// Requeue queues one more run of a job that has ended on a thing, with the next
// execution number: what a retry does, at any time. AWS has no such call; it is
// for tests of devices.
func (s *Service) Requeue(jobID, thing string) (*Execution, error) {
	defer s.out.flush()
	var queued *Execution
	err := s.change(func(c *change) error {
		last, err := s.findLocked(jobID, thing, 0)
		if err != nil {
			return err
		}
		if !last.Status.Final() {
			return withState(last, InvalidStateTransition, "Job Execution is still %s", last.Status)
		}
		j := s.jobs[jobID]
		j.Status, j.CompletedAt = JobInProgress, nil
		c.saveJob(j)
		e := &Execution{JobID: jobID, Thing: thing, Number: last.Number + 1, RetryAttempt: last.RetryAttempt + 1}
		c.queue(e)
		queued = copyOf(e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("requeue job %q on %q: %w", jobID, thing, err)
	}
	return queued, nil
}
