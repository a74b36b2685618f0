package service

import (
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// CreateJob makes a job and queues an execution of it on every target.
func (s *Service) CreateJob(jobID string, in CreateJobInput) (Job, error) {
	defer s.out.flush()
	var made Job
	err := s.change(func(c *change) error {
		things, err := s.checkJobLocked(jobID, in)
		if err != nil {
			return err
		}
		document, err := s.documentLocked(in)
		if err != nil {
			return err
		}
		j := &Job{CreateJobInput: in, JobID: jobID, Document: document, Status: JobInProgress, CreatedAt: c.now, Things: things}
		s.jobs[jobID] = j
		c.saveJob(j)
		for _, thing := range things {
			c.queue(&Execution{JobID: jobID, Thing: thing, Number: 1})
		}
		made = *j
		return nil
	})
	return made, err
}

// checkJobLocked returns the names of the things that a job is for.
func (s *Service) checkJobLocked(jobID string, in CreateJobInput) ([]string, error) {
	if err := checkPattern(jobIDPattern, jobID, "jobId"); err != nil {
		return nil, err
	}
	if s.jobs[jobID] != nil {
		return nil, refuse(ResourceAlreadyExists, "Job already exists: %s", jobID)
	}
	if err := checkSimulated(in); err != nil {
		return nil, err
	}
	if err := checkJobTimers(in); err != nil {
		return nil, err
	}
	return s.targetsLocked(in.Targets)
}

func checkSimulated(in CreateJobInput) error {
	switch {
	case in.TargetSelection == "CONTINUOUS":
		return notSimulated("targetSelection CONTINUOUS")
	case in.TargetSelection != "" && in.TargetSelection != "SNAPSHOT":
		return violates(in.TargetSelection, "targetSelection", "Member must satisfy enum value set: [CONTINUOUS, SNAPSHOT]")
	case in.DocumentSource != "":
		return notSimulated("documentSource (there is no S3 here: give the document itself)")
	case len(in.AbortConfig) > 0:
		return notSimulated("abortConfig")
	case len(in.SchedulingConfig) > 0:
		return notSimulated("schedulingConfig")
	case in.NamespaceID != "":
		return notSimulated("namespaceId")
	}
	return nil
}

func checkJobTimers(in CreateJobInput) error {
	if t := in.TimeoutConfig; t != nil && t.InProgressTimeoutInMinutes != nil {
		if err := checkMinutes(*t.InProgressTimeoutInMinutes, "inProgressTimeoutInMinutes"); err != nil {
			return err
		}
	}
	if p := in.PresignedURLConfig; p != nil && p.ExpiresInSec != 0 && (p.ExpiresInSec < 60 || p.ExpiresInSec > 3600) {
		return invalid("expiresInSec must be between 60 and 3600, got %d", p.ExpiresInSec)
	}
	return checkRetries(in.RetryConfig)
}

func checkRetries(c *RetryConfig) error {
	if c == nil {
		return nil
	}
	if n := len(c.CriteriaList); n < 1 || n > 2 {
		return invalid("jobExecutionsRetryConfig.criteriaList holds %d entries; 1 or 2 are allowed", n)
	}
	for _, r := range c.CriteriaList {
		if r.FailureType != "FAILED" && r.FailureType != "TIMED_OUT" && r.FailureType != "ALL" {
			return violates(r.FailureType, "failureType", "Member must satisfy enum value set: [FAILED, TIMED_OUT, ALL]")
		}
		if r.NumberOfRetries < 0 || r.NumberOfRetries > maxRetries {
			return invalid("numberOfRetries must be between 0 and %d, got %d", maxRetries, r.NumberOfRetries)
		}
	}
	return nil
}

func (s *Service) targetsLocked(targets []string) ([]string, error) {
	if len(targets) == 0 {
		return nil, invalid("targets must hold at least one ARN")
	}
	var things []string
	for _, arn := range targets {
		m := targetPattern.FindStringSubmatch(arn)
		if m == nil {
			return nil, violates(arn, "targets", "Member must be the ARN of a thing, arn:aws:iot:REGION:ACCOUNT:thing/NAME")
		}
		if m[1] != "thing" {
			return nil, notSimulated("a thing group as target")
		}
		if err := s.checkThingLocked(m[2]); err != nil {
			return nil, err
		}
		if !slices.Contains(things, m[2]) {
			things = append(things, m[2])
		}
	}
	return things, nil
}

func (s *Service) documentLocked(in CreateJobInput) (string, error) {
	document, err := in.Document, error(nil)
	switch {
	case in.JobTemplateARN != "" && in.Document != "":
		return "", invalid("document and jobTemplateArn cannot both be given")
	case in.JobTemplateARN != "":
		document, err = s.fromTemplate(in)
	case len(in.DocumentParameters) > 0:
		return "", invalid("documentParameters can only be used with a managed template")
	}
	if err != nil {
		return "", err
	}
	return document, checkDocument(document)
}

func checkDocument(d string) error {
	switch {
	case d == "":
		return invalid("a job needs a document, a documentSource or a jobTemplateArn")
	case len(d) > maxDocument:
		return invalid("the job document has %d bytes; at most %d are allowed", len(d), maxDocument)
	case !utf8.ValidString(d) || !json.Valid([]byte(d)):
		return invalid("the job document is not valid JSON")
	}
	return nil
}
