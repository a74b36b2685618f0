package service

import (
	"cmp"
	"slices"
)

// DescribeJob returns a job and how many things stand where with it. A thing
// counts with its latest execution.
func (s *Service) DescribeJob(jobID string) (Job, map[Status]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.jobLocked(jobID)
	if err != nil {
		return Job{}, nil, err
	}
	counts := map[Status]int{}
	for _, runs := range s.runs[jobID] {
		counts[runs[len(runs)-1].Status]++
	}
	return *j, counts, nil
}

// GetJobDocument returns the document with its parameters filled in and its
// presigned-URL placeholders as they are.
func (s *Service) GetJobDocument(jobID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.jobLocked(jobID)
	if err != nil {
		return "", err
	}
	return j.Document, nil
}

// ListJobs returns all jobs, the newest first.
func (s *Service) ListJobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Job
	for _, j := range s.jobs {
		all = append(all, *j)
	}
	slices.SortFunc(all, func(a, b Job) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.JobID, b.JobID))
	})
	return all
}

// DescribeJobExecution is the control plane's: executions that have ended are
// shown too. Number 0 is the latest.
func (s *Service) DescribeJobExecution(jobID, thing string, number int64) (Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkNamesLocked(jobID, thing); err != nil {
		return Execution{}, err
	}
	e, err := s.findLocked(jobID, thing, number)
	if err != nil {
		return Execution{}, err
	}
	return e.clone(), nil
}

// ListJobExecutionsForThing returns all executions on a thing, the newest first.
func (s *Service) ListJobExecutionsForThing(thing string) ([]Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkThingLocked(thing); err != nil {
		return nil, err
	}
	var all []Execution
	for _, things := range s.runs {
		for _, e := range things[thing] {
			all = append(all, e.clone())
		}
	}
	return newestFirst(all), nil
}

// ListJobExecutionsForJob returns all executions of a job, the newest first.
func (s *Service) ListJobExecutionsForJob(jobID string) ([]Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.jobLocked(jobID); err != nil {
		return nil, err
	}
	var all []Execution
	for _, runs := range s.runs[jobID] {
		for _, e := range runs {
			all = append(all, e.clone())
		}
	}
	return newestFirst(all), nil
}

func newestFirst(all []Execution) []Execution {
	slices.SortFunc(all, func(a, b Execution) int { return cmp.Compare(b.Seq, a.Seq) })
	return all
}

func (s *Service) jobLocked(jobID string) (*Job, error) {
	if err := checkPattern(jobIDPattern, jobID, "jobId"); err != nil {
		return nil, err
	}
	j := s.jobs[jobID]
	if j == nil {
		return nil, refuse(ResourceNotFound, "Job %s does not exist", jobID)
	}
	return j, nil
}

func (s *Service) checkNamesLocked(jobID, thing string) error {
	if err := checkPattern(jobIDPattern, jobID, "jobId"); err != nil {
		return err
	}
	return checkPattern(thingPattern, thing, "thingName")
}
