package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"jobbox/internal/logging"
)

func TestLaterSourcesWin(t *testing.T) {
	const inFile, inEnv, inFlag = `{"keep-alive": 31}`, "32", "33"
	tests := []struct {
		name            string
		file, env, flag string
		want            time.Duration
	}{
		{"default", "{}", "", "", 120 * time.Second},
		{"file", inFile, "", "", 31 * time.Second},
		{"environment over file", inFile, inEnv, "", 32 * time.Second},
		{"command line over file", inFile, "", inFlag, 33 * time.Second},
		{"command line over environment", inFile, inEnv, inFlag, 33 * time.Second},
		{"environment alone", "{}", inEnv, "", 32 * time.Second},
		{"a value that does not count is not judged", `{"keep-alive": "x"}`, "y", inFlag, 33 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			args := d.flags("--config-file", d.write("c.conf", []byte(tt.file), 0o640))
			if tt.flag != "" {
				args = append(args, "--keep-alive="+tt.flag)
			}
			d.env["JOBBOX_KEEP_ALIVE"] = tt.env
			c, err := d.load(args...)
			if err != nil || c.KeepAlive != tt.want {
				t.Errorf("keep-alive %v, %v; want %v", c.KeepAlive, err, tt.want)
			}
		})
	}
}

func TestEveryFlagAndVariableIsRead(t *testing.T) {
	d := newDevice(t)
	given := map[string]string{
		"config-file": d.write("c.conf", []byte("{}"), 0o640), "endpoint": "h", "port": "443", "cert": d.path("cert.pem"), "key": d.path("key.pem"),
		"root-ca": d.path("root.pem"), "thing-name": "n", "keep-alive": "1200", "http-proxy-config": d.write("p.conf", []byte("{}"), 0o600),
		"log-level": "warn", "log-type": "syslog", "log-file": "/l", "enable-jobs": "FALSE", "jobs-handler-dir": "/h",
		"state-dir": "/s", "run-dir": "/r", "step-timeout": "604800",
	}
	want := Default()
	want.File, want.Endpoint, want.Port, want.Cert, want.Key = given["config-file"], "h", 443, given["cert"], given["key"]
	want.RootCA, want.ThingName, want.KeepAlive, want.CertNotAfter = given["root-ca"], "n", 1200*time.Second, farOff
	want.Log = Log{logging.Warn, LogSyslog, "/l"}
	want.Jobs.Enabled, want.Jobs.HandlerDir, want.Jobs.StateDir, want.Jobs.RunDir = false, "/h", "/s", "/r"
	want.Jobs.StepTimeout = 604800 * time.Second

	var args []string
	for _, o := range options {
		if o.flag == "" {
			continue
		}
		if given[o.flag] == "" {
			t.Errorf("--%s is not tested here", o.flag)
		}
		args = append(args, "--"+o.flag, given[o.flag])
	}
	if got, err := d.load(args...); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("flags: %+v, %v; want %+v", got, err, want)
	}
	for _, o := range options {
		d.env[o.env()] = given[o.flag]
	}
	if got, err := d.load(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("environment: %+v, %v; want %+v", got, err, want)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	d := newDevice(t)
	file := fmt.Sprintf(`{"endpoint": "h", "port": 443, "cert": %q, "key": %q, "root-ca": %q, "thing-name": "n", "keep-alive": 30,
		"logging": {"level": "ERROR", "type": "File", "file": "/l"},
		"jobs": {"enabled": true, "handler-directory": "/h", "state-directory": "/nonexistent/s", "run-directory": "/r", "step-timeout": 9,
			"max-attempts": 100, "reboot-command": ["/sbin/reboot", "-f"],
			"allow": {"run-command": false, "paths": ["default", "/opt/x/", "~/y"], "users": ["app", "www-data"], "built-in": false},
			"limits": {"no-new-privs": true, "cpu-seconds": 10, "address-space": 67108864, "open-files": 32, "processes": 50, "umask": "027", "nice": -5}}}`,
		d.path("cert.pem"), d.path("key.pem"), d.path("root.pem"))
	c, err := d.load("--config-file", d.write("c.conf", []byte(file), 0o640))
	if err != nil {
		t.Fatal(err)
	}
	n := func(n uint64) *uint64 { return &n }
	umask, nice := 0o27, -5
	want := Jobs{
		Enabled: true, HandlerDir: "/h", StateDir: "/nonexistent/s", RunDir: "/r", StepTimeout: 9 * time.Second,
		MaxAttempts: 100, RebootCommand: []string{"/sbin/reboot", "-f"},
		Allow:  Allow{Paths: []string{"default", "/opt/x", d.path("home/y")}, Users: []string{"app", "www-data"}},
		Limits: Limits{true, n(10), n(64 << 20), n(32), n(50), &umask, &nice},
	}
	if !reflect.DeepEqual(c.Jobs, want) {
		t.Errorf("jobs %+v; want %+v", c.Jobs, want)
	}
	if c.Log != (Log{logging.Error, LogFile, "/l"}) || c.KeepAlive != 30*time.Second || c.Port != 443 {
		t.Errorf("loaded %+v", c)
	}
	for _, o := range options {
		last := o.key[strings.LastIndex(o.key, ".")+1:]
		if o.key != "" && !strings.Contains(file, `"`+last+`":`) {
			t.Errorf("%s is not tested here", o.key)
		}
	}
}

