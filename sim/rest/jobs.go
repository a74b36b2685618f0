package rest

import (
	"encoding/json"
	"net/http"

	"jobbox/sim/service"
)

// jobBody is Job of DescribeJob.
type jobBody struct {
	JobARN             string                      `json:"jobArn"`
	JobID              string                      `json:"jobId"`
	TargetSelection    string                      `json:"targetSelection"`
	Status             service.JobStatus           `json:"status"`
	ForceCanceled      bool                        `json:"forceCanceled,omitempty"`
	ReasonCode         string                      `json:"reasonCode,omitempty"`
	Comment            string                      `json:"comment,omitempty"`
	Targets            []string                    `json:"targets"`
	Description        string                      `json:"description,omitempty"`
	PresignedURLConfig *service.PresignedURLConfig `json:"presignedUrlConfig"`
	RolloutConfig      json.RawMessage             `json:"jobExecutionsRolloutConfig,omitempty"`
	CreatedAt          *float64                    `json:"createdAt"`
	LastUpdatedAt      *float64                    `json:"lastUpdatedAt"`
	CompletedAt        *float64                    `json:"completedAt,omitempty"`
	ProcessDetails     map[string]int              `json:"jobProcessDetails"`
	TimeoutConfig      *service.TimeoutConfig      `json:"timeoutConfig"`
	JobTemplateARN     string                      `json:"jobTemplateArn,omitempty"`
	RetryConfig        *service.RetryConfig        `json:"jobExecutionsRetryConfig,omitempty"`
	DocumentParameters map[string]string           `json:"documentParameters,omitempty"`
	IsConcurrent       bool                        `json:"isConcurrent"`
}

type jobSummary struct {
	JobARN          string            `json:"jobArn"`
	JobID           string            `json:"jobId"`
	TargetSelection string            `json:"targetSelection"`
	Status          service.JobStatus `json:"status"`
	CreatedAt       *float64          `json:"createdAt"`
	LastUpdatedAt   *float64          `json:"lastUpdatedAt"`
	CompletedAt     *float64          `json:"completedAt,omitempty"`
	IsConcurrent    bool              `json:"isConcurrent"`
}

func (a *api) createJob(r *http.Request) (any, error) {
	var in service.CreateJobInput
	if err := read(r, &in); err != nil {
		return nil, err
	}
	j, err := a.s.CreateJob(r.PathValue("job"), in)
	if err != nil {
		return nil, err
	}
	return a.jobName(j), nil
}

// jobName is the answer of CreateJob and CancelJob.
func (a *api) jobName(j service.Job) any {
	return struct {
		JobARN      string `json:"jobArn"`
		JobID       string `json:"jobId"`
		Description string `json:"description,omitempty"`
	}{a.s.ARN("job", j.JobID), j.JobID, j.Description}
}

func (a *api) describeJob(r *http.Request) (any, error) {
	j, counts, err := a.s.DescribeJob(r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"job": a.job(j, counts)}, nil
}

func (a *api) job(j service.Job, counts map[service.Status]int) jobBody {
	body := jobBody{
		JobARN: a.s.ARN("job", j.JobID), JobID: j.JobID, TargetSelection: "SNAPSHOT", Status: j.Status,
		ForceCanceled: j.ForceCanceled, ReasonCode: j.ReasonCode, Comment: j.Comment, Targets: j.Targets, Description: j.Description,
		PresignedURLConfig: j.PresignedURLConfig, RolloutConfig: j.RolloutConfig, TimeoutConfig: j.TimeoutConfig,
		CreatedAt: seconds(j.CreatedAt), LastUpdatedAt: seconds(j.UpdatedAt), ProcessDetails: processDetails(counts),
		JobTemplateARN: j.JobTemplateARN, RetryConfig: j.RetryConfig, DocumentParameters: j.DocumentParameters,
	}
	if j.CompletedAt != nil {
		body.CompletedAt = seconds(*j.CompletedAt)
	}
	if body.PresignedURLConfig == nil {
		body.PresignedURLConfig = &service.PresignedURLConfig{}
	}
	if body.TimeoutConfig == nil {
		body.TimeoutConfig = &service.TimeoutConfig{}
	}
	return body
}

func processDetails(counts map[service.Status]int) map[string]int {
	return map[string]int{
		"numberOfCanceledThings":   counts[service.Canceled],
		"numberOfSucceededThings":  counts[service.Succeeded],
		"numberOfFailedThings":     counts[service.Failed],
		"numberOfRejectedThings":   counts[service.Rejected],
		"numberOfQueuedThings":     counts[service.Queued],
		"numberOfInProgressThings": counts[service.InProgress],
		"numberOfRemovedThings":    counts[service.Removed],
		"numberOfTimedOutThings":   counts[service.TimedOut],
	}
}

func (a *api) listJobs(r *http.Request) (any, error) {
	all := matching(r, "status", a.s.ListJobs(), func(j service.Job) string { return string(j.Status) })
	all = matching(r, "targetSelection", all, func(service.Job) string { return "SNAPSHOT" })
	all, next, err := page(r, all)
	if err != nil {
		return nil, err
	}
	jobs := []jobSummary{}
	for _, j := range all {
		b := a.job(j, nil)
		jobs = append(jobs, jobSummary{b.JobARN, b.JobID, b.TargetSelection, b.Status, b.CreatedAt, b.LastUpdatedAt, b.CompletedAt, false})
	}
	return struct {
		Jobs      []jobSummary `json:"jobs"`
		NextToken string       `json:"nextToken,omitempty"`
	}{jobs, next}, nil
}

func (a *api) getJobDocument(r *http.Request) (any, error) {
	d, err := a.s.GetJobDocument(r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	return map[string]string{"document": d}, nil
}

func (a *api) cancelJob(r *http.Request) (any, error) {
	var in struct {
		ReasonCode string `json:"reasonCode"`
		Comment    string `json:"comment"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	j, err := a.s.CancelJob(r.PathValue("job"), service.CancelJobInput{Force: flag(r, "force"), ReasonCode: in.ReasonCode, Comment: in.Comment})
	if err != nil {
		return nil, err
	}
	return a.jobName(j), nil
}

func (a *api) deleteJob(r *http.Request) (any, error) {
	return nil, a.s.DeleteJob(r.PathValue("job"), flag(r, "force"))
}
