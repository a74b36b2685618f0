package applets

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"jobbox/config"
	"jobbox/internal/logging"
	"jobbox/mqtt"
)

func init() {
	register(Applet{
		Name:     "agent",
		Usage:    "agent [--config-file FILE] [--FLAG VALUE ...]",
		Summary:  "take jobs from AWS IoT, run their steps, report how they went",
		HelpText: agentHelp,
		Run:      runAgent,
	})
}

func agentHelp() string {
	return config.Usage() + `
Signals: SIGTERM takes no more jobs, leaves a running step to itself, and exits
within 3 seconds; the next agent takes the step up. SIGINT ends the step first.
SIGHUP reads the configuration and the certificates again.

Exit status: 0 after a signal, 78 for a configuration that cannot be used.
`
}

const (
	// disconnectWithin is how long DISCONNECT may take once SIGTERM has come.
	disconnectWithin = 2500 * time.Millisecond
	// interruptWithin is how long SIGINT waits for the step's end and its report.
	interruptWithin = 20 * time.Second
)

// jobsPart is the Jobs feature as the agent sees it. A build without the
// feature has none.
type jobsPart interface {
	Run(ctx context.Context) error
	Handle(e mqtt.Event)
	Interrupt()
	Reload(c config.Config)
	// Turn returns once what is to do has been got on with.
	Turn()
}

// newJobs is set by the file that holds the Jobs feature, where it is built in.
var (
	newJobs       func(c config.Config, conn *mqtt.Client, log *logging.Logger) jobsPart
	subscriptions func(thing string) []string
	lock          func(stateDir string) (*os.File, error)
)

// agent is the process: a session, what is done over it, and the signals.
type agent struct {
	env    *Env
	config config.Config
	log    *logging.Logger
	sink   io.Closer // where the log goes
	lock   *os.File  // held open: this device has one agent
	client *mqtt.Client
	jobs   jobsPart // nil where jobs are not enabled or not built in
	above  supervisor
	// signals brings the agent's, SIGHUP from the very start: nobody who reloads
	// an agent that is still starting may end it.
	signals chan os.Signal
}

func runAgent(env *Env) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	c, err := config.Load(env.Args, env.Getenv)
	if err != nil {
		return configFailed(env, err)
	}
	a := &agent{env: env, config: c, above: findSupervisor(env.Getenv), signals: signals}
	if err := a.open(); err != nil {
		a.log.Errorf("agent: %v", err) // in the background there is no standard error
		return ExitFailure
	}
	defer func() { a.sink.Close() }()
	a.greet()
	a.above.tell("READY=1\nSTATUS=not connected")
	if err := a.run(); err != nil {
		a.log.Errorf("agent: %v", err)
		return ExitFailure
	}
	a.log.Infof("agent: stopped")
	return ExitOK
}

func (a *agent) open() (err error) {
	l := a.config.Log
	if a.log, a.sink, err = logging.Open(l.Type, l.File, l.Level); err != nil {
		// A log that cannot be written is no reason to lose the device.
		a.log.Errorf("agent: %v; the log goes to standard error", err)
	}
	if a.withJobs() {
		if a.lock, err = lock(a.config.Jobs.StateDir); err != nil {
			return err
		}
	}
	if a.client, err = mqtt.New(a.sessionOptions()); err != nil {
		return err
	}
	if a.withJobs() {
		a.jobs = newJobs(a.config, a.client, a.log)
	}
	return nil
}

func (a *agent) withJobs() bool { return newJobs != nil && a.config.Jobs.Enabled }

func (a *agent) sessionOptions() mqtt.Options {
	c := a.config
	o := mqtt.Options{
		Endpoint: c.Endpoint, Port: c.Port, ClientID: c.ThingName,
		Cert: c.Cert, Key: c.Key, RootCA: c.RootCA,
		KeepAlive: c.KeepAlive, BuildDate: BuildDate(), Version: Version(), Log: a.log,
	}
	if c.Proxy != nil {
		o.Proxy = &mqtt.Proxy{Host: c.Proxy.Host, Port: c.Proxy.Port, User: c.Proxy.User, Password: c.Proxy.Password}
	}
	if a.withJobs() {
		o.Subscriptions = subscriptions(c.ThingName)
	}
	return o
}

