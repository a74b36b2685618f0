package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"jobbox/sim/service"
)

func runJob(ctx context.Context, c *call) error {
	thing := c.flags.String("thing", "", "`NAME`, of the device; not needed where there is but one")
	id := c.flags.String("job-id", "", "`ID`, of the job; made up if not given")
	timeout := c.flags.Duration("timeout", 5*time.Minute, "`DURATION`, how long to follow the job")
	c.notes = "\nThe exit status is 0 only if the job has SUCCEEDED.\n"
	words, err := c.parse(2, 2)
	if err != nil {
		return err
	}
	cloud, err := dial(words[0])
	if err != nil {
		return err
	}
	document, err := os.ReadFile(words[1])
	if err != nil {
		return err
	}
	if *thing, err = pickThing(words[0], *thing); err != nil {
		return err
	}
	if *id == "" {
		*id = "run-" + rand.Text()[:12]
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("no final status in %v; the job goes on", *timeout))
	defer cancel()
	err = createAndFollow(ctx, cloud, *id, *thing, string(document), c.stdout)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("job %s: %w", *id, cause)
	}
	return err
}

func pickThing(dir, thing string) (string, error) {
	if thing != "" {
		return thing, nil
	}
	names, err := things(dir)
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("there are %d things in %q: say which with --thing", len(names), dir)
	}
	return names[0], nil
}

// createAndFollow watches from before the job is there, so that no status is
// missed.
func createAndFollow(ctx context.Context, cloud client, id, thing, document string, w io.Writer) error {
	query := url.Values{"job": {id}, "thing": {thing}}
	changes, err := cloud.call(ctx, http.MethodGet, watchPath+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer changes.Close()
	if err := create(ctx, cloud, id, thing, document); err != nil {
		return err
	}
	return follow(changes, id, w)
}

// create makes the job, and the thing in case it was added while the cloud ran.
func create(ctx context.Context, cloud client, id, thing, document string) error {
	path := "/things/" + url.PathEscape(thing)
	text, err := cloud.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		text, err = cloud.do(ctx, http.MethodPost, path, struct{}{})
	}
	if err != nil {
		return fmt.Errorf("find or register thing %q: %w", thing, err)
	}
	var found struct {
		ARN string `json:"thingArn"`
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return fmt.Errorf("thing %q: %w", thing, err)
	}
	job := service.CreateJobInput{Targets: []string{found.ARN}, Document: document}
	if _, err := cloud.do(ctx, http.MethodPut, "/jobs/"+url.PathEscape(id), job); err != nil {
		return fmt.Errorf("create job %q: %w", id, err)
	}
	return nil
}

// follow prints what becomes of an execution until it is final.
func follow(body io.Reader, id string, w io.Writer) error {
	lines := json.NewDecoder(body)
	shown := map[string]string{}
	for {
		var e change
		if err := lines.Decode(&e); err != nil {
			return fmt.Errorf("follow job %q: %w", id, err)
		}
		show(w, e, shown)
		switch {
		case e.Deleted:
			return fmt.Errorf("job %s was deleted", id)
		case e.Status == service.Succeeded:
			return nil
		case e.Status.Final():
			return errors.New("job " + id + ": " + string(e.Status))
		}
	}
}

// show prints a status, and those details that are new.
func show(w io.Writer, e change, shown map[string]string) {
	fmt.Fprintf(w, "job %s on %s: %s\n", safeLine(e.JobID), safeLine(e.Thing), e.Status)
	for _, key := range slices.Sorted(maps.Keys(e.Details)) {
		if shown[key] != e.Details[key] {
			fmt.Fprint(w, block(key, e.Details[key]))
			shown[key] = e.Details[key]
		}
	}
}
