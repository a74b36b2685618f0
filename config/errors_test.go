package config

import (
	"slices"
	"strings"
	"testing"
)

// problems are the texts of an error's parts.
func problems(err error) []string {
	var out []string
	for _, p := range Problems(err) {
		out = append(out, p.Error())
	}
	return out
}

func TestMistakesInTheFile(t *testing.T) {
	tests := []struct{ file, want string }{
		{`{"endpiont": "x"}`, `"endpiont": is not a key that is known; did you mean "endpoint"?`},
		{`{"loging": {}}`, `"loging": is not a key that is known; did you mean "logging"?`},
		{`{"logging": {"levle": "INFO"}}`, `"logging.levle": is not a key that is known; did you mean "logging.level"?`},
		{`{"jobs": {"handler-dir": "/x"}}`, `"jobs.handler-dir": is not a key that is known; take it out, or see "jobbox agent --help" for those that are`},
		{`{"jobs": {"allow": {"user": []}}}`, `"jobs.allow.user": is not a key that is known; did you mean "jobs.allow.users"?`},
		{`{"jobs": {"limits": {"nise": 1}}}`, `"jobs.limits.nise": is not a key that is known; did you mean "jobs.limits.nice"?`},
		{`{"log-level": "INFO"}`, `"log-level": is not a key that is known; did you mean "logging.level"?`},
		{`{"handler-directory": "/x"}`, `"handler-directory": is not a key that is known; did you mean "jobs.handler-directory"?`},
		{`{"jobs.enabled": true}`, `"jobs.enabled": is not a key that is known; did you mean "jobs.enabled"?`},
		{`{"zzz": 1}`, `"zzz": is not a key that is known; take it out, or see "jobbox agent --help" for those that are`},
		{"{\"\\u001b[2J\": 1}", `"\x1b[2J": is not a key that is known; take it out, or see "jobbox agent --help" for those that are`},
		{`{"logging": "INFO"}`, `logging: want an object, got a string`},
		{`{"jobs": {"allow": []}}`, `jobs.allow: want an object, got an array`},
		{`{"port": "8883"}`, `port: want a number, got a string`},
		{`{"port": 8883.5}`, `port: want a whole number of 64 bits`},
		{`{"port": 0}`, `port: 0 is not between 1 and 65535`},
		{`{"port": 65536}`, `port: 65536 is not between 1 and 65535`},
		{`{"keep-alive": 29}`, `keep-alive: 29 is not between 30 and 1200 seconds`},
		{`{"keep-alive": 1201}`, `keep-alive: 1201 is not between 30 and 1200 seconds`},
		{`{"logging": {"level": "TRACE"}}`, `logging.level: want DEBUG, INFO, WARN or ERROR, got "TRACE"`},
		{`{"logging": {"level": 3}}`, `logging.level: want a string, got a number`},
		{`{"logging": {"type": "journal"}}`, `logging.type: want STDOUT, FILE or SYSLOG, got "journal"`},
		{`{"jobs": {"enabled": "true"}}`, `jobs.enabled: want a boolean, got a string`},
		{`{"jobs": {"step-timeout": -1}}`, `jobs.step-timeout: -1 is not between 0 and 604800 seconds`},
		{`{"jobs": {"step-timeout": 604801}}`, `jobs.step-timeout: 604801 is not between 0 and 604800 seconds`},
		{`{"jobs": {"max-attempts": 0}}`, `jobs.max-attempts: 0 is not between 1 and 100`},
		{`{"jobs": {"max-attempts": 101}}`, `jobs.max-attempts: 101 is not between 1 and 100`},
		{`{"jobs": {"reboot-command": []}}`, `jobs.reboot-command: is empty; leave it out for ["reboot"]`},
		{`{"jobs": {"reboot-command": [""]}}`, `jobs.reboot-command[0]: is empty; take it out`},
		{`{"jobs": {"reboot-command": "reboot"}}`, `jobs.reboot-command: want an array, got a string`},
		{`{"jobs": {"reboot-command": ["a", 1]}}`, `jobs.reboot-command[1]: want a string, got a number`},
		{`{"jobs": {"reboot-command": ["a\u0000b"]}}`, `jobs.reboot-command[0]: holds a NUL character in "a\x00b"; take it out`},
		{`{"jobs": {"allow": {"paths": "any"}}}`, `jobs.allow.paths: want "default" or an array of directories, got "any"`},
		{`{"jobs": {"allow": {"paths": true}}}`, `jobs.allow.paths: want "default" or an array of directories, got a boolean`},
		{`{"jobs": {"allow": {"paths": ["opt"]}}}`, `jobs.allow.paths: "opt" is not absolute; begin it with a slash`},
		{`{"jobs": {"allow": {"users": "root"}}}`, `jobs.allow.users: want an array, got a string`},
		{`{"jobs": {"allow": {"users": ["a b"]}}}`, `jobs.allow.users: "a b" is no user's name; want a name as in /etc/passwd`},
		{`{"jobs": {"limits": {"umask": 22}}}`, `jobs.limits.umask: want a string of octal digits such as "022", got a number`},
		{`{"jobs": {"limits": {"umask": "089"}}}`, `jobs.limits.umask: want octal digits, "000" to "777", got "089"`},
		{`{"jobs": {"limits": {"umask": "1000"}}}`, `jobs.limits.umask: want octal digits, "000" to "777", got "1000"`},
		{`{"jobs": {"limits": {"nice": 20}}}`, `jobs.limits.nice: 20 is not between -20 and 19`},
		{`{"jobs": {"limits": {"address-space": 1048576}}}`, `jobs.limits.address-space: 1048576 is not between 67108864 and 9007199254740992`},
		{`{"jobs": {"limits": {"open-files": 3}}}`, `jobs.limits.open-files: 3 is not between 32 and 1048576`},
		{`{"jobs": {"handler-directory": "$HOME/jobs"}}`, `jobs.handler-directory: "$HOME/jobs": variables are not expanded; write the path in full, or with ~ for the home directory`},
		{`{"jobs": {"handler-directory": "~root/jobs"}}`, `jobs.handler-directory: "~root/jobs": only the agent's own home can be written as ~; write the path in full`},
		{`{"port": 1, "port": 2}`, `configuration file: "@": cannot be read as a JSON object: port: the key occurs twice`},
		{`[]`, `configuration file: "@": cannot be read as a JSON object: want an object, got an array`},
		{"{\"port\": \xff}", `configuration file: "@": cannot be read as a JSON object: not valid UTF-8`},
	}
	for _, tt := range tests {
		d := newDevice(t)
		file := d.write("c.conf", []byte(tt.file), 0o640)
		_, err := d.load(d.flags("--config-file", file)...)
		want := []string{strings.ReplaceAll(tt.want, "@", file)}
		if got := problems(err); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", tt.file, got, want)
		}
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"--log-levle", "INFO"}, []string{`"--log-levle" is not an option that is known; did you mean "--log-level"?`}},
		{[]string{"--log-levle=INFO"}, []string{`"--log-levle" is not an option that is known; did you mean "--log-level"?`}},
		{[]string{"-log-level=INFO"}, []string{`"-log-level" is not an option that is known; did you mean "--log-level"?`}},
		{[]string{"--enable-tunnelling", "--enable-sdk-logging"}, []string{`"--enable-tunnelling" is not an option that is known; did you mean "--enable-tunneling"?`}},
		{[]string{"-v"}, []string{`"-v" is not an option that is known; see "jobbox agent --help" for those that are`}},
		{[]string{"--export-default-settings=f"}, []string{`"--export-default-settings" is not an option that is known; docs/CONFIGURATION.md has a file to start from`}},
		{[]string{"--keep-alive"}, []string{`--keep-alive: a value has to follow it`}},
		{[]string{"--keep-alive="}, []string{`--keep-alive: is empty; give it a value or leave it out`}},
		{[]string{"--keep-alive", "60", "--keep-alive", "90"}, []string{`--keep-alive: is given twice; give it once`}},
		{[]string{"--enable-sdk-logging=true"}, []string{`--enable-sdk-logging: takes no value, got "true"`}},
		{[]string{"--keep-alive", "1m"}, []string{`--keep-alive: want a whole number, got "1m"`}},
		{[]string{"--keep-alive", "5"}, []string{`--keep-alive: 5 is not between 30 and 1200 seconds`}},
		{[]string{"--enable-jobs", "yes"}, []string{`--enable-jobs: want true or false, got "yes"`}},
		{[]string{"--log-type", "x"}, []string{`--log-type: want STDOUT, FILE or SYSLOG, got "x"`}},
		{[]string{"doc.json"}, []string{`"doc.json": is no option; options begin with --`}},
		{[]string{"--config-file", "/nonexistent/x"}, []string{`configuration file: "/nonexistent/x" does not exist; put the file there or name another`}},
		{[]string{"--config-file", "~other/x"}, []string{`--config-file: "~other/x": only the agent's own home can be written as ~; write the path in full`}},
	}
	for _, tt := range tests {
		d := newDevice(t)
		_, err := d.load(d.flags(tt.args...)...)
		if got := problems(err); !slices.Equal(got, tt.want) {
			t.Errorf("%q\n got %q\nwant %q", tt.args, got, tt.want)
		}
	}
}

