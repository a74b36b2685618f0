package exec

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jobbox/internal/jsontext"
)

// RunnerName is what the runner is called by, in argv[0] and in ps.
const RunnerName = "jobbox-runner"

// prepared is the runner's second argument once it is what its children are to
// inherit.
const prepared = "prepared"

// runnerConfig is what a runner is started with, as the one argument it has. A
// client compares the text with what it would start a runner with itself.
func runnerConfig(o Options) string {
	var w jsontext.Writer
	w.BeginObject()
	putInt(&w, "v", protocol)
	putText(&w, "runDir", o.RunDir)
	putText(&w, "stateDir", o.StateDir)
	putText(&w, "handlerDir", o.HandlerDir)
	w.Key("builtIn")
	w.Bool(o.BuiltIn != nil)
	putInt(&w, "graceUs", o.grace().Microseconds())
	l := o.Limits
	w.Key("noNewPrivs")
	w.Bool(l.NoNewPrivs)
	putInt(&w, "cpu", int64(l.CPU))
	putInt(&w, "addressSpace", int64(l.AddressSpace))
	putInt(&w, "openFiles", int64(l.OpenFiles))
	putInt(&w, "processes", int64(l.Processes))
	putInt(&w, "umask", int64(l.Umask))
	putInt(&w, "nice", int64(l.Nice))
	// The runner has these already; they are here to be compared.
	putText(&w, "environment", digest(strings.Join(runnerEnviron(), "\x00")))
	putText(&w, "program", fileMark(exeOf(o)[0]))
	w.EndObject()
	return string(w.Bytes())
}

// digest shortens a text that is only ever compared.
func digest(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return strconv.FormatUint(h.Sum64(), 16)
}

// fileMark tells one build of a program from the next.
func fileMark(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%d", st.Dev, st.Ino, st.Mtim.Nano())
}

func exeOf(o Options) []string {
	if len(o.Exe) == 0 {
		return []string{"/proc/self/exe"}
	}
	return o.Exe
}

func parseRunnerConfig(text string) (Options, error) {
	v, err := jsontext.Parse([]byte(text), maxMessage)
	if err != nil {
		return Options{}, err
	}
	f := fields{v: v}
	o := Options{
		RunDir: f.text("runDir"), StateDir: f.textOr("stateDir"), HandlerDir: f.textOr("handlerDir"),
		Grace: f.micros("graceUs"),
		Limits: Limits{
			NoNewPrivs: f.boolOr("noNewPrivs"),
			CPU:        f.limit("cpu"), AddressSpace: f.limit("addressSpace"),
			OpenFiles: f.limit("openFiles"), Processes: f.limit("processes"),
			Umask: int(f.int("umask")), Nice: int(f.intOr("nice")),
		},
	}
	o.limited, o.builtIn = o.Limits.needsLimited(), f.boolOr("builtIn")
	return o, f.err
}

func (f *fields) limit(key string) uint64 {
	n := f.intOr(key)
	if n < 0 {
		f.keep(f.v.Get(key).Errorf("want 0 or more, got %d", n))
	}
	return uint64(max(n, 0))
}

// runnerArgs reads the runner's command line.
func runnerArgs(args []string) (o Options, config string, ready bool, err error) {
	if len(args) < 1 || len(args) > 2 {
		return o, "", false, errors.New("this is the part of jobbox that the agent starts to run steps; it is not for the command line")
	}
	ready = len(args) == 2 && args[1] == prepared
	o, err = parseRunnerConfig(args[0])
	if err != nil {
		err = fmt.Errorf("configuration: %w", err)
	}
	return o, args[0], ready, err
}

// closeInherited closes what our parent has left open by accident: everything
// that Go opens itself is closed on exec, so the rest is not ours.
func closeInherited() { eachInherited(unix.Close) }

// keepInherited keeps such descriptors from our children.
func keepInherited() {
	eachInherited(func(fd int) error {
		unix.CloseOnExec(fd)
		return nil
	})
}

func eachInherited(f func(fd int) error) {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		var fd int
		if fd, err = strconv.Atoi(name); err != nil || fd < 3 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = f(fd)
		}
	}
}
