package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the jobs section.
const (
	maxStepTimeout  = 7 * 24 * 3600 // seconds
	maxAttempts     = 100
	minAddressSpace = 64 << 20 // bytes; below it the runner itself could not live
	minOpenFiles    = 32
)

// jobOptions are accepted by a build without the Jobs feature too, so that one
// file serves both.
var jobOptions = []option{
	{"jobs.enabled", "enable-jobs", "true|false", "true", "false: stay connected and take no jobs", setBool(func(d *draft) *bool { return &d.Jobs.Enabled })},
	{"jobs.handler-directory", "jobs-handler-dir", "DIR", "~/.aws-iot-device-client/jobs/", "where the job handlers are", setPath(func(d *draft) *string { return &d.Jobs.HandlerDir })},
	{"jobs.state-directory", "state-dir", "DIR", "/var/lib/jobbox", "what has to survive a reboot", setPath(func(d *draft) *string { return &d.Jobs.StateDir })},
	{"jobs.run-directory", "run-dir", "DIR", "/run/jobbox", "what has to survive the agent, but no reboot", setPath(func(d *draft) *string { return &d.Jobs.RunDir })},
	{"jobs.step-timeout", "step-timeout", "SECONDS", "0", "0 to 604800; how long a step may take, 0 for as long as it likes", setSeconds(func(d *draft) *time.Duration { return &d.Jobs.StepTimeout }, 0, maxStepTimeout)},
	{"jobs.max-attempts", "", "", "3", "1 to 100; how often a step is run that takes the device down with it", setInt(func(d *draft) *int { return &d.Jobs.MaxAttempts }, 1, maxAttempts)},
	{"jobs.reboot-command", "", "", `["reboot"]`, "what restarts the device, an array of words; run for exit status 194", setRebootCommand},
	{"jobs.allow.run-command", "", "", "true", "whether the cloud may send runCommand steps", setBool(func(d *draft) *bool { return &d.Jobs.Allow.RunCommand })},
	{"jobs.allow.paths", "", "", "", `where handlers may be run from: "default" for the handler directory, or an array of directories and "default"; without it anywhere`, setAllowPaths},
	{"jobs.allow.users", "", "", "", "the users that a step may run as, an array of names; without it anybody", setAllowUsers},
	{"jobs.allow.built-in", "", "", "true", "whether jobbox's own handlers may be run", setBool(func(d *draft) *bool { return &d.Jobs.Allow.BuiltIn })},
	{"jobs.limits.no-new-privs", "", "", "false", "true: no step gains rights by setuid, setgid or file capabilities", setBool(func(d *draft) *bool { return &d.Jobs.Limits.NoNewPrivs })},
	{"jobs.limits.cpu-seconds", "", "", "", "1 or more; processor time of one process", setLimit(func(l *Limits) **uint64 { return &l.CPUSeconds }, 1, 1<<31-1)},
	{"jobs.limits.address-space", "", "", "", "67108864 (64 MiB) or more; bytes of address space of one process", setLimit(func(l *Limits) **uint64 { return &l.AddressSpace }, minAddressSpace, 1<<53)},
	{"jobs.limits.open-files", "", "", "", "32 or more; open files of one process", setLimit(func(l *Limits) **uint64 { return &l.OpenFiles }, minOpenFiles, 1<<20)},
	{"jobs.limits.processes", "", "", "", "1 or more; processes of the step's user; root is not held to it", setLimit(func(l *Limits) **uint64 { return &l.Processes }, 1, 1<<22)},
	{"jobs.limits.umask", "", "", "", `octal in a string, "000" to "777"; without it the agent's`, setUmask},
	{"jobs.limits.nice", "", "", "0", "-20 to 19; 0 leaves the agent's own", setNice},
}

func setRebootCommand(d *draft, v value) error {
	words, err := v.list()
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return v.errorf(`is empty; leave it out for ["reboot"]`)
	}
	d.Jobs.RebootCommand = words
	return nil
}

func setAllowPaths(d *draft, v value) error {
	if s, err := v.json.Text(); err == nil {
		if s != DefaultPath {
			return v.errorf("want %q or an array of directories, got %q", DefaultPath, s)
		}
		d.Jobs.Allow.Paths, d.Jobs.Allow.AnyPath = []string{DefaultPath}, false
		return nil
	}
	if _, err := v.json.Array(); err != nil {
		return v.errorf("want %q or an array of directories, got %s", DefaultPath, v.json.Kind())
	}
	dirs, err := v.list()
	if err != nil {
		return err
	}
	for i, dir := range dirs {
		if dirs[i], err = d.allowedDir(dir); err != nil {
			return v.errorf("%w", err)
		}
	}
	d.Jobs.Allow.Paths, d.Jobs.Allow.AnyPath = dirs, false
	return nil
}

// allowedDir wants an absolute directory: where the agent happens to stand is
// no part of a policy.
func (d *draft) allowedDir(dir string) (string, error) {
	if dir == DefaultPath {
		return dir, nil
	}
	if !strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, "~") {
		return "", errorf("%q is not absolute; begin it with a slash", dir)
	}
	return d.home.path(dir)
}

func setAllowUsers(d *draft, v value) error {
	names, err := v.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !isUserName(name) {
			return v.errorf("%q is no user's name; want a name as in /etc/passwd", name)
		}
	}
	d.Jobs.Allow.Users, d.Jobs.Allow.AnyUser = slices.Clip(names), false
	return nil
}

// isUserName leaves out what /etc/passwd cannot hold in its first field.
func isUserName(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == ':' || r == '/'
	})
}

func setUmask(d *draft, v value) error {
	s, err := v.str()
	if err != nil {
		return v.errorf(`want a string of octal digits such as "022", got %s`, v.json.Kind())
	}
	n, err := strconv.ParseUint(s, 8, 9)
	if err != nil {
		return v.errorf(`want octal digits, "000" to "777", got %q`, s)
	}
	mask := int(n)
	d.Jobs.Limits.Umask = &mask
	return nil
}

func setNice(d *draft, v value) error {
	n, err := v.integer(-20, 19, "")
	if err == nil {
		nice := int(n)
		d.Jobs.Limits.Nice = &nice
	}
	return err
}
