//go:build !exclude_jobs

package applets

import (
	"fmt"
	"io"
	"slices"
	"time"

	"jobbox/config"
	"jobbox/internal/logging"
	"jobbox/jobs"
)

func init() {
	register(Applet{
		Name:    "status",
		Usage:   "status [--connected] [OPTION...]",
		Summary: "show the job at work and the last ones",
		Help: `Reads the journal in the state directory that the agent's options name. It asks
neither the agent nor the cloud, and changes nothing. With --connected it only
says whether an agent of this device holds a session with the broker.

Exit status: 0, 1 if the journal cannot be read or no agent is connected, 78 the
configuration is wrong.
`,
		Run: runStatus,
	})
}

func runStatus(env *Env) int {
	args := slices.DeleteFunc(slices.Clone(env.Args), func(arg string) bool { return arg == "--connected" })
	c, rest, err := config.LoadLocal(args, env.Getenv)
	if err != nil {
		return configFailed(env, err)
	}
	if len(args) < len(env.Args) {
		return runConnected(env, c.Jobs.RunDir)
	}
	if len(rest) > 0 {
		fmt.Fprintf(env.Stderr, "jobbox status: %q is not an option\n", rest[0])
		return ExitUsage
	}
	report, err := jobs.ReadReport(c.Jobs.StateDir)
	if err != nil {
		fmt.Fprintf(env.Stderr, "jobbox status: %s\n", logging.Clean(err.Error()))
		return ExitFailure
	}
	printReport(env.Stdout, report)
	return ExitOK
}

func runConnected(env *Env, runDir string) int {
	pid, ok := present(runDir)
	if !ok {
		fmt.Fprintln(env.Stdout, "not connected")
		return ExitFailure
	}
	fmt.Fprintf(env.Stdout, "connected, pid %d\n", pid)
	return ExitOK
}

func printReport(w io.Writer, r jobs.Report) {
	if r.Job == "" {
		fmt.Fprintln(w, "no job at work")
	} else {
		fmt.Fprintf(w, "at work: job %s, execution %d: %s\n", r.Job, r.Number, logging.Clean(r.Doing))
	}
	for i := len(r.Recent) - 1; i >= 0; i-- {
		d := r.Recent[i]
		note := ""
		if !d.Delivered {
			note = " (not taken by the service)"
		}
		fmt.Fprintf(w, "%s  %-9s  %s, execution %d%s: %s\n", time.Unix(d.At, 0).UTC().Format(time.RFC3339), d.Status, d.Job, d.Number, note, logging.Clean(d.Reason))
	}
}
