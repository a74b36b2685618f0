package packaging

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// uci is a router's root directory with the given /etc/config/jobbox.
func uci(t *testing.T, config string) (root string) {
	t.Helper()
	root = t.TempDir()
	functions, err := os.ReadFile("testdata/openwrt/functions.sh")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"lib/functions.sh": string(functions), "etc/config/jobbox": config} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// ash runs a script under BusyBox and returns its two outputs.
func ash(root string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command("busybox", append([]string{"ash"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "IPKG_INSTROOT=" + root, "UCI_CONFIG_DIR=" + root + "/etc/config"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestUCIToConf(t *testing.T) {
	tests := []struct {
		name, config, want string // an empty want is a refusal
	}{
		{"nothing set", "config jobbox 'main'", `{}`},
		{"empty is unset", "option endpoint ''\noption port ''", `{}`},
		{"plain", "option endpoint 'a.example'\noption thing_name 'router-1'\noption port '443'",
			`{"endpoint": "a.example", "thing-name": "router-1", "port": 443}`},
		{"quotes and backslashes", `option cert '/etc/"odd" \name'`, `{"cert": "/etc/\"odd\" \\name"}`},
		{"no shell", "option endpoint '$(reboot) `reboot` ${x} *'", "{\"endpoint\": \"$(reboot) `reboot` ${x} *\"}"},
		{"text beyond ASCII", "option cert '/etc/Gerät'", `{"cert": "/etc/Gerät"}`},
		{"leading zeros", "option port '0443'\noption step_timeout '00'", `{"port": 443, "jobs": {"step-timeout": 0}}`},
		{"sections", "option log_level 'DEBUG'\noption state_directory '/etc/jobbox/state'",
			`{"logging": {"level": "DEBUG"}, "jobs": {"state-directory": "/etc/jobbox/state"}}`},
		{"policy", "option allow_run_command '0'\noption allow_built_in 'yes'\nlist allow_path 'default'\nlist allow_user 'nobody'\nlist allow_user 'pi'",
			`{"jobs": {"allow": {"run-command": false, "built-in": true, "paths": ["default"], "users": ["nobody", "pi"]}}}`},
		{"words of a list", "list reboot_command '/sbin/reboot'\nlist reboot_command '-d 5'",
			`{"jobs": {"reboot-command": ["/sbin/reboot", "-d 5"]}}`},
		{"not a number", "option port 'https'", ``},
		{"negative", "option port '-1'", ``},
		{"not a flag", "option allow_built_in 'perhaps'", ``},
		{"control character", "option cert '/etc/a\noption b'", ``},
		{"an option for a list", "option allow_user 'nobody'", ``},
		{"somebody's own section", "option port '443'\nconfig note 'other'\noption text 'x'", `{"port": 443}`},
		{"a misspelt option", "option allow_users 'nobody'", ``},
		{"a misspelt list", "list allow_users 'nobody'", ``},
		{"a misspelt word", "lst allow_user 'nobody'", ``},
		{"control character in a list", "list allow_user 'a\tb'", ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, err := ash(uci(t, tt.config+"\n"), filepath.Join(repo, "init/uci-to-conf"))
			if tt.want == "" {
				if err == nil || out != "" || !strings.HasPrefix(errs, "uci-to-conf: ") {
					t.Errorf("uci-to-conf = %q, %q, %v; want nothing but a reason", out, errs, err)
				}
				return
			}
			if err != nil || errs != "" {
				t.Fatalf("uci-to-conf: %v, %q", err, errs)
			}
			if got, want := decode(t, out), decode(t, tt.want); !reflect.DeepEqual(got, want) {
				t.Errorf("uci-to-conf = %s; want %s", out, tt.want)
			}
		})
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// Every option that the shipped file shows, commented out or not, must reach
// jobbox.conf.
func TestShippedUCIOptionsAreUsed(t *testing.T) {
	script := source(t, "init/uci-to-conf") + source(t, "init/jobbox.procd")
	for line := range strings.Lines(source(t, "init/jobbox.uci")) {
		fields := strings.Fields(strings.TrimLeft(line, "\t#"))
		if len(fields) < 2 || fields[0] != "option" && fields[0] != "list" {
			continue
		}
		if !strings.Contains(script, " "+fields[1]) {
			t.Errorf("jobbox.uci: no script reads %q", fields[1])
		}
	}
}

// procdStub records what the init script asks of procd.
const procdStub = `
. "$IPKG_INSTROOT/lib/functions.sh"
procd_open_instance() { echo open; }
procd_set_param() { echo "param $*"; }
procd_append_param() { echo "append $*"; }
logger() { echo "log $*"; }
procd_close_instance() { echo close; }
procd_add_reload_trigger() { echo "trigger $*"; }
`

// A router is a root directory in which the procd script runs.
type router struct {
	*testing.T
	root string
	conf string // the configuration that the script makes
}

func newRouter(t *testing.T, config string) router {
	root := uci(t, config)
	// An agent that does not know the level LOUD.
	if err := os.WriteFile(root+"/jobbox", []byte("#!/bin/sh\n! grep -H LOUD \"$3\" >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return router{t, root, root + "/var/etc/jobbox/jobbox.conf"}
}

// start runs start_service and service_triggers of the procd script.
func (r router) start() (stdout, stderr string) {
	r.Helper()
	script := strings.ReplaceAll(source(r.T, "init/jobbox.procd"), "/var/etc/", r.root+"/var/etc/")
	converter, err := filepath.Abs(filepath.Join(repo, "init/uci-to-conf"))
	if err != nil {
		r.Fatal(err)
	}
	script = strings.ReplaceAll(script, "/usr/libexec/jobbox/uci-to-conf", "busybox ash "+converter)
	script = strings.ReplaceAll(script, "/usr/bin/jobbox check", r.root+"/jobbox check")
	file := filepath.Join(r.root, "service.sh")
	if err := os.WriteFile(file, []byte(procdStub+script+"\nservice_triggers\nstart_service\n"), 0o644); err != nil {
		r.Fatal(err)
	}
	stdout, stderr, _ = ash(r.root, file) // its status is what start_service returns
	return stdout, stderr
}

// set changes /etc/config/jobbox.
func (r router) set(config string) {
	r.Helper()
	if err := os.WriteFile(r.root+"/etc/config/jobbox", []byte(config), 0o644); err != nil {
		r.Fatal(err)
	}
}

func TestProcdService(t *testing.T) {
	r := newRouter(t, "option enabled '1'\noption endpoint 'a.example'\noption cert '/etc/c'\noption root_ca '/etc/r'\n")
	out, errs := r.start()
	want := []string{"trigger jobbox", "open", "param command /usr/bin/jobbox agent --config-file " + r.conf,
		"param file " + r.conf, "append file /etc/c", "append file /etc/r", "param reload_signal HUP", "param respawn 3600 5 0", "close"}
	for _, line := range want {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("procd was not asked %q:\n%s%s", line, out, errs)
		}
	}
	data, err := os.ReadFile(r.conf)
	if err != nil || !strings.Contains(string(data), "a.example") {
		t.Errorf("%s holds %q, %v", r.conf, data, err)
	}
	if info, err := os.Stat(r.conf); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, %v; want 0600", r.conf, info.Mode(), err)
	}
}

func TestProcdServiceDisabledOrWrong(t *testing.T) {
	for _, config := range []string{"option enabled '0'\n", "", "option enabled '1'\noption port 'x'\n"} {
		r := newRouter(t, config)
		if out, _ := r.start(); strings.Contains(out, "open") {
			t.Errorf("with %q an instance was started", config)
		}
		if _, err := os.Stat(r.conf); err == nil {
			t.Errorf("with %q a configuration was written", config)
		}
	}
}

// A mistake in the settings does not end an agent that runs, whether UCI or the
// agent finds it: procd ends what is not named to it.
func TestProcdReloadOfMistake(t *testing.T) {
	r := newRouter(t, "option enabled '1'\noption port '443'\n")
	r.start()
	for mistake, want := range map[string]string{
		"option port 'https'":     "log -s -t jobbox -p daemon.err uci-to-conf: port: want a number, got 'https'\n",
		"option log_level 'LOUD'": "log -s -t jobbox -p daemon.err " + r.conf + ".new:",
	} {
		r.set("option enabled '1'\n" + mistake + "\n")
		out, _ := r.start()
		if !strings.Contains(out, "open\n") || !strings.Contains(out, "close\n") {
			t.Errorf("%s: procd was not told of the instance:\n%s", mistake, out)
		}
		if !strings.Contains(out, want) {
			t.Errorf("%s: the log has no %q:\n%s", mistake, want, out)
		}
		if data, err := os.ReadFile(r.conf); err != nil || !strings.Contains(string(data), `"port": 443`) {
			t.Errorf("%s: %s holds %q, %v; want what it was", mistake, r.conf, data, err)
		}
		if _, err := os.Stat(r.conf + ".new"); err == nil {
			t.Errorf("%s: the new configuration lies about", mistake)
		}
	}
}

// A directory that somebody else has made is not used, nor what he has put there.
func TestProcdForeignDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a directory of another user's")
	}
	const mallory = 65534
	for name, arrange := range map[string]func(r router) error{
		"the directory above": func(r router) error { return os.Chown(filepath.Dir(filepath.Dir(r.conf)), mallory, mallory) },
		"the directory":       func(r router) error { return os.Chown(filepath.Dir(r.conf), mallory, mallory) },
		"a link": func(r router) error {
			return errors.Join(os.Rename(filepath.Dir(r.conf), r.root+"/elsewhere"), os.Symlink(r.root+"/elsewhere", filepath.Dir(r.conf)))
		},
	} {
		r := newRouter(t, "option enabled '1'\noption port '443'\n")
		if err := os.MkdirAll(filepath.Dir(r.conf), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(r.conf, []byte("{}"), 0o644), arrange(r)); err != nil {
			t.Fatal(err)
		}
		out, _ := r.start()
		if strings.Contains(out, "open\n") || !strings.Contains(out, "is not a directory of root's alone\n") {
			t.Errorf("%s: %s", name, out)
		}
	}
}
