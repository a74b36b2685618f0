package jobs

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"jobbox/internal/jsontext"
)

// parse reads a document as it arrives in an execution.
func parse(text string) (Document, error) {
	v, err := jsontext.ParseEnvelope([]byte(text), maxMessage)
	if err != nil {
		return Document{}, err
	}
	return parseDocument(v)
}

// step is a new-schema document with one step, its action given.
func step(action string) string {
	return `{"version":"1.0","steps":[{"action":` + action + `}]}`
}

func TestDocumentsRefused(t *testing.T) {
	const ok = `{"action":{"name":"a","type":"runCommand","input":{"command":"true"}}}`
	tests := []struct{ name, in, want string }{
		{"not an object", `[1]`, "want an object, got an array"},
		{"neither schema", `{"steps":[]}`, `want a version ("1.0") or an operation, got neither`},
		{"version number", `{"version":1.0,"steps":[` + ok + `]}`, "version: want a string, got a number"},
		{"version 2", `{"version":"2.0","steps":[` + ok + `]}`, `version: want "1.0", got "2.0"`},
		{"version empty", `{"version":"","operation":"x"}`, `version: want "1.0", got ""`},
		{"version null", `{"version":null,"operation":"x"}`, "version: want a string, got null"},
		{"no steps", `{"version":"1.0"}`, "steps: want an array, got nothing"},
		{"empty steps", `{"version":"1.0","steps":[]}`, "steps: want at least one step, got none"},
		{"steps object", `{"version":"1.0","steps":{}}`, "steps: want an array, got an object"},
		{"step without action", `{"version":"1.0","steps":[` + ok + `,{"name":"x"}]}`, "steps[1].action: want an object, got nothing"},
		{"step no object", `{"version":"1.0","steps":["x"]}`, "steps[0]: want an object, got a string"},
		{"no name", step(`{"type":"runCommand","input":{"command":"true"}}`), "steps[0].action.name: want a string, got nothing"},
		{"empty name", step(`{"name":"","type":"runCommand","input":{"command":"true"}}`), "steps[0].action.name: want a string, got an empty one"},
		{"no type", step(`{"name":"a","input":{"command":"true"}}`), "steps[0].action.type: want a string, got nothing"},
		{"odd type", step(`{"name":"a","type":"runScript","input":{}}`), `steps[0].action.type: want "runHandler" or "runCommand", got "runScript"`},
		{"no input", step(`{"name":"a","type":"runHandler"}`), "steps[0].action.input: want an object, got nothing"},
		{"no handler", step(`{"name":"a","type":"runHandler","input":{}}`), "steps[0].action.input.handler: want a string, got nothing"},
		{"args string", step(`{"name":"a","type":"runHandler","input":{"handler":"h","args":"x"}}`), "steps[0].action.input.args: want an array, got a string"},
		{"args number", step(`{"name":"a","type":"runHandler","input":{"handler":"h","args":["x",7]}}`), "steps[0].action.input.args[1]: want a string, got a number"},
		{"path array", step(`{"name":"a","type":"runHandler","input":{"handler":"h","path":[]}}`), "steps[0].action.input.path: want a string, got an array"},
		{"command number", step(`{"name":"a","type":"runCommand","input":{"command":7}}`), "steps[0].action.input.command: want a string, got a number"},
		{"command empty", step(`{"name":"a","type":"runCommand","input":{"command":" ,, "}}`), "steps[0].action.input.command: want a command, got nothing but commas"},
		{"command space", step(`{"name":"a","type":"runCommand","input":{"command":"ls -l"}}`), "steps[0].action.input.command: want commas between the words"},
		{"NUL", step(`{"name":"a","type":"runCommand","input":{"command":"ls,\u0000"}}`), "steps[0].action.input.command: holds a NUL"},
		{"user number", step(`{"name":"a","type":"runCommand","input":{"command":"ls"},"runAsUser":0}`), "steps[0].action.runAsUser: want a string, got a number"},
		{"ignore maybe", step(`{"name":"a","type":"runCommand","input":{"command":"ls"},"ignoreStepFailure":"maybe"}`), `steps[0].action.ignoreStepFailure: want a boolean, "true" or "false", got "maybe"`},
		{"stderr negative", step(`{"name":"a","type":"runCommand","input":{"command":"ls"},"allowStdErr":-1}`), "steps[0].action.allowStdErr: want a number of lines from 0 up, got -1"},
		{"stderr fraction", step(`{"name":"a","type":"runCommand","input":{"command":"ls"},"allowStdErr":1.5}`), "steps[0].action.allowStdErr: want a whole number"},
		{"finalStep array", `{"version":"1.0","steps":[` + ok + `],"finalStep":[` + ok + `]}`, "finalStep: want an object, got an array"},
		{"finalStep bare", `{"version":"1.0","steps":[` + ok + `],"finalStep":{"name":"x"}}`, "finalStep.action: want an object, got nothing"},
		{"stdout 1", `{"version":"1.0","includeStdOut":1,"steps":[` + ok + `]}`, "includeStdOut: want a boolean, got a number"},
		{"condition key", `{"version":"1.0","conditions":[{"value":["x"]}],"steps":[` + ok + `]}`, "conditions[0].key: want a string, got nothing"},
		{"condition value", `{"version":"1.0","conditions":[{"key":"k","value":"x"}],"steps":[` + ok + `]}`, "conditions[0].value: want an array, got a string"},
		{"key twice", `{"version":"1.0","steps":[{"action":{"name":"a","name":"b"}}]}`, "steps[0].action.name: the key occurs twice"},
		{"old: operation empty", `{"operation":""}`, "operation: want a string, got an empty one"},
		{"old: operation number", `{"operation":1}`, "operation: want a string, got a number"},
		{"old: args", `{"operation":"x","args":{}}`, "args: want an array, got an object"},
	}
	for _, tt := range tests {
		_, err := parse(tt.in)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: parse = %v; want %s", tt.name, err, tt.want)
		}
	}
}

