package config

import (
	"errors"
	"strings"

	"jobbox/internal/nearest"
)

// parseFlags reads a command line: --flag value and --flag=value in any order,
// what follows "--" and what begins with no dash is left over.
func parseFlags(args []string) (c contents, rest []string, err error) {
	c = newContents()
	var errs []error
	given := map[string]bool{}
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			rest = append(rest, args[1:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			rest, args = append(rest, arg), args[1:]
			continue
		}
		if args, err = c.flag(args, given); err != nil {
			errs = append(errs, err)
		}
	}
	return c, rest, errors.Join(errs...)
}

// flag takes the flag that args begins with, and its value; it returns what
// comes after.
func (c *contents) flag(args []string, given map[string]bool) ([]string, error) {
	arg, args := args[0], args[1:]
	name, text, hasText := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
	option, known := optionByFlag(name)
	foreign, takesValue, isForeign := foreignFlag(name)
	switch {
	case !strings.HasPrefix(arg, "--") || !known && !isForeign:
		// What follows is most likely its value; the error repeats no value, which
		// may be a secret.
		arg, _, _ = strings.Cut(arg, "=")
		isBare := hasText || len(args) == 0 || strings.HasPrefix(args[0], "-")
		return skipValue(args, isBare), errorf("%q is not an option that is known%s", arg, suggestFlag(name))
	case given[name]:
		err := errorf("--%s: is given twice; give it once", name)
		return skipValue(args, hasText || !known && !takesValue), err
	case known || takesValue:
		if !hasText && len(args) == 0 {
			return args, errorf("--%s: a value has to follow it", name)
		}
		if !hasText {
			text, args = args[0], args[1:]
		}
	case hasText:
		return args, errorf("--%s: takes no value, got %q", name, text)
	}
	given[name] = true
	if !known {
		c.foreign(foreign, name, text)
		return args, nil
	}
	if text == "" {
		return args, errorf("--%s: is empty; give it a value or leave it out", name)
	}
	c.values[option.name()] = value{label: "--" + name, text: text}
	return args, nil
}

// skipValue drops the value of a flag that was refused.
func skipValue(args []string, none bool) []string {
	if none || len(args) == 0 {
		return args
	}
	return args[1:]
}

// foreign notes a flag of the C++ client. Exactly "true" switches on, there as here.
func (c *contents) foreign(f feature, name, text string) {
	if name == f.enable {
		_, takesValue, _ := foreignFlag(name)
		c.features[f.name] = text == "true" || !takesValue
	}
}

func optionByFlag(name string) (option, bool) {
	for _, o := range options {
		if o.flag == name && name != "" {
			return o, true
		}
	}
	return option{}, false
}

func suggestFlag(name string) string {
	if name == "export-default-settings" {
		return "; docs/CONFIGURATION.md has a file to start from"
	}
	var names []string
	for _, o := range options {
		if o.flag != "" {
			names = append(names, o.flag)
		}
	}
	if near, ok := nearest.Find(strings.TrimLeft(name, "-"), append(names, allForeignFlags()...)); ok {
		return errorf("; did you mean %q?", "--"+near).Error()
	}
	return "; see \"jobbox agent --help\" for those that are"
}

// environment reads the variables of all options that have a flag. An empty one
// is as good as none.
func environment(getenv func(string) string) contents {
	c := newContents()
	for _, o := range options {
		if name := o.env(); name != "" && getenv(name) != "" {
			c.values[o.name()] = value{label: name, text: getenv(name)}
		}
	}
	return c
}
