package service

import "slices"

// DeleteJob deletes a job with all its executions. A job that is neither
// COMPLETED nor CANCELED needs force. AWS takes its time over this
// (DELETION_IN_PROGRESS); here it is done at once.
func (s *Service) DeleteJob(jobID string, force bool) error {
	defer s.out.flush()
	return s.change(func(c *change) error {
		j, err := s.jobLocked(jobID)
		if err != nil {
			return err
		}
		if j.Status == JobInProgress && !force {
			return refuse(InvalidStateTransition, "Job %s is IN_PROGRESS; it can be deleted only with force", jobID)
		}
		for _, thing := range j.Things {
			for _, e := range slices.Clone(s.runs[jobID][thing]) {
				c.drop(e)
			}
		}
		delete(s.runs, jobID)
		delete(s.jobs, jobID)
		c.puts = append(c.puts, put{jobBucket, jobID, nil})
		return nil
	})
}

// DeleteJobExecution deletes one run of a job on a thing. One that has not
// ended needs force.
func (s *Service) DeleteJobExecution(jobID, thing string, number int64, force bool) error {
	defer s.out.flush()
	return s.change(func(c *change) error {
		if err := s.checkNamesLocked(jobID, thing); err != nil {
			return err
		}
		if number < 1 {
			return invalid("executionNumber must be 1 or more, got %d", number)
		}
		e, err := s.findLocked(jobID, thing, number)
		if err != nil {
			return err
		}
		if !e.Status.Final() && !force {
			return withState(e, InvalidStateTransition, "Job Execution is %s; it can be deleted only with force", e.Status)
		}
		c.drop(e)
		if j := s.jobs[jobID]; j != nil {
			c.complete(j)
		}
		return nil
	})
}