func TestDocumentsRead(t *testing.T) {
	handler := func(dir string, args ...string) *Handler { return &Handler{Name: "h.sh", Dir: dir, Args: args} }
	tests := []struct {
		name, in string
		want     Document
	}{
		{"all of it", `{"_comment":"x","version":"1.0","includeStdOut":"true","conditions":[{"key":"k","value":["v"],"type":"t"}],
			"steps":[{"action":{"name":"one","type":"runHandler","input":{"handler":"h.sh","args":["a","b c"],"path":"default"},"runAsUser":"root","ignoreStepFailure":"true","allowStdErr":2}}],
			"finalStep":{"action":{"name":"end","type":"runCommand","input":{"command":"echo,Hello\\, World"},"ignoreStepFailure":false}}}`,
			Document{IncludeStdOut: true, Conditions: true, Final: true, Steps: []Step{
				{Name: "one", Path: "steps[0].action", RunAsUser: "root", IgnoreFailure: true, AllowStdErr: 2, Handler: handler("default", "a", "b c")},
				{Name: "end", Path: "finalStep.action", AllowStdErr: noLimit, Command: []string{"echo", "Hello, World"}},
			}}},
		{"left-over placeholders", step(`{"name":"a","type":"runHandler","input":{"handler":"h.sh","path":"${aws:iot:parameter:pathToHandler}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}`),
			Document{Steps: []Step{{Name: "a", Path: "steps[0].action", AllowStdErr: noLimit, Handler: handler("")}}}},
		{"empty optional parameters and nulls", step(`{"name":"a","type":"runHandler","input":{"handler":"h.sh","path":"","args":null},"runAsUser":"","ignoreStepFailure":null}`),
			Document{Steps: []Step{{Name: "a", Path: "steps[0].action", AllowStdErr: noLimit, Handler: handler("")}}}},
		{"old schema", `{"operation":"h.sh","args":["x"],"path":"/opt","allowStdErr":3,"includeStdOut":true}`,
			Document{IncludeStdOut: true, Steps: []Step{{Name: "h.sh", AllowStdErr: 3, Handler: handler("/opt", "x")}}}},
		{"old schema, bare", `{"operation":"h.sh"}`,
			Document{Steps: []Step{{Name: "h.sh", Handler: handler("")}}}},
	}
	for _, tt := range tests {
		got, err := parse(tt.in)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: parse = %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"echo,Hello World!", []string{"echo", "Hello World!"}},
		{`echo,Hello\, I am`, []string{"echo", "Hello, I am"}},
		{`a,\b,c\\,d`, []string{"a", `\b`, `c\,d`}}, // a comma with a backslash before it, whatever is before that
		{"a,,b,", []string{"a", "b"}},
		{" \t\n\v\f\ra ,\r\n b\t", []string{"a", "b"}},
		{"a,\u00a0b", []string{"a", "\u00a0b"}},
		{"sh,-c,echo $HOME; ls *", []string{"sh", "-c", "echo $HOME; ls *"}},
		{`\,`, []string{","}},
		{`a\`, []string{`a\`}},
		{",", nil},
	}
	for _, tt := range tests {
		if got := splitCommand(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("splitCommand(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	builtIn := func(name string) bool { return name == "reboot.sh" }
	doc := func(action string) string { return step(action) }
	command := doc(`{"name":"a","type":"runCommand","input":{"command":"id"},"runAsUser":"nobody"}`)
	at := func(path string) string {
		return doc(fmt.Sprintf(`{"name":"a","type":"runHandler","input":{"handler":"h.sh","path":%q}}`, path))
	}
	tests := []struct {
		name   string
		policy Policy
		in     string
		want   string // "" is allowed
	}{
		{"all", AllowAll, command, ""},
		{"no command", Policy{AnyPath: true, AnyUser: true}, command, "steps[0].action.type: this device does not allow runCommand"},
		{"user named", Policy{RunCommand: true, Users: []string{"nobody"}}, command, ""},
		{"user not named", Policy{RunCommand: true, Users: []string{"app"}}, command, `steps[0].action.runAsUser: this device does not run jobs as "nobody"`},
		{"agent's own user not named", Policy{AnyPath: true, Users: []string{"app"}}, at("default"), `steps[0].action.runAsUser: this device does not run jobs as "root"`},
		{"default only: default", Policy{AnyUser: true, Paths: []string{"default"}}, at("default"), ""},
		{"default only: none", Policy{AnyUser: true, Paths: []string{"default"}}, at(""), ""},
		{"default only: other", Policy{AnyUser: true}, at("/opt"), `steps[0].action.input.path: this device does not run handlers from "/opt"`},
		{"list without default", Policy{AnyUser: true, Paths: []string{"/opt"}}, at(""), `steps[0].action.input.path: this device does not run handlers from "default"`},
		{"list", Policy{AnyUser: true, Paths: []string{"/opt"}}, at("/opt/"), ""},
		{"list: below it", Policy{AnyUser: true, Paths: []string{"/opt"}}, at("/opt/x"), "steps[0].action.input.path"},
		{"list: doubled slash", Policy{AnyUser: true, Paths: []string{"/opt/h"}}, at("/opt//h"), "steps[0].action.input.path: want"},
		{"list: after a link", Policy{AnyUser: true, Paths: []string{"/opt/h"}}, at("/tmp/link/../../opt/h"), "steps[0].action.input.path: want"},
		{"list: the root", Policy{AnyUser: true, Paths: []string{"/"}}, at("/"), ""},
		{"list: not the root", Policy{AnyUser: true, Paths: []string{"/opt"}}, at("///"), "steps[0].action.input.path: this device"},
		{"default only: a directory of that name", Policy{AnyUser: true, Paths: []string{"default"}}, at("default/"), "steps[0].action.input.path: want"},
		{"default only: here", Policy{AnyUser: true, Paths: []string{"default"}}, at("./default"), "steps[0].action.input.path: want"},
		{"default only: there and back", Policy{AnyUser: true, Paths: []string{"default"}}, at("tmp/link/../../default"), "steps[0].action.input.path: want"},
		{"list: climbs", Policy{AnyUser: true, Paths: []string{"/opt"}}, at("/opt/../bin"), "steps[0].action.input.path"},
		{"name climbs", Policy{AnyUser: true, Paths: []string{"/opt"}}, doc(`{"name":"a","type":"runHandler","input":{"handler":"../bin/sh","path":"/opt"}}`), "steps[0].action.input.handler: want a file name without a slash"},
		{"no built-in", Policy{AnyUser: true, AnyPath: true}, doc(`{"name":"a","type":"runHandler","input":{"handler":"reboot.sh"}}`), "steps[0].action.input.handler: this device does not run built-in handlers"},
		{"old schema", Policy{AnyUser: true}, `{"operation":"h.sh","path":"/opt"}`, "input.path: this device"},
	}
	for _, tt := range tests {
		doc, err := parse(tt.in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		err = tt.policy.check(doc, "root", builtIn)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s: check = %v; want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(step(`{"name":"a","type":"runCommand","input":{"command":"echo,x"}}`)))
	f.Add([]byte(`{"operation":"x","args":["a"],"allowStdErr":2}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		doc, err := parse(string(in))
		if err != nil {
			return
		}
		if len(doc.Steps) == 0 {
			t.Errorf("%q is taken and has no step", in)
		}
		for _, s := range doc.Steps {
			if s.Name == "" || (s.Handler == nil) == (len(s.Command) == 0) {
				t.Errorf("%q gives a step that says not what to run: %+v", in, s)
			}
		}
	})
}
