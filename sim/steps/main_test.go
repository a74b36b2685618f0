// Package steps shows on the built binary what a step gets from jobbox, what it
// is kept from, and that nobody who may put files on the device, nor a job, makes
// it run as more than was asked: SPEC section 4.
package steps

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"jobbox/sim/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// A bench runs job documents by "jobbox run", with a configuration and a handler
// directory of its own.
type bench struct {
	t      *testing.T
	dir    string
	jobs   map[string]any // the section of the configuration
	prefix []string       // a command that runs jobbox
	env    []string
	files  []*os.File // what jobbox inherits, from descriptor 3 on
}

func newBench(t *testing.T) *bench {
	t.Helper()
	// Not t.TempDir: other users have to get through.
	dir, err := os.MkdirTemp("", "steps")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bench{t: t, dir: dir, jobs: map[string]any{"handler-directory": filepath.Join(dir, "jobs")}}
	b.must(os.Chmod(dir, 0o755))
	b.must(os.Mkdir(b.path("jobs"), 0o700))
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string, mode os.FileMode) {
	b.t.Helper()
	b.must(os.WriteFile(b.path(name), []byte(text), mode))
	b.must(os.Chmod(b.path(name), mode))
}

// action is what an "action" of a job document holds.
type action struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Input input  `json:"input"`
	User  string `json:"runAsUser,omitempty"`
}

type input struct {
	Command string   `json:"command,omitempty"`
	Handler string   `json:"handler,omitempty"`
	Args    []string `json:"args,omitempty"`
	Path    string   `json:"path,omitempty"`
}

// shell is a step of sh: a comma is what separates a command's words.
func shell(user, script string) action {
	return action{"shell", "runCommand", input{Command: "sh,-c," + strings.ReplaceAll(script, ",", `\,`)}, user}
}

func handler(user, name string, args ...string) action {
	return action{"handler", "runHandler", input{Handler: name, Args: args, Path: "default"}, user}
}

// An outcome is what "jobbox run" prints.
type outcome struct {
	code                   int
	status, reason, stdout string
	text                   string // all of it
}

var printed = regexp.MustCompile(`(?m)^(status|reason|stdout)  (.*)$`)

// command is jobbox about to run a document of one step.
func (b *bench) command(a action) *exec.Cmd {
	b.t.Helper()
	b.writeJSON("jobbox.conf", map[string]any{"jobs": b.jobs})
	b.writeJSON("document.json", map[string]any{
		"version": "1.0", "includeStdOut": true, "steps": []any{map[string]any{"action": a}},
	})
	argv := append(append([]string{}, b.prefix...), lab.Build(b.t), "run", "--config-file", b.path("jobbox.conf"), b.path("document.json"))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), b.env...)
	cmd.ExtraFiles = b.files
	return cmd
}

func (b *bench) writeJSON(name string, v any) {
	b.t.Helper()
	data, err := json.Marshal(v)
	b.must(err)
	b.write(name, string(data), 0o644)
}

func (b *bench) run(a action) outcome {
	b.t.Helper()
	return b.finish(b.command(a))
}

func (b *bench) finish(cmd *exec.Cmd) outcome {
	b.t.Helper()
	out, _ := cmd.CombinedOutput() // the exit status is part of the outcome
	return read(cmd.ProcessState.ExitCode(), string(out))
}

func read(code int, text string) outcome {
	o := outcome{code: code, text: text}
	for _, m := range printed.FindAllStringSubmatch(strings.ReplaceAll(text, "\r\n", "\n"), -1) {
		switch m[1] {
		case "status":
			o.status = m[2]
		case "reason":
			o.reason = m[2]
		case "stdout":
			o.stdout, _ = strconv.Unquote(m[2])
		}
	}
	return o
}

// wants fails the test unless the step succeeded and wrote that.
func (b *bench) wants(a action, stdout string) {
	b.t.Helper()
	if o := b.run(a); o.status != "SUCCEEDED" || o.stdout != stdout {
		b.t.Errorf("%+v\nwrote %q; want %q\n%s", a, o.stdout, stdout, o.text)
	}
}

// refuses fails the test unless the step failed with a reason that holds part,
// and wrote nothing.
func (b *bench) refuses(a action, part string) {
	b.t.Helper()
	if o := b.run(a); o.status != "FAILED" || o.stdout != "" || !strings.Contains(o.reason, part) {
		b.t.Errorf("%+v\nwant it FAILED with %q\n%s", a, part, o.text)
	}
}

// as makes jobbox another user.
func as(user string) []string {
	return []string{"setpriv", "--reuid=" + user, "--regid=nogroup", "--clear-groups"}
}
