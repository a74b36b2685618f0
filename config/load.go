package config

import (
	"errors"
	"os"
	"slices"
	"time"

	"jobbox/internal/logging"
)

// Where the file is looked for when nothing names one.
const (
	systemFile = "/etc/jobbox/jobbox.conf"
	homeFile   = "~/.aws-iot-device-client/aws-iot-device-client.conf"
	homeProxy  = "~/.aws-iot-device-client/http-proxy.conf"
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

// read takes in all sources and returns what of args is no option.
func (d *draft) read(args []string) []string {
	flags, rest, err := parseFlags(args)
	d.fail(err)
	env := environment(d.home.getenv)
	d.findFile(env, flags)
	file := d.readFile()
	for _, o := range options[1:] { // the first is the file itself
		d.apply(o, file, env, flags)
	}
	d.homeDefaults()
	d.nameFeatures(file, flags)
	d.Warnings = append(d.Warnings, file.warnings...)
	return rest
}

// apply sets an option to the last of the sources that has it. Only the value
// that counts is judged.
func (d *draft) apply(o option, sources ...contents) {
	for _, source := range slices.Backward(sources) {
		if v, ok := source.values[o.name()]; ok {
			d.labels[o.name()] = v.label
			d.fail(o.set(d, v))
			return
		}
	}
}

// label is what the operator calls an option: as it was given, else its own name.
func (d *draft) label(name string) string {
	if l, ok := d.labels[name]; ok {
		return l
	}
	return name
}

// findFile settles which file is read, if any. A file that is named has to be
// there, the others need not.
func (d *draft) findFile(env, flags contents) {
	d.apply(options[0], env, flags)
	if _, named := d.labels[options[0].name()]; named {
		return
	}
	candidates := []string{d.systemFile}
	if p, err := d.home.path(homeFile); err == nil {
		candidates = append(candidates, p)
	}
	for _, p := range candidates {
		if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
			d.File = p
			return
		}
	}
}

func (d *draft) readFile() contents {
	if d.File == "" {
		return newContents()
	}
	data, err := d.readChecked(d.File, maxFile, othersWrite)
	if err != nil {
		d.fail(errorf("configuration file: %w", err))
		return newContents()
	}
	c, err := Parse(data)
	if errors.Is(err, errNotJSON) {
		err = errorf("configuration file: %q: %w", d.File, err)
	}
	d.errs = append(d.errs, split(err)...)
	return c
}

// homeDefaults puts in what lies in the home directory.
func (d *draft) homeDefaults() {
	if _, given := d.labels["jobs.handler-directory"]; given {
		return
	}
	p, err := d.home.path("~/.aws-iot-device-client/jobs")
	if err != nil {
		d.fail(errorf("jobs.handler-directory: %w", err))
	}
	d.Jobs.HandlerDir = p
}

// nameFeatures warns once of each feature that is on and that jobbox lacks.
func (d *draft) nameFeatures(file, flags contents) {
	for _, f := range features {
		on := file.features[f.name]
		if byFlag, given := flags.features[f.name]; given {
			on = byFlag
		}
		if on {
			d.Warnings = append(d.Warnings, f.warning())
		}
	}
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
