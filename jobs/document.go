package jobs

import (
	"jobbox/internal/jsontext"
)

// MaxDocument is the longest job document in bytes (AWS IoT Jobs quota).
const MaxDocument = 32 * 1024

// Document is a job document that has passed every rule: what is to be run, in
// order. SPEC section 1 has the rules.
type Document struct {
	IncludeStdOut bool
	Steps         []Step // with finalStep, where there is one, as the last
	Final         bool   // the last of Steps is the finalStep
	Conditions    bool   // the document has conditions, which are not evaluated
}

// Step is one action of a document.
type Step struct {
	Name          string
	Path          string // where it stands in the document: steps[1].action
	RunAsUser     string // "" is the agent's own user
	IgnoreFailure bool
	AllowStdErr   int64 // -1 where any number of lines is allowed
	Command       []string
	Handler       *Handler // nil where Command is set
}

// Handler is the input of a runHandler action.
type Handler struct {
	Name string
	Dir  string // "" is absent, "default" the handler directory
	Args []string
}

// noLimit is an AllowStdErr that is not given.
const noLimit = -1

// parseDocument reads a document of either schema.
func parseDocument(v jsontext.Value) (Document, error) {
	if _, err := v.Object(); err != nil {
		return Document{}, err
	}
	if err := v.Unique(); err != nil {
		return Document{}, err
	}
	if version := v.Get("version"); version.Kind() != "nothing" {
		return parseNew(v, version)
	}
	if operation := v.Get("operation"); operation.Exists() {
		return parseOld(v)
	}
	return Document{}, v.Errorf("want a version (%q) or an operation, got neither", "1.0")
}

func parseNew(v, version jsontext.Value) (doc Document, err error) {
	text, err := version.Text()
	if err != nil {
		return doc, err
	}
	if text != "1.0" {
		return doc, version.Errorf(`want "1.0", got %q`, cut(text, 64))
	}
	if doc.IncludeStdOut, err = boolean(v.Get("includeStdOut")); err != nil {
		return doc, err
	}
	if doc.Conditions, err = checkConditions(v.Get("conditions")); err != nil {
		return doc, err
	}
	if doc.Steps, err = parseSteps(v.Get("steps")); err != nil {
		return doc, err
	}
	if final := v.Get("finalStep"); final.Exists() {
		step, err := parseStep(final)
		if err != nil {
			return doc, err
		}
		doc.Steps, doc.Final = append(doc.Steps, step), true
	}
	return doc, nil
}

func parseSteps(v jsontext.Value) ([]Step, error) {
	items, err := v.Array()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, v.Errorf("want at least one step, got none")
	}
	steps := make([]Step, 0, len(items)+1)
	for _, item := range items {
		step, err := parseStep(item)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// checkConditions only checks their form: {key, value: [strings], type}.
func checkConditions(v jsontext.Value) (bool, error) {
	if !v.Exists() {
		return false, nil
	}
	items, err := v.Array()
	if err != nil {
		return false, err
	}
	for _, item := range items {
		if _, err := required(item.Get("key")); err != nil {
			return false, err
		}
		if _, err := texts(item.Get("value")); err != nil {
			return false, err
		}
		if _, err := optional(item.Get("type")); err != nil {
			return false, err
		}
	}
	return len(items) > 0, nil
}

// parseOld reads the old schema: one runHandler step named after its operation.
func parseOld(v jsontext.Value) (doc Document, err error) {
	step := Step{Path: v.Path()}
	step.Name, err = required(v.Get("operation"))
	if err != nil {
		return doc, err
	}
	step.Handler = &Handler{Name: step.Name}
	if step.Handler.Dir, err = parameter(v.Get("path")); err != nil {
		return doc, err
	}
	if step.Handler.Args, err = optionalTexts(v.Get("args")); err != nil {
		return doc, err
	}
	if doc.IncludeStdOut, err = boolean(v.Get("includeStdOut")); err != nil {
		return doc, err
	}
	if step.AllowStdErr, err = count(v.Get("allowStdErr"), 0); err != nil {
		return doc, err
	}
	doc.Steps = []Step{step}
	return doc, nil
}
