//go:build !exclude_jobs

package applets

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"jobbox/config"
	"jobbox/exec"
	"jobbox/internal/logging"
	"jobbox/jobs"
)

func init() {
	checkDocument = jobs.CheckDocument
	register(Applet{
		Name:    "run",
		Usage:   "run [OPTION...] DOCUMENT",
		Summary: "run a job document here and now, without the cloud",
		Help: `Runs the steps of a job document ("-" for standard input) as the agent would,
and prints what it would report. The options are the agent's; of them only those
about jobs matter, and no certificate is needed. Nothing is sent anywhere, and
nothing is run a second time: exit status 194 of a step is a failure here.
SIGINT, SIGTERM and SIGHUP end the step at work.

Exit status: 0 SUCCEEDED, 1 FAILED, 2 REJECTED, 78 the configuration is wrong.
`,
		Run: runLocal,
	})
}

func runLocal(env *Env) int {
	c, names, err := config.LoadLocal(env.Args, env.Getenv)
	if err != nil {
		return configFailed(env, err)
	}
	if len(names) != 1 {
		fmt.Fprintln(env.Stderr, `jobbox run: want one job document; "jobbox run --help" says more`)
		return ExitUsage
	}
	data, err := readDocument(env, names[0])
	if err != nil {
		fmt.Fprintf(env.Stderr, "jobbox run: %s: %v\n", logging.Clean(names[0]), err)
		return ExitFailure
	}
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	dir, err := os.MkdirTemp("", "jobbox-run")
	if err != nil {
		fmt.Fprintf(env.Stderr, "jobbox run: %v\n", err)
		return ExitFailure
	}
	defer os.RemoveAll(dir)
	// Steps of other users get to private copies of handlers below it.
	if err := os.Chmod(dir, 0o711); err != nil {
		fmt.Fprintf(env.Stderr, "jobbox run: %v\n", err)
		return ExitFailure
	}
	return runSteps(ctx, env, c, data, dir)
}

func runSteps(ctx context.Context, env *Env, c config.Config, data []byte, dir string) int {
	options := stepOptions(c, nil)
	options.RunDir, options.StateDir = filepath.Join(dir, "run"), dir
	runner := exec.NewClient(options)
	defer runner.Close()
	run := func(s exec.Step) exec.Result { return runOne(ctx, runner, s) }
	said := func(line string) { fmt.Fprintln(env.Stderr, logging.Clean(line)) }
	status, details := jobs.Local(data, jobRules(c), run, said)
	printDetails(env.Stdout, status, details)
	switch status {
	case jobs.Succeeded:
		return ExitOK
	case jobs.Rejected:
		return ExitUsage
	}
	return ExitFailure
}

// askAgain is how often the end of a step is asked for: it may not have begun.
const askAgain = 100 * time.Millisecond

// runOne runs a step under a runner, as the agent does: what it is held to and
// kept from, the terminal above all, is the runner's work. The end of ctx ends
// the step.
func runOne(ctx context.Context, runner *exec.Client, s exec.Step) exec.Result {
	if ctx.Err() != nil {
		return exec.Result{Ended: true}
	}
	over, finish := context.WithCancel(context.Background())
	defer finish()
	go func() {
		select {
		case <-ctx.Done():
		case <-over.Done():
		}
		for over.Err() == nil {
			_ = runner.End(over, s.ID)
			time.Sleep(askAgain)
		}
	}()
	result, _ := runner.Run(over, s, nil) // the only error is the end of over
	return result
}

// printDetails shows what would be reported; a terminal must not be written to
// by what a step wrote, so everything is quoted.
func printDetails(w io.Writer, status jobs.Status, d jobs.Details) {
	fmt.Fprintf(w, "status  %s\nreason  %s\n", status, d.Reason)
	if d.Stdout != "" {
		fmt.Fprintf(w, "stdout  %s\n", strconv.Quote(d.Stdout))
	}
	if d.Stderr != "" {
		fmt.Fprintf(w, "stderr  %s\n", strconv.Quote(d.Stderr))
	}
}
