package service

import "slices"

// CancelJobInput is the query and body of CancelJob.
type CancelJobInput struct {
	Force      bool // cancel what is IN_PROGRESS too
	ReasonCode string
	Comment    string
}

// CancelJob cancels a job: its QUEUED executions, and with Force those that
// are IN_PROGRESS. Without Force a job that was cancelled before stays so.
func (s *Service) CancelJob(jobID string, in CancelJobInput) (Job, error) {
	defer s.out.flush()
	var canceled Job
	err := s.change(func(c *change) error {
		j, err := s.jobLocked(jobID)
		if err != nil {
			return err
		}
		if j.Status == JobCompleted {
			return invalid("Job %s is COMPLETED and cannot be canceled", jobID)
		}
		c.cancelJob(j, in)
		canceled = *j
		return nil
	})
	return canceled, err
}

func (c *change) cancelJob(j *Job, in CancelJobInput) {
	j.Status, j.ReasonCode, j.Comment = JobCanceled, in.ReasonCode, in.Comment
	j.ForceCanceled = j.ForceCanceled || in.Force
	now := c.now
	j.CompletedAt = &now
	c.saveJob(j)
	for _, thing := range j.Things {
		for _, e := range slices.Clone(c.s.runs[j.JobID][thing]) {
			if e.Status == Queued || e.Status == InProgress && in.Force {
				e.ForceCanceled = in.Force
				c.update(e, Canceled)
			}
		}
	}
}

// CancelExecutionInput is the query and body of CancelJobExecution.
type CancelExecutionInput struct {
	Force           bool
	ExpectedVersion *int64
	StatusDetails   map[string]string
}

// CancelJobExecution cancels a job on one thing. An execution that is
// IN_PROGRESS needs Force, else the answer is InvalidStateTransition.
func (s *Service) CancelJobExecution(jobID, thing string, in CancelExecutionInput) error {
	defer s.out.flush()
	return s.change(func(c *change) error {
		if err := s.checkNamesLocked(jobID, thing); err != nil {
			return err
		}
		if err := checkDetails(in.StatusDetails, s.o.StrictDetails); err != nil {
			return err
		}
		e, err := s.findLocked(jobID, thing, 0)
		if err != nil {
			return err
		}
		if err := checkCancel(e, in); err != nil {
			return err
		}
		c.touch(thing)
		e.ForceCanceled = in.Force
		if in.StatusDetails != nil {
			e.Details = in.StatusDetails
		}
		c.update(e, Canceled)
		c.finished(e)
		return nil
	})
}

func checkCancel(e *Execution, in CancelExecutionInput) error {
	if err := checkTransition(e, UpdateInput{Status: Canceled, ExpectedVersion: in.ExpectedVersion}); err != nil {
		return err
	}
	if e.Status == InProgress && !in.Force {
		return withState(e, InvalidStateTransition, "Job Execution is IN_PROGRESS; it can be canceled only with force")
	}
	return nil
}