func (a *agent) greet() {
	c := a.config
	a.log.Infof("agent: jobbox %s, thing %s, endpoint %s port %d, configuration %s", Version(), c.ThingName, c.Endpoint, c.Port, orNone(c.File))
	for _, w := range c.Warnings {
		a.log.Warnf("config: %s", w)
	}
	switch {
	case newJobs == nil:
		a.log.Warnf("agent: built without jobs (EXCLUDE_JOBS): holds its connection and takes none")
	case !c.Jobs.Enabled:
		a.log.Warnf("agent: jobs.enabled is false: holds its connection and takes no jobs")
	}
}

func orNone(s string) string {
	if s == "" {
		return "from flags and environment alone"
	}
	return s
}

// run works until a signal ends it.
func (a *agent) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// SIGPIPE is caught, so that a closed standard output cannot kill the agent;
	// unlike an ignored signal, a caught one is back to its default in a child.
	signal.Notify(a.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)

	session, work := make(chan error, 1), make(chan error, 1)
	go func() { session <- a.client.Run(ctx) }()
	go a.pump(ctx)
	if a.jobs != nil {
		go func() { work <- a.jobs.Run(ctx) }()
	}
	err := a.attend(session, work)
	a.above.tell("STOPPING=1")
	cancel()
	select {
	case <-session:
	case <-time.After(disconnectWithin):
	}
	return err
}

// attend returns when the agent is to stop.
func (a *agent) attend(session, work chan error) error {
	var deadline <-chan time.Time
	beat, rest := a.above.beats()
	defer rest()
	for {
		select {
		case <-beat:
			go a.alive()
		case s := <-a.signals:
			if a.signalled(s, deadline != nil) {
				return nil
			}
			if s == syscall.SIGINT && deadline == nil {
				deadline = time.After(interruptWithin)
			}
		case <-deadline:
			a.log.Warnf("agent: the step did not end in %v: left to itself", interruptWithin)
			return nil
		case err := <-work:
			return err
		case err := <-session:
			session <- nil
			return err
		}
	}
}

// alive tells the supervisor that the agent gets on with its work: this is called
// by one loop and waits for the other.
func (a *agent) alive() {
	if a.jobs != nil {
		a.jobs.Turn()
	}
	a.above.tell("WATCHDOG=1")
}

// signalled says whether this signal ends the agent at once.
func (a *agent) signalled(s os.Signal, interrupted bool) bool {
	switch s {
	case syscall.SIGHUP:
		a.reload()
	case syscall.SIGTERM:
		a.log.Infof("agent: SIGTERM: stops; a running step goes on")
		return true
	case syscall.SIGINT:
		if a.jobs == nil || interrupted {
			return true
		}
		a.log.Infof("agent: SIGINT: ends the running step, then stops")
		a.jobs.Interrupt()
	}
	return false
}

// pump hands on what the session brings. jobs takes it as fast as it can
// decide; the session's own queue is bounded.
func (a *agent) pump(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-a.client.Events():
			if !ok {
				return
			}
			switch e.Kind {
			case mqtt.Connected:
				a.above.tell("STATUS=connected")
			case mqtt.Lost:
				a.above.tell("STATUS=not connected")
			}
			if a.jobs != nil {
				a.jobs.Handle(e)
			}
		}
	}
}

// reload is SIGHUP: a configuration with a mistake in it changes nothing.
func (a *agent) reload() {
	c, err := config.Load(a.env.Args, a.env.Getenv)
	if err != nil {
		a.log.Errorf("agent: SIGHUP: the old configuration stays: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	if c.ThingName != a.config.ThingName || c.Jobs.Enabled != a.config.Jobs.Enabled ||
		c.Jobs.StateDir != a.config.Jobs.StateDir || c.Jobs.RunDir != a.config.Jobs.RunDir {
		a.log.Warnf("agent: SIGHUP: thing-name, jobs.enabled, jobs.state-directory and jobs.run-directory change with a restart only")
		c.ThingName, c.Jobs.Enabled = a.config.ThingName, a.config.Jobs.Enabled
		c.Jobs.StateDir, c.Jobs.RunDir = a.config.Jobs.StateDir, a.config.Jobs.RunDir
	}
	a.config = c
	err = errors.Join(a.reopenLog(), a.client.Reload(a.sessionOptions()))
	if a.jobs != nil {
		a.jobs.Reload(c)
	}
	if err != nil {
		a.log.Errorf("agent: SIGHUP: %v", err)
		return
	}
	a.log.Infof("agent: SIGHUP: configuration and certificates read again")
}

func (a *agent) reopenLog() error {
	l := a.config.Log
	sink, err := a.log.Switch(l.Type, l.File, l.Level)
	if err != nil {
		return err
	}
	a.sink.Close()
	a.sink = sink
	return nil
}