func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	for _, o := range options {
		if o.def == "" || o.flag == "http-proxy-config" || o.key == "jobs.handler-directory" {
			continue
		}
		d := newDraft(os.Getenv)
		v := value{label: o.name(), text: o.def}
		if o.flag == "" {
			c, err := Parse([]byte(nested(o.key, o.def)))
			if err != nil {
				t.Fatal(err)
			}
			v = c.values[o.key]
		}
		if err := o.set(d, v); err != nil {
			t.Errorf("%s: the default %s is refused: %v", o.name(), o.def, err)
		}
		want := Default()
		if o.key == "jobs.limits.nice" {
			d.Jobs.Limits.Nice = nil // 0 and nothing mean the same
		}
		if !reflect.DeepEqual(d.Config, want) {
			t.Errorf("%s: the table's default %s changes the Config to %+v", o.name(), o.def, d.Config)
		}
	}
}

// nested is a file with one key: a.b of 1 is {"a":{"b":1}}.
func nested(key, text string) string {
	for _, name := range slices.Backward(strings.Split(key, ".")) {
		text = fmt.Sprintf("{%q:%s}", name, text)
	}
	return text
}

func TestFileSearch(t *testing.T) {
	const home = "home/.aws-iot-device-client/aws-iot-device-client.conf"
	tests := []struct {
		name  string
		files []string
		args  []string
		env   string
		want  string
	}{
		{"none", nil, nil, "", ""},
		{"the system's", []string{"etc/jobbox.conf", home}, nil, "", "etc/jobbox.conf"},
		{"the home's", []string{home}, nil, "", home},
		{"variable", []string{"etc/jobbox.conf", "x.conf"}, nil, "x.conf", "x.conf"},
		{"option", []string{"etc/jobbox.conf", "x.conf", "y.conf"}, []string{"y.conf"}, "x.conf", "y.conf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			for _, name := range tt.files {
				d.write(name, []byte("{}"), 0o640)
			}
			args := d.flags()
			for _, name := range tt.args {
				args = append(args, "--config-file", d.path(name))
			}
			want := tt.want
			if want != "" {
				want = d.path(want)
			}
			if tt.env != "" {
				d.env["JOBBOX_CONFIG_FILE"] = d.path(tt.env)
			}
			if c, err := d.load(args...); err != nil || c.File != want {
				t.Errorf("read %q, %v; want %q", c.File, err, want)
			}
		})
	}
}

func TestLoadLocalNeedsNothingOfTheCloud(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"HOME": "/nonexistent"}[name]
	}
	conf := t.TempDir() + "/c.conf"
	if err := os.WriteFile(conf, []byte(`{"cert":"/nonexistent/c","jobs":{"max-attempts":5}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, rest, err := LoadLocal([]string{"a.json", "--config-file", conf, "--", "--b"}, env)
	if err != nil || c.Jobs.MaxAttempts != 5 || !slices.Equal(rest, []string{"a.json", "--b"}) {
		t.Errorf("LoadLocal = %+v, %q, %v", c, rest, err)
	}
}
