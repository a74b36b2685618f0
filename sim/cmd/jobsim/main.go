// Command jobsim is the cloud on a desk: a simulated AWS IoT for jobbox, its
// certificates, and a job to watch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// command is one of jobsim's.
type command struct {
	name    string
	usage   string
	summary string
	run     func(ctx context.Context, c *call) error
}

// commands is filled in init, since help lists them.
var commands []command

func init() {
	commands = []command{
		{"init", "init DIR [--thing NAME] [--mqtt-port N] [--alpn-port N] [--rest-port N]", "make certificates and a ready jobbox configuration", runInit},
		{"serve", "serve DIR [--mqtt-port N] [--alpn-port N] [--rest-port N] [--policy minimal|jobs] [--quiet]", "run the cloud until SIGTERM", runServe},
		{"run-job", "run-job DIR DOC.json [--thing NAME] [--job-id ID] [--timeout DURATION]", "run a job and print its statuses and details as they come", runJob},
		{"fault", "fault DIR FAULT [...]", "switch faults of the running cloud", runFault},
		{"help", "help [COMMAND]", "say more", runHelp},
	}
}

// errUsage has been explained to the user already.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries a command line out and returns the exit status: 0, 1 for a
// failure, 2 for a command line that makes no sense.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		printHelp(stdout)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "jobsim: no command %q; jobsim --help lists them\n", args[0])
		return 2
	}
	err := commands[i].run(ctx, newCall(commands[i], args[1:], stdout, stderr))
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(stderr, "jobsim %s: %s\n", args[0], safe(err.Error()))
	return 1
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, "jobsim: a simulated AWS IoT on this machine, for jobbox. Loopback only; REST signatures are not checked.\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  jobsim %s\n        %s\n", c.usage, c.summary)
	}
	fmt.Fprint(w, "\nBegin with: jobsim init DIR; jobsim serve DIR\n")
}

func runHelp(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		printHelp(c.stdout)
		return nil
	}
	i := slices.IndexFunc(commands, func(x command) bool { return x.name == c.args[0] && x.name != "help" })
	if i < 0 {
		return fmt.Errorf("no command %q; jobsim --help lists them", c.args[0])
	}
	return commands[i].run(ctx, newCall(commands[i], []string{"--help"}, c.stdout, c.stderr))
}

// call is a command with its arguments.
type call struct {
	command
	args           []string
	flags          *flag.FlagSet
	stdout, stderr io.Writer
	notes          string // more help
}

func newCall(c command, args []string, stdout, stderr io.Writer) *call {
	l := &call{command: c, args: args, stdout: stdout, stderr: stderr, flags: flag.NewFlagSet(c.name, flag.ContinueOnError)}
	l.flags.SetOutput(io.Discard)
	return l
}

// parse reads flags anywhere among the arguments and returns the others, of
// which there must be at least so many.
func (c *call) parse(atLeast, atMost int) ([]string, error) {
	var words []string
	rest := c.args
	for {
		if err := c.flags.Parse(rest); err != nil {
			return nil, c.explain(err)
		}
		if c.flags.NArg() == 0 {
			break
		}
		words, rest = append(words, c.flags.Arg(0)), c.flags.Args()[1:]
	}
	if len(words) < atLeast || len(words) > atMost {
		return nil, c.explain(errors.New("usage: jobsim " + c.usage))
	}
	return words, nil
}

// explain prints help where it was asked for, else what is wrong.
func (c *call) explain(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(c.stdout, "usage: jobsim %s\n%s\n\n", c.usage, c.summary)
		c.flags.VisitAll(func(f *flag.Flag) {
			value, text := flag.UnquoteUsage(f)
			fmt.Fprintf(c.stdout, "  %-26s %s\n", strings.TrimSpace("--"+f.Name+" "+value), strings.TrimPrefix(text, value+", "))
		})
		fmt.Fprint(c.stdout, c.notes)
		return err
	}
	fmt.Fprintf(c.stderr, "jobsim %s: %s\n", c.name, safe(err.Error()))
	return errUsage
}
