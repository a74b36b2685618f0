package service

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Template is a managed job template of AWS (developer guide,
// job-templates-managed).
type Template struct {
	Name        string
	Description string
	Version     string
	Parameters  []TemplateParameter
	Document    string // with ${aws:iot:parameter:KEY} in it
}

// A TemplateParameter is one of documentParameters.
type TemplateParameter struct {
	Key         string
	Description string
	Regex       string
	Example     string
	Optional    bool
}

var (
	pathParameter = TemplateParameter{"pathToHandler", "Directory on the device that holds the handler.", "(.){0,4096}", "/home/ubuntu/.aws-iot-device-client/jobs", true}
	userParameter = TemplateParameter{"runAsUser", "Local user on the device that runs the handler.", "(.){0,256}", "root", true}
)

// Templates are all managed templates by name.
func Templates() []Template {
	packages := func(verb string) TemplateParameter {
		return TemplateParameter{"packages", "Space-separated list of packages to " + verb + ".", "(.)+", "wget curl", false}
	}
	services := func(verb string) TemplateParameter {
		return TemplateParameter{"services", "Space-separated list of services to " + verb + ".", "(.)+", "httpd", false}
	}
	download := []TemplateParameter{
		{"downloadUrl", "URL of the file, public or presigned.", "(.)+", "http://www.example.com/index.html", false},
		{"filePath", "Path of the file on the device.", "(.)+", "/tmp/index.html", false},
	}
	return []Template{
		handlerTemplate("Download-File", "Downloads a file to the device.", "download-file.sh", download...),
		handlerTemplate("Install-Application", "Installs packages on the device.", "install-packages.sh", packages("install")),
		handlerTemplate("Reboot", "Reboots the device.", "reboot.sh"),
		handlerTemplate("Remove-Application", "Removes packages from the device.", "remove-packages.sh", packages("remove")),
		handlerTemplate("Restart-Application", "Restarts services on the device.", "restart-services.sh", services("restart")),
		runCommandTemplate(),
		handlerTemplate("Start-Application", "Starts services on the device.", "start-services.sh", services("start")),
		handlerTemplate("Stop-Application", "Stops services on the device.", "stop-services.sh", services("stop")),
	}
}

// FindTemplate returns the managed template of a name such as AWS-Reboot.
func FindTemplate(name string) (Template, error) {
	for _, t := range Templates() {
		if t.Name == name {
			return t, nil
		}
	}
	return Template{}, refuse(ResourceNotFound, "Managed job template %q not found", name)
}

// TemplateARN is the ARN of a managed template, which has no account.
func (s *Service) TemplateARN(t Template) string {
	return "arn:aws:iot:" + s.o.Region + "::jobtemplate/" + t.Name + ":" + t.Version
}

type document struct {
	Version string `json:"version"`
	Steps   []step `json:"steps"`
}

type step struct {
	Action action `json:"action"`
}

type action struct {
	Name      string      `json:"name"`
	Type      string      `json:"type"`
	Input     actionInput `json:"input"`
	RunAsUser string      `json:"runAsUser"`
}

type actionInput struct {
	Handler string   `json:"handler,omitempty"`
	Args    []string `json:"args,omitempty"`
	Path    string   `json:"path,omitempty"`
	Command string   `json:"command,omitempty"`
}

// handlerTemplate is one step that runs a handler; its arguments are the
// template's own parameters in order.
func handlerTemplate(name, description, handler string, args ...TemplateParameter) Template {
	in := actionInput{Handler: handler, Path: reference(pathParameter.Key)}
	for _, a := range args {
		in.Args = append(in.Args, reference(a.Key))
	}
	return template(name, description, action{name, "runHandler", in, reference(userParameter.Key)}, append(args, pathParameter, userParameter))
}

func runCommandTemplate() Template {
	command := TemplateParameter{"command", "Comma-separated command; a comma inside it is escaped by a backslash.", "(.)+", "echo,Hello", false}
	a := action{"Run-Command", "runCommand", actionInput{Command: reference(command.Key)}, reference(userParameter.Key)}
	return template("Run-Command", "Runs a command on the device.", a, []TemplateParameter{command, userParameter})
}

func template(name, description string, a action, parameters []TemplateParameter) Template {
	d := document{Version: "1.0", Steps: []step{{a}}}
	return Template{"AWS-" + name, description, "1.0", parameters, string(encode(d))}
}

func reference(key string) string { return "${aws:iot:parameter:" + key + "}" }

var (
	parameterPattern = regexp.MustCompile(`\$\{aws:iot:parameter:([a-zA-Z0-9_-]+)\}`)
	templateARN      = regexp.MustCompile(`^arn:aws[a-z-]*:iot:[a-z0-9-]*::jobtemplate/([^:]+)(?::([^:]+))?$`)
)

// fromTemplate makes a job's document from a managed template. What AWS puts
// for an optional parameter that was left out is not documented: an empty
// string here, or the placeholder itself (Options.KeepUnsetParameters).
func (s *Service) fromTemplate(in CreateJobInput) (string, error) {
	m := templateARN.FindStringSubmatch(in.JobTemplateARN)
	if m == nil {
		return "", notSimulated("a job template of one's own (jobTemplateArn other than arn:aws:iot:REGION::jobtemplate/AWS-NAME:VERSION)")
	}
	t, err := FindTemplate(m[1])
	if err != nil {
		return "", err
	}
	if m[2] != "" && m[2] != t.Version {
		return "", refuse(ResourceNotFound, "Managed job template %q has no version %q", t.Name, m[2])
	}
	if err := t.check(in.DocumentParameters); err != nil {
		return "", err
	}
	return parameterPattern.ReplaceAllStringFunc(t.Document, func(ref string) string {
		value, given := in.DocumentParameters[parameterPattern.FindStringSubmatch(ref)[1]]
		if !given && s.o.KeepUnsetParameters {
			return ref
		}
		return inString(value)
	}), nil
}

func (t Template) check(given map[string]string) error {
	var known []string
	for _, p := range t.Parameters {
		known = append(known, p.Key)
		if _, ok := given[p.Key]; !ok && !p.Optional {
			return invalid("template %s needs the document parameter %q", t.Name, p.Key)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if err := checkPattern(paramPattern, k, "documentParameters"); err != nil {
			return err
		}
		if !slices.Contains(known, k) {
			return invalid("template %s has no document parameter %q; it has %s", t.Name, k, strings.Join(known, ", "))
		}
		if err := checkParameter(k, given[k]); err != nil {
			return err
		}
	}
	return nil
}

func checkParameter(key, value string) error {
	at := "documentParameters." + key
	if n := utf8.RuneCountInString(value); n < 1 || n > maxParamValue {
		return violates(value, at, "Member must have length between 1 and 512")
	}
	if hasOther(value) {
		return violates(value, at, `Member must satisfy regular expression pattern: [^\p{C}]+`)
	}
	return nil
}
