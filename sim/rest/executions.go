package rest

import (
	"net/http"
	"strconv"

	"jobbox/sim/service"
)

// executionBody is JobExecution of the control plane.
type executionBody struct {
	JobID           string         `json:"jobId"`
	Status          service.Status `json:"status"`
	ForceCanceled   bool           `json:"forceCanceled,omitempty"`
	StatusDetails   detailsBody    `json:"statusDetails"`
	ThingARN        string         `json:"thingArn"`
	QueuedAt        *float64       `json:"queuedAt"`
	StartedAt       *float64       `json:"startedAt,omitempty"`
	LastUpdatedAt   *float64       `json:"lastUpdatedAt"`
	ExecutionNumber int64          `json:"executionNumber"`
	VersionNumber   int64          `json:"versionNumber"`

	ApproximateSecondsBeforeTimedOut *int64 `json:"approximateSecondsBeforeTimedOut,omitempty"`
}

type detailsBody struct {
	DetailsMap map[string]string `json:"detailsMap,omitempty"`
}

// executionSummary is JobExecutionSummary of the control plane.
type executionSummary struct {
	Status          service.Status `json:"status"`
	QueuedAt        *float64       `json:"queuedAt"`
	StartedAt       *float64       `json:"startedAt,omitempty"`
	LastUpdatedAt   *float64       `json:"lastUpdatedAt"`
	ExecutionNumber int64          `json:"executionNumber"`
	RetryAttempt    int            `json:"retryAttempt"`
}

// listed is a summary under the name of its job or of its thing.
type listed struct {
	JobID    string           `json:"jobId,omitempty"`
	ThingARN string           `json:"thingArn,omitempty"`
	Summary  executionSummary `json:"jobExecutionSummary"`
}

func (a *api) describeExecution(r *http.Request) (any, error) {
	n, err := number(r, "executionNumber", 0)
	if err != nil {
		return nil, err
	}
	e, err := a.s.DescribeJobExecution(r.PathValue("job"), r.PathValue("thing"), n)
	if err != nil {
		return nil, err
	}
	return map[string]any{"execution": executionBody{
		JobID: e.JobID, Status: e.Status, ForceCanceled: e.ForceCanceled, StatusDetails: detailsBody{e.Details},
		ThingARN: a.s.ARN("thing", e.Thing), QueuedAt: seconds(e.QueuedAt), StartedAt: seconds(e.StartedAt), LastUpdatedAt: seconds(e.UpdatedAt),
		ExecutionNumber: e.Number, VersionNumber: e.Version, ApproximateSecondsBeforeTimedOut: a.s.SecondsLeft(&e),
	}}, nil
}

func summary(e service.Execution) executionSummary {
	return executionSummary{e.Status, seconds(e.QueuedAt), seconds(e.StartedAt), seconds(e.UpdatedAt), e.Number, e.RetryAttempt}
}

func (a *api) listExecutionsForThing(r *http.Request) (any, error) {
	all, err := a.s.ListJobExecutionsForThing(r.PathValue("thing"))
	if err != nil {
		return nil, err
	}
	all = matching(r, "jobId", all, func(e service.Execution) string { return e.JobID })
	return listOf(r, all, func(e service.Execution) listed { return listed{JobID: e.JobID, Summary: summary(e)} })
}

func (a *api) listExecutionsForJob(r *http.Request) (any, error) {
	all, err := a.s.ListJobExecutionsForJob(r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	return listOf(r, all, func(e service.Execution) listed {
		return listed{ThingARN: a.s.ARN("thing", e.Thing), Summary: summary(e)}
	})
}

func listOf(r *http.Request, all []service.Execution, name func(service.Execution) listed) (any, error) {
	all = matching(r, "status", all, func(e service.Execution) string { return string(e.Status) })
	all, next, err := page(r, all)
	if err != nil {
		return nil, err
	}
	summaries := []listed{}
	for _, e := range all {
		summaries = append(summaries, name(e))
	}
	return struct {
		Summaries []listed `json:"executionSummaries"`
		NextToken string   `json:"nextToken,omitempty"`
	}{summaries, next}, nil
}

func (a *api) cancelExecution(r *http.Request) (any, error) {
	var in struct {
		ExpectedVersion *int64            `json:"expectedVersion"`
		StatusDetails   map[string]string `json:"statusDetails"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return nil, a.s.CancelJobExecution(r.PathValue("job"), r.PathValue("thing"), service.CancelExecutionInput{
		Force: flag(r, "force"), ExpectedVersion: in.ExpectedVersion, StatusDetails: in.StatusDetails,
	})
}

func (a *api) deleteExecution(r *http.Request) (any, error) {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return nil, badRequest("executionNumber must be a number")
	}
	return nil, a.s.DeleteJobExecution(r.PathValue("job"), r.PathValue("thing"), n, flag(r, "force"))
}
