package config

import (
	"errors"
	"os"
	"slices"
)

// Where the file is looked for when nothing names one.
const (
	systemFile = "/etc/jobbox/jobbox.conf"
	homeFile   = "~/.aws-iot-device-client/aws-iot-device-client.conf"
	homeProxy  = "~/.aws-iot-device-client/http-proxy.conf"
)

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
