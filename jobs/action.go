package jobs

import (
	"jobbox/internal/jsontext"
)

// parseStep reads one element of steps, or the finalStep: an object that holds
// an action.
func parseStep(v jsontext.Value) (step Step, err error) {
	if _, err := v.Object(); err != nil {
		return step, err
	}
	action := v.Get("action")
	if _, err := action.Object(); err != nil {
		return step, err
	}
	step.Path = action.Path()
	if step.Name, err = required(action.Get("name")); err != nil {
		return step, err
	}
	if step.RunAsUser, err = parameter(action.Get("runAsUser")); err != nil {
		return step, err
	}
	if step.IgnoreFailure, err = boolean(action.Get("ignoreStepFailure")); err != nil {
		return step, err
	}
	if step.AllowStdErr, err = count(action.Get("allowStdErr"), noLimit); err != nil {
		return step, err
	}
	return step, step.parseInput(action.Get("type"), action.Get("input"))
}

func (s *Step) parseInput(kind, input jsontext.Value) error {
	name, err := kind.Text()
	if err != nil {
		return err
	}
	if name != "runHandler" && name != "runCommand" {
		return kind.Errorf(`want "runHandler" or "runCommand", got %q`, cut(name, 64))
	}
	if _, err := input.Object(); err != nil {
		return err
	}
	if name == "runCommand" {
		s.Command, err = parseCommand(input.Get("command"))
		return err
	}
	s.Handler, err = parseHandler(input)
	return err
}

func parseHandler(input jsontext.Value) (h *Handler, err error) {
	h = new(Handler)
	if h.Name, err = required(input.Get("handler")); err != nil {
		return nil, err
	}
	if h.Args, err = optionalTexts(input.Get("args")); err != nil {
		return nil, err
	}
	if h.Dir, err = parameter(input.Get("path")); err != nil {
		return nil, err
	}
	return h, nil
}
