package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"jobbox/sim/cloud"
	"jobbox/sim/device"
)

// thingPattern is AWS's (API reference, CreateThing).
var thingPattern = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)

func runInit(_ context.Context, c *call) error {
	s := defaults
	thing := c.flags.String("thing", "my-thing", "`NAME`, of the device")
	c.portFlags(&s)
	c.notes = "\nIn a directory that is there already another thing is added; its ports stay.\n"
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	if !thingPattern.MatchString(*thing) {
		return fmt.Errorf("thing name %q: want 1 to 128 of a-z A-Z 0-9 : _ -", *thing)
	}
	dir, err := filepath.Abs(words[0]) // the configuration holds it, and an agent may start anywhere
	if err != nil {
		return err
	}
	files, err := initialise(dir, *thing, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Device %s: %s\n\nNext:\n  jobsim serve %s\n  jobbox agent --config-file %s\n  jobsim run-job %s DOC.json --thing %s\n",
		*thing, files.Config, quote(dir), quote(files.Config), quote(dir), *thing)
	return nil
}

func initialise(dir, thing string, s settings) (device.Files, error) {
	if old, err := loadSettings(dir); err == nil {
		s = old
	}
	if err := s.pick(); err != nil {
		return device.Files{}, err
	}
	files := deviceFiles(dir, thing)
	if _, err := os.Stat(files.Dir); !errors.Is(err, os.ErrNotExist) {
		return files, fmt.Errorf("device %q is there already; to make it anew remove %q first", thing, files.Dir)
	}
	ca, err := cloud.Authority(dir)
	if err != nil {
		return files, err
	}
	if err := s.save(dir); err != nil {
		return files, err
	}
	return device.Equip(files.Dir, ca, thing, "localhost", s.MQTTPort)
}
