package service

import (
	"encoding/json"
	"maps"
	"time"
)

// Status is the status of a job execution.
type Status string

// The statuses of a job execution (API reference, JobExecution).
const (
	Queued     Status = "QUEUED"
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	TimedOut   Status = "TIMED_OUT"
	Rejected   Status = "REJECTED"
	Removed    Status = "REMOVED"
	Canceled   Status = "CANCELED"
)

// Final says that an execution in this status never changes again.
func (s Status) Final() bool { return s != Queued && s != InProgress }

// A Thing is an entry of the registry.
type Thing struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Version    int64             `json:"version"`
}

// An Execution is one run of one job on one thing. Numbers start at 1; a retry
// has the next one.
type Execution struct {
	JobID         string            `json:"jobId"`
	Thing         string            `json:"thing"`
	Number        int64             `json:"number"`
	Status        Status            `json:"status"`
	ForceCanceled bool              `json:"forceCanceled,omitempty"`
	Details       map[string]string `json:"details,omitempty"`
	QueuedAt      time.Time         `json:"queuedAt"`
	StartedAt     time.Time         `json:"startedAt,omitzero"`
	UpdatedAt     time.Time         `json:"updatedAt"`
	Version       int64             `json:"version"`      // 1 when queued, one more with each update
	RetryAttempt  int               `json:"retryAttempt"` // 0 for the first run
	Seq           uint64            `json:"seq"`          // order of arrival in the queue

	Deadline     time.Time `json:"deadline,omitzero"`     // of the job's timeoutConfig
	StepDeadline time.Time `json:"stepDeadline,omitzero"` // of stepTimeoutInMinutes

	Deleted bool `json:"-"` // in a Watch: the execution is gone from the service
}

// TimesOutAt is the earlier of the two timers, zero without one.
func (e *Execution) TimesOutAt() time.Time {
	if e.Deadline.IsZero() || !e.StepDeadline.IsZero() && e.StepDeadline.Before(e.Deadline) {
		return e.StepDeadline
	}
	return e.Deadline
}

func (e *Execution) clone() Execution {
	c := *e
	c.Details = maps.Clone(e.Details)
	return c
}

// JobStatus is the status of a job as a whole.
type JobStatus string

// The statuses of a job that occur here.
const (
	JobInProgress JobStatus = "IN_PROGRESS"
	JobCanceled   JobStatus = "CANCELED"
	JobCompleted  JobStatus = "COMPLETED"
)

// A Job as the control plane knows it.
type Job struct {
	CreateJobInput
	JobID         string     `json:"jobId"`
	Document      string     `json:"finalDocument"` // parameters filled in, presigned URLs not
	Status        JobStatus  `json:"status"`
	ForceCanceled bool       `json:"forceCanceled,omitempty"`
	ReasonCode    string     `json:"reasonCode,omitempty"`
	Comment       string     `json:"comment,omitempty"`
	CreatedAt     time.Time  `json:"createdAt"`
	UpdatedAt     time.Time  `json:"updatedAt"`
	CompletedAt   *time.Time `json:"completedAt,omitempty"`
	Things        []string   `json:"things"` // names of the targets
}

// CreateJobInput is the body of CreateJob, with the names of the REST API.
type CreateJobInput struct {
	Targets            []string            `json:"targets"`
	DocumentSource     string              `json:"documentSource,omitempty"`
	Document           string              `json:"document,omitempty"`
	Description        string              `json:"description,omitempty"`
	PresignedURLConfig *PresignedURLConfig `json:"presignedUrlConfig,omitempty"`
	TargetSelection    string              `json:"targetSelection,omitempty"`
	RolloutConfig      json.RawMessage     `json:"jobExecutionsRolloutConfig,omitempty"`
	AbortConfig        json.RawMessage     `json:"abortConfig,omitempty"`
	TimeoutConfig      *TimeoutConfig      `json:"timeoutConfig,omitempty"`
	NamespaceID        string              `json:"namespaceId,omitempty"`
	JobTemplateARN     string              `json:"jobTemplateArn,omitempty"`
	RetryConfig        *RetryConfig        `json:"jobExecutionsRetryConfig,omitempty"`
	DocumentParameters map[string]string   `json:"documentParameters,omitempty"`
	SchedulingConfig   json.RawMessage     `json:"schedulingConfig,omitempty"`
}

// PresignedURLConfig says how presigned URLs in the document are made.
type PresignedURLConfig struct {
	RoleARN      string `json:"roleArn,omitempty"`
	ExpiresInSec int64  `json:"expiresInSec,omitempty"` // 60 to 3600, 3600 when absent
}

// TimeoutConfig holds the in-progress timer, 1 to 10080 minutes.
type TimeoutConfig struct {
	InProgressTimeoutInMinutes *int64 `json:"inProgressTimeoutInMinutes,omitempty"`
}

// RetryConfig says how often a failed execution is queued again.
type RetryConfig struct {
	CriteriaList []RetryCriteria `json:"criteriaList"`
}

// RetryCriteria is the number of retries (0 to 10) for FAILED, TIMED_OUT or ALL.
type RetryCriteria struct {
	FailureType     string `json:"failureType"`
	NumberOfRetries int    `json:"numberOfRetries"`
}
