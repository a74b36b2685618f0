package exec

import (
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// idleTime is how long a runner with nothing to do waits for the next step.
	idleTime = 10 * time.Second
	// tendTime is how often a runner looks after what it could not write, and
	// whether its run directory is still there.
	tendTime = 2 * time.Second
)

// RunnerOptions is what the program that the runner is part of gives to it.
type RunnerOptions struct {
	BuiltIn func(name string) ([]byte, bool) // jobbox's own handlers
}

// RunnerMain is the main function of jobbox-runner; it returns the exit status.
// The client that starts it reads one message from its standard output: that it
// serves, that another does, or why it cannot.
func RunnerMain(o RunnerOptions) int {
	if len(os.Args) > 1 && os.Args[1] == limitedArg {
		return limitedMain(os.Args[2:])
	}
	debug.SetGCPercent(20)
	opts, config, ready, err := runnerArgs(os.Args[1:])
	if opts.builtIn {
		opts.BuiltIn = o.BuiltIn
	}
	if err == nil && !ready && needsPrepare(opts.Limits) {
		err = prepare(opts.Limits, config)
	}
	if err == nil {
		err = serve(opts, config)
	}
	if err != nil {
		report(startAnswer(err))
		return 1
	}
	return 0
}

// startAnswer is what the client is told of a runner that will not serve.
func startAnswer(err error) event {
	if errors.Is(err, errTaken) {
		return event{name: "busy"}
	}
	return event{name: "error", text: oneLine(err)}
}

// report answers the client that has started us, and lets go of it.
func report(e event) {
	_, _ = os.Stdout.Write(append(e.encode(), '\n'))
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(null)
	for fd := range 3 {
		_ = unix.Dup3(null, fd, 0)
	}
}

// A server is a runner at work.
type server struct {
	opts   Options
	config string
	self   Identity
	down   chan struct{} // closed when we are told to end: the machine goes down
	quit   chan struct{} // closed when there is nothing left to do

	mu      sync.Mutex
	place   *place
	retired bool
	tasks   map[string]*task  // running
	unsaved map[string]Result // ended, and the run directory would not take it
	peers   int               // connections
	held    int               // outputs that something left behind holds open
	idle    *time.Timer
}

// serve is the runner's life.
func serve(opts Options, config string) error {
	closeInherited()
	down := catchSignals()
	self, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	s := &server{
		opts: opts, config: config, self: self, down: down, quit: make(chan struct{}),
		tasks: make(map[string]*task), unsaved: make(map[string]Result),
	}
	if s.place, err = occupy(opts.RunDir, self); err != nil {
		return err
	}
	clearCopies(opts)
	// ps and killall go by this name; by itself it would be "exe".
	_ = os.WriteFile("/proc/self/comm", []byte(RunnerName), 0)
	report(event{name: "hello", runner: self, config: config})
	s.live()
	return nil
}

// live serves until there is nothing to do any more or the machine goes down.
func (s *server) live() {
	s.mu.Lock()
	go s.accept(s.place)
	s.settleLocked()
	s.mu.Unlock()
	tend := time.NewTicker(tendTime)
	defer tend.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-s.down:
			return
		case <-tend.C:
			s.tend()
		}
	}
}

// catchSignals takes SIGTERM, and all those signals that a parent may have had
// ignored: what Go catches, a child starts with as by default.
func catchSignals() chan struct{} {
	others := make(chan os.Signal, 1)
	signal.Notify(others, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGPWR)
	down := make(chan struct{})
	go func() {
		<-term
		close(down)
	}()
	return down
}

// settleLocked lets the runner end once it has been idle for long enough; one
// that has been retired ends as soon as it can.
func (s *server) settleLocked() {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if len(s.tasks) > 0 || len(s.unsaved) > 0 || s.held > 0 {
		return
	}
	switch {
	case s.retired:
		s.quitLocked()
	case s.peers == 0:
		s.idle = time.AfterFunc(idleTime, s.endIdle)
	}
}

func (s *server) endIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) > 0 || len(s.unsaved) > 0 || s.held > 0 || s.peers > 0 || s.retired {
		return
	}
	s.retireLocked()
	s.quitLocked()
}

func (s *server) quitLocked() {
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
}

// retireLocked makes room for another runner.
func (s *server) retireLocked() {
	s.retired = true
	s.place.leave()
}

// change is for every change of what settleLocked looks at.
func (s *server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.settleLocked()
}

// tend writes again what could not be written, and comes back where the run
// directory has been removed under us (a service manager that cleans up).
func (s *server) tend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.retired && s.place.lost() {
		s.moveLocked()
	}
	for id, r := range s.unsaved {
		if writeResult(s.opts.RunDir, id, r) == nil {
			delete(s.unsaved, id)
			s.settleLocked()
		}
	}
}

func (s *server) moveLocked() {
	s.place.close()
	p, err := occupy(s.opts.RunDir, s.self)
	if err != nil {
		return // or another runner is there by now; our results go there all the same
	}
	s.place = p
	go s.accept(p)
	for _, t := range s.tasks {
		_ = writeMarker(s.opts.RunDir, t.marker)
	}
}