func TestVariableNamesItself(t *testing.T) {
	d := newDevice(t)
	d.env["JOBBOX_STEP_TIMEOUT"] = "soon"
	_, err := d.load(d.flags()...)
	if got, want := problems(err), []string{`JOBBOX_STEP_TIMEOUT: want a whole number, got "soon"`}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	d := newDevice(t)
	file := d.write("c.conf", []byte(`{"endpoint": "https://x/", "port": 0, "colour": "red", "cert": "/nonexistent/c",
		"jobs": {"enabled": 1, "allow": {"users": 3}}, "logging": {"level": "LOUD"}}`), 0o640)
	_, err := d.load("--config-file", file, "--keep-alive", "1", "--what")
	got := strings.Join(problems(err), "\n")
	for _, key := range []string{`"--what"`, `"colour": `, "endpoint: ", "port: ", "cert: ", "key: is required", "thing-name: is required",
		"--keep-alive: ", "logging.level: ", "jobs.enabled: ", "jobs.allow.users: "} {
		if strings.Count("\n"+got, "\n"+key) != 1 {
			t.Errorf("%q is not named once in\n%s", key, got)
		}
	}
	if n := len(problems(err)); n != 11 {
		t.Errorf("%d problems; want 11:\n%s", n, got)
	}
}

