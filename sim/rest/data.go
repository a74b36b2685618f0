package rest

import (
	"net/http"

	"jobbox/sim/service"
)

// The data plane, iot-jobs-data: what a device may ask over HTTPS. Its times
// are whole seconds, and its documents strings.

type dataExecution struct {
	JobID           string            `json:"jobId"`
	ThingName       string            `json:"thingName"`
	Status          service.Status    `json:"status"`
	StatusDetails   map[string]string `json:"statusDetails,omitempty"`
	QueuedAt        int64             `json:"queuedAt"`
	StartedAt       int64             `json:"startedAt,omitempty"`
	LastUpdatedAt   int64             `json:"lastUpdatedAt"`
	VersionNumber   int64             `json:"versionNumber"`
	ExecutionNumber int64             `json:"executionNumber"`
	JobDocument     string            `json:"jobDocument,omitempty"`

	ApproximateSecondsBeforeTimedOut *int64 `json:"approximateSecondsBeforeTimedOut,omitempty"`
}

type dataSummary struct {
	JobID           string `json:"jobId"`
	QueuedAt        int64  `json:"queuedAt"`
	StartedAt       int64  `json:"startedAt,omitempty"`
	LastUpdatedAt   int64  `json:"lastUpdatedAt"`
	VersionNumber   int64  `json:"versionNumber"`
	ExecutionNumber int64  `json:"executionNumber"`
}

type dataState struct {
	Status        service.Status    `json:"status"`
	StatusDetails map[string]string `json:"statusDetails,omitempty"`
	VersionNumber int64             `json:"versionNumber"`
}

func (a *api) data(e *service.Execution, document bool) any {
	if e == nil {
		return nil
	}
	d := dataExecution{
		JobID: e.JobID, ThingName: e.Thing, Status: e.Status, StatusDetails: e.Details,
		QueuedAt: e.QueuedAt.Unix(), LastUpdatedAt: e.UpdatedAt.Unix(), VersionNumber: e.Version, ExecutionNumber: e.Number,
		ApproximateSecondsBeforeTimedOut: a.s.SecondsLeft(e),
	}
	if !e.StartedAt.IsZero() {
		d.StartedAt = e.StartedAt.Unix()
	}
	if document {
		d.JobDocument = a.s.DeliverDocument(e.JobID)
	}
	return map[string]any{"execution": d}
}

func (a *api) pending(r *http.Request) (any, error) {
	inProgress, queued, err := a.s.Pending(r.PathValue("thing"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"inProgressJobs": dataSummaries(inProgress), "queuedJobs": dataSummaries(queued)}, nil
}

func dataSummaries(list []service.Execution) []dataSummary {
	all := []dataSummary{}
	for _, e := range list {
		d := dataSummary{JobID: e.JobID, QueuedAt: e.QueuedAt.Unix(), LastUpdatedAt: e.UpdatedAt.Unix(), VersionNumber: e.Version, ExecutionNumber: e.Number}
		if !e.StartedAt.IsZero() {
			d.StartedAt = e.StartedAt.Unix()
		}
		all = append(all, d)
	}
	return all
}

func (a *api) startNext(r *http.Request) (any, error) {
	var in struct {
		StatusDetails        map[string]string `json:"statusDetails"`
		StepTimeoutInMinutes *int64            `json:"stepTimeoutInMinutes"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	e, err := a.s.StartNext(r.PathValue("thing"), service.StartNextInput{StatusDetails: in.StatusDetails, StepTimeoutInMinutes: in.StepTimeoutInMinutes})
	return a.data(e, true), err
}

func (a *api) dataDescribe(r *http.Request) (any, error) {
	n, err := number(r, "executionNumber", 0)
	if err != nil {
		return nil, err
	}
	e, err := a.s.DescribeExecution(r.PathValue("thing"), r.PathValue("job"), n)
	return a.data(e, flag(r, "includeJobDocument")), err
}

func (a *api) update(r *http.Request) (any, error) {
	var in struct {
		Status                   service.Status    `json:"status"`
		StatusDetails            map[string]string `json:"statusDetails"`
		StepTimeoutInMinutes     *int64            `json:"stepTimeoutInMinutes"`
		ExpectedVersion          *int64            `json:"expectedVersion"`
		ExecutionNumber          int64             `json:"executionNumber"`
		IncludeJobExecutionState bool              `json:"includeJobExecutionState"`
		IncludeJobDocument       bool              `json:"includeJobDocument"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	e, err := a.s.Update(r.PathValue("thing"), r.PathValue("job"), service.UpdateInput{
		Status: in.Status, StatusDetails: in.StatusDetails, ExpectedVersion: in.ExpectedVersion,
		ExecutionNumber: in.ExecutionNumber, StepTimeoutInMinutes: in.StepTimeoutInMinutes,
	})
	if err != nil {
		return nil, err
	}
	answer := map[string]any{}
	if in.IncludeJobExecutionState {
		answer["executionState"] = dataState{e.Status, e.Details, e.Version}
	}
	if in.IncludeJobDocument {
		answer["jobDocument"] = a.s.DeliverDocument(e.JobID)
	}
	return answer, nil
}
