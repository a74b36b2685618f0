package service

import (
	"time"
)

// The four operations of the data plane, as MQTT and the REST API share them.

// StartNextInput is the body of StartNextPendingJobExecution.
type StartNextInput struct {
	StatusDetails        map[string]string
	StepTimeoutInMinutes *int64
}

// UpdateInput is the body of UpdateJobExecution. A nil field is an absent one.
type UpdateInput struct {
	Status               Status
	StatusDetails        map[string]string
	ExpectedVersion      *int64
	ExecutionNumber      int64 // 0 for the latest
	StepTimeoutInMinutes *int64
}

// StartNext returns the execution that is IN_PROGRESS, else starts the oldest
// QUEUED one. It returns nil when nothing is pending. The status details of an
// execution that had been started before stay as they are.
func (s *Service) StartNext(thing string, in StartNextInput) (*Execution, error) {
	defer s.out.flush()
	return s.startNext(thing, in)
}

func (s *Service) startNext(thing string, in StartNextInput) (started *Execution, err error) {
	err = s.change(func(c *change) error {
		if err := s.checkDeviceLocked(thing, in.StatusDetails); err != nil {
			return err
		}
		deadline, err := c.stepDeadline(in.StepTimeoutInMinutes, false)
		if err != nil {
			return err
		}
		e := s.headLocked(thing)
		if e == nil {
			return nil
		}
		c.start(e, in.StatusDetails, deadline)
		copied := e.clone()
		started = &copied
		return nil
	})
	return started, err
}

func (c *change) start(e *Execution, details map[string]string, step *time.Time) {
	c.touch(e.Thing)
	if step != nil {
		e.StepDeadline = *step
	}
	if e.Status == InProgress {
		c.puts = append(c.puts, put{executionBucket, executionKey(e), e.clone()})
		return
	}
	if details != nil {
		e.Details = details
	}
	c.update(e, InProgress)
}

// Update changes an execution as its device asks. With VersionMismatch and
// InvalidStateTransition the Error holds the execution as it stands.
func (s *Service) Update(thing, jobID string, in UpdateInput) (*Execution, error) {
	defer s.out.flush()
	return s.update(thing, jobID, in)
}

func (s *Service) update(thing, jobID string, in UpdateInput) (updated *Execution, err error) {
	err = s.change(func(c *change) error {
		if err := s.checkUpdateLocked(thing, jobID, in); err != nil {
			return err
		}
		step, err := c.stepDeadline(in.StepTimeoutInMinutes, true)
		if err != nil {
			return err
		}
		e, err := s.findLocked(jobID, thing, in.ExecutionNumber)
		if err != nil {
			return err
		}
		if err := checkTransition(e, in); err != nil {
			return err
		}
		c.apply(e, in, step)
		copied := e.clone()
		updated = &copied
		if in.Status.Final() {
			c.finished(e)
		}
		return nil
	})
	return updated, err
}

func (c *change) apply(e *Execution, in UpdateInput, step *time.Time) {
	c.touch(e.Thing)
	if in.StatusDetails != nil {
		e.Details = in.StatusDetails
	}
	if step != nil {
		e.StepDeadline = *step
	}
	c.update(e, in.Status)
}

func (s *Service) checkUpdateLocked(thing, jobID string, in UpdateInput) error {
	if err := checkPattern(jobIDPattern, jobID, "jobId"); err != nil {
		return err
	}
	switch in.Status {
	case InProgress, Succeeded, Failed, Rejected:
	case "":
		return invalid("1 validation error detected: Value null at 'status' failed to satisfy constraint: Member must not be null")
	default:
		return violates(string(in.Status), "status", "Member must satisfy enum value set: [IN_PROGRESS, FAILED, SUCCEEDED, REJECTED]")
	}
	return s.checkDeviceLocked(thing, in.StatusDetails)
}

func (s *Service) checkDeviceLocked(thing string, details map[string]string) error {
	if err := s.checkThingLocked(thing); err != nil {
		return err
	}
	return checkDetails(details, s.o.StrictDetails)
}

// checkTransition looks at the version first, as expectedVersion is documented:
// a device with an old version learns of a cancellation by VersionMismatch.
func checkTransition(e *Execution, in UpdateInput) error {
	if in.ExpectedVersion != nil && *in.ExpectedVersion != e.Version {
		return withState(e, VersionMismatch, "Expected version %d but version was %d", *in.ExpectedVersion, e.Version)
	}
	if e.Status.Final() {
		return withState(e, InvalidStateTransition, "Job Execution status cannot be updated from %s to %s", e.Status, in.Status)
	}
	return nil
}

func withState(e *Execution, code Code, format string, args ...any) *Error {
	err := refuse(code, format, args...)
	state := e.clone()
	err.State = &state
	return err
}

// stepDeadline turns stepTimeoutInMinutes into a time: nil leaves the timer as
// it is, the zero time ends it (-1, in an update only).
func (c *change) stepDeadline(minutes *int64, mayClear bool) (*time.Time, error) {
	switch {
	case minutes == nil:
		return nil, nil
	case *minutes == -1 && mayClear:
		return &time.Time{}, nil
	}
	if err := checkMinutes(*minutes, "stepTimeoutInMinutes"); err != nil {
		return nil, err
	}
	at := c.now.Add(time.Duration(*minutes) * c.s.o.Minute)
	return &at, nil
}

// DescribeExecution is DescribeJobExecution of the data plane: job "$next" is
// the next pending execution, nil when there is none. An execution that has
// ended is refused with TerminalStateReached.
func (s *Service) DescribeExecution(thing, jobID string, number int64) (*Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkThingLocked(thing); err != nil {
		return nil, err
	}
	if jobID == "$next" {
		return copyOf(s.headLocked(thing)), nil
	}
	if err := checkPattern(jobIDPattern, jobID, "jobId"); err != nil {
		return nil, err
	}
	e, err := s.findLocked(jobID, thing, number)
	if err != nil {
		return nil, err
	}
	if e.Status.Final() {
		return nil, withState(e, TerminalStateReached, "Job Execution has reached terminal state %s", e.Status)
	}
	return copyOf(e), nil
}

func copyOf(e *Execution) *Execution {
	if e == nil {
		return nil
	}
	c := e.clone()
	return &c
}

// Pending is GetPendingJobExecutions: what is IN_PROGRESS and what is QUEUED,
// each in the order in which it was queued.
func (s *Service) Pending(thing string) (inProgress, queued []Execution, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkThingLocked(thing); err != nil {
		return nil, nil, err
	}
	for _, e := range s.pendingLocked(thing) {
		if e.Status == InProgress {
			inProgress = append(inProgress, e.clone())
		} else {
			queued = append(queued, e.clone())
		}
	}
	return inProgress, queued, nil
}
