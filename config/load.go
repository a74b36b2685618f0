package config

import (
	"errors"
	"os"
	"time"

	"jobbox/internal/logging"
)

// draft is a Config in the making.
type draft struct {
	Config
	home       homeFinder
	systemFile string
	proxyFile  string
	now        time.Time
	labels     map[string]string // by option name: what the value that counts was called where it stood
	errs       []error
}

// Load puts a Config together from the built-in defaults, the file, the
// environment and the command line (without the program's name), later ones
// winning, and checks it and the files that it names. The error joins all that
// is wrong, each part "key: what is wrong; what to do about it".
func Load(args []string, getenv func(string) string) (Config, error) {
	return newDraft(getenv).load(args)
}

// LoadArgs is Load for a command line that holds more than options; it returns
// the rest of it.
func LoadArgs(args []string, getenv func(string) string) (Config, []string, error) {
	d := newDraft(getenv)
	rest := d.read(args)
	c, err := d.checked()
	return c, rest, err
}

// LoadLocal is LoadArgs for a program that only concerns this device: endpoint,
// thing name, certificates and proxy may be missing and are not looked into.
func LoadLocal(args []string, getenv func(string) string) (Config, []string, error) {
	d := newDraft(getenv)
	rest := d.read(args)
	return d.Config, rest, errors.Join(d.errs...)
}

func (d *draft) load(args []string) (Config, error) {
	if rest := d.read(args); len(rest) > 0 {
		d.fail(errorf("%q: is no option; options begin with --", rest[0]))
	}
	return d.checked()
}

func (d *draft) checked() (Config, error) {
	d.checkCloud()
	d.checkDirs()
	return d.Config, errors.Join(d.errs...)
}

func newDraft(getenv func(string) string) *draft {
	return &draft{
		Config:     Default(),
		home:       homeFinder{getenv, "/etc/passwd", os.Geteuid()},
		systemFile: systemFile,
		now:        time.Now(),
		labels:     map[string]string{},
	}
}

// Default is the configuration before anything is read. Directories in the home
// directory are put in when the rest is known.
func Default() Config {
	return Config{
		Port:      defaultPort,
		KeepAlive: defaultKeepAlive,
		Log:       Log{Level: logging.Info, Type: LogStdout, File: defaultLogFile},
		Jobs: Jobs{
			Enabled:       true,
			StateDir:      "/var/lib/jobbox",
			RunDir:        "/run/jobbox",
			MaxAttempts:   3,
			RebootCommand: []string{"reboot"},
			Allow:         Allow{RunCommand: true, AnyPath: true, AnyUser: true, BuiltIn: true},
		},
	}
}

func (d *draft) fail(err error) {
	if err != nil {
		d.errs = append(d.errs, err)
	}
}

func (d *draft) warn(format string, args ...any) {
	d.Warnings = append(d.Warnings, errorf(format, args...).Error())
}

// split takes apart what errors.Join has put together.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, split(e)...)
		}
		return out
	}
	return []error{err}
}

// Problems takes apart an error of Load: one for each thing that is wrong.
func Problems(err error) []error { return split(err) }