func TestEmptyStringsAreLeftOut(t *testing.T) {
	d := newDevice(t)
	file := d.write("c.conf", []byte(`{"root-ca": "", "logging": {"level": "", "file": null}}`), 0o640)
	c, err := d.load(d.flags("--config-file", file)...)
	if err != nil || c.RootCA != "" || c.Log != Default().Log {
		t.Errorf("loaded %+v, %v", c, err)
	}
	want := []string{"root-ca: is empty in the file: as good as left out", "logging.level: is empty in the file: as good as left out"}
	if !slices.Equal(c.Warnings, want) {
		t.Errorf("warnings %q; want %q", c.Warnings, want)
	}
}

func TestPlaceholders(t *testing.T) {
	d := newDevice(t)
	file := d.write("c.conf", []byte(`{"endpoint": "<replace_with_endpoint_value>"}`), 0o640)
	_, err := d.load("--config-file", file, "--cert", d.path("cert.pem"), "--key", d.path("key.pem"), "--thing-name", "t")
	if got, want := problems(err), []string{`endpoint: is still the template's "<replace_with_endpoint_value>"; put the real one in its place`}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	if _, err := d.load(d.flags("--config-file", file)...); err != nil {
		t.Errorf("a placeholder that the command line overrules: %v", err)
	}
	file = d.write("c.conf", []byte(`{"secure-element": {"secure-element-slot-id": replace_with_secure_element_slot_id_integer}}`), 0o640)
	_, err = d.load(d.flags("--config-file", file)...)
	if got := problems(err); len(got) != 1 || !strings.HasSuffix(got[0], `the template's "replace_with_..." have to be replaced first`) {
		t.Errorf("got %q", got)
	}
}
