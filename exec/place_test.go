package exec

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Nobody but us decides what stands in our directories.
func TestOpenOwnDir(t *testing.T) {
	needRoot(t)
	const mallory = 65534
	tests := []struct {
		name string
		make func(dir string) string // returns the path to open
		want string                  // error, or "" for none
	}{
		{"not there yet", func(dir string) string { return dir + "/a/b/c" }, ""},
		{"ours", func(dir string) string { os.Mkdir(dir+"/a", 0o700); return dir + "/a" }, ""},
		{"somebody else's", func(dir string) string {
			os.Mkdir(dir+"/a", 0o755)
			os.Chown(dir+"/a", mallory, 0)
			return dir + "/a"
		}, "belongs to user 65534"},
		{"others write", func(dir string) string { os.Mkdir(dir+"/a", 0); os.Chmod(dir+"/a", 0o777); return dir + "/a" }, "others may write"},
		{"others write, sticky", func(dir string) string {
			os.Mkdir(dir+"/a", 0)
			os.Chmod(dir+"/a", 0o777|os.ModeSticky)
			return dir + "/a"
		}, "others may write"},
		{"a group writes", func(dir string) string { os.Mkdir(dir+"/a", 0); os.Chmod(dir+"/a", 0o770); return dir + "/a" }, "others may write"},
		{"a file", func(dir string) string { os.WriteFile(dir+"/a", nil, 0o600); return dir + "/a" }, "not a directory"},
		{"a pipe", func(dir string) string { syscall.Mkfifo(dir+"/a", 0o600); return dir + "/a" }, "not a directory"},
		{"a link to ours", func(dir string) string {
			os.Mkdir(dir+"/real", 0o711)
			os.Symlink("real", dir+"/a")
			return dir + "/a"
		}, "not a directory"},
		{"our link on the way", func(dir string) string {
			os.Mkdir(dir+"/real", 0o711)
			os.Symlink("./real/../real", dir+"/a")
			return dir + "/a/b"
		}, ""},
		{"an absolute link on the way", func(dir string) string {
			os.Mkdir(dir+"/real", 0o711)
			os.Symlink(dir+"/real", dir+"/a")
			return dir + "/a/b"
		}, ""},
		{"in somebody else's", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o755)
			os.Chown(dir+"/m", mallory, 0)
			return dir + "/m/a"
		}, "who could replace what is in it"},
		{"in a directory that all write to", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o755)
			os.Chmod(dir+"/m", 0o777)
			return dir + "/m/a"
		}, "replace what is in it; chmod go-w"},
		{"in one like /tmp", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o711)
			os.Chmod(dir+"/m", 0o777|os.ModeSticky)
			return dir + "/m/a"
		}, ""},
		{"somebody was first in one like /tmp", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o711)
			os.Chmod(dir+"/m", 0o777|os.ModeSticky)
			os.Chown(dir+"/m/a", mallory, 0)
			return dir + "/m/a"
		}, "belongs to user 65534"},
		{"somebody's link in one like /tmp", func(dir string) string {
			os.MkdirAll(dir+"/m", 0o711)
			os.Chmod(dir+"/m", 0o777|os.ModeSticky)
			os.MkdirAll(dir+"/etc/ours", 0o711)
			os.Symlink(dir+"/etc", dir+"/m/l")
			os.Lchown(dir+"/m/l", mallory, mallory)
			return dir + "/m/l/ours"
		}, "belongs to user 65534"},
		{"behind a link into somebody else's", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o711)
			os.Chown(dir+"/m", mallory, 0)
			os.Symlink(dir+"/m", dir+"/l")
			return dir + "/l/a"
		}, "who could replace"},
		{"links in a circle", func(dir string) string { os.Symlink("b", dir+"/a"); os.Symlink("a", dir+"/b"); return dir + "/a/c" }, "file exists"},
		{"root's group may write", func(dir string) string {
			os.MkdirAll(dir+"/m/a", 0o711)
			os.Chmod(dir+"/m", 0o775)
			return dir + "/m/a"
		}, ""},
		{"relative", func(string) string { return "run" }, "want an absolute path"},
		{"none", func(string) string { return "" }, "want an absolute path"},
	}
	for _, tt := range tests {
		path := tt.make(publicDir(t))
		d, err := openOwnDir(path)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if err != nil {
			continue
		}
		if st, err := d.Stat(); err != nil || st.Mode().Perm()&ownDirMode != ownDirMode || st.Mode().Perm()&0o022 != 0 {
			t.Errorf("%s: %v, %v", tt.name, st.Mode(), err)
		}
		d.Close()
	}
}

// A run directory that cannot be trusted stops steps with a reason, and starts
// no runner.
func TestRunDirRefused(t *testing.T) {
	needRoot(t)
	o := testOptions(t)
	os.Mkdir(o.RunDir, 0o711)
	os.Chown(o.RunDir, 65534, 65534)
	if r := runClient(t, NewClient(o), script("exit 0"), nil); !strings.Contains(r.Failure, "start the runner") || !strings.Contains(r.Failure, "belongs to user 65534") {
		t.Errorf("%+v", r)
	}
	if exists(filepath.Join(o.RunDir, lockName)) {
		t.Error("something was started there")
	}
}

// The socket's address holds 108 bytes; a path may be longer.
func TestLongRunDir(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.RunDir = filepath.Join(o.RunDir, strings.Repeat("long/", 40), strings.Repeat("x", 200))
	t.Cleanup(func() { endRunner(t, o) })
	c := NewClient(o)
	r := runClient(t, c, script("echo hello"), nil)
	wantOK(t, r)
}

// Somebody cleans up the run directory (a service manager does so when it stops
// a service) while a step runs: its result is there for the next agent all the
// same, and it has run once.
func TestRunDirRemovedUnderAStep(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"", socketName, lockName} {
		o, dir := testOptions(t), t.TempDir()
		s := script("echo begun >>" + dir + "/log; while ! test -e " + dir + "/go; do sleep 0.05; done; echo done")
		c := NewClient(o)
		runner, err := c.Ready(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := make(chan Result, 1)
		go func() { first <- runClient(t, c, s, &runner) }()
		eventually(t, "the step has begun", func() bool { return len(readLines(t, dir+"/log")) == 1 })
		// The runner puts back what is missing, also into a directory that is just
		// being emptied.
		eventually(t, "it is removed", func() bool { return os.RemoveAll(filepath.Join(o.RunDir, what)) == nil })
		second := make(chan Result, 1)
		go func() { second <- runClient(t, NewClient(o), s, &runner) }()
		eventually(t, "the runner serves again", func() bool {
			l, err := dial(t.Context(), o)
			if err == nil {
				l.Close()
			}
			return err == nil && l.hello.runner == runner
		})
		writeFile(t, dir+"/go", "", 0o600)
		if r := <-first; !r.OK() || r.Stdout != "done\n" {
			t.Errorf("%q removed: the agent that asked: %+v", what, r)
		}
		if r := <-second; !r.OK() || r.Stdout != "done\n" {
			t.Errorf("%q removed: the next agent: %+v", what, r)
		}
		if log := readLines(t, dir+"/log"); len(log) != 1 {
			t.Errorf("%q removed: it ran %d times", what, len(log))
		}
	}
}

// A run directory that is full takes no results; they are kept until it does.
func TestRunDirFull(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	if err := os.Mkdir(o.RunDir, 0o711); err != nil {
		t.Fatal(err)
	}
	mount(t, o.RunDir, "tmpfs", "size=64k,mode=0711")
	c := NewClient(o)
	runner, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, o.RunDir+"/full", "", 0o600)
	f, err := os.OpenFile(o.RunDir+"/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	s := script("echo hello; exit 9")
	for range 2 {
		if r := runClient(t, NewClient(o), s, &runner); r.Code != 9 || r.Stdout != "hello\n" {
			t.Errorf("%+v; want status 9", r)
		}
	}
	if err := os.Remove(o.RunDir + "/full"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the result is written", func() bool { _, err := readResult(o.RunDir, s.ID); return err == nil })
	if err := c.Forget(s.ID); err != nil {
		t.Error(err)
	}
	endRunner(t, o)
}

// The socket of a runner that was killed is no obstacle.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := NewClient(o)
	for range 3 {
		wantOK(t, runClient(t, c, script("exit 0"), nil))
		endRunner(t, o)
	}
}

// A program that is no runner, or dies as one, is named in the reason.
func TestRunnerThatIsNone(t *testing.T) {
	for exe, want := range map[string]string{"/bin/false": "it ended", "/bin/echo": "it said", "/no/such": "no such file"} {
		o := testOptions(t)
		o.Exe = []string{exe}
		if r := runClient(t, NewClient(o), script("exit 0"), nil); !strings.HasPrefix(r.Failure, "start the runner: ") || !strings.Contains(r.Failure, want) {
			t.Errorf("%s: %+v; want %q", exe, r, want)
		}
	}
}

// The runner says where it belongs when a person calls it.
func TestRunnerArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b", "c"}, {"--help"}, {"{}"}, {`{"runDir":"/x","umask":"022"}`}, {`{"runDir":"/x","umask":1,"cpu":-1}`}} {
		if _, _, _, err := runnerArgs(args); err == nil {
			t.Errorf("runnerArgs(%q) is accepted", args)
		}
	}
	o := Options{RunDir: "/r", StateDir: "/s", HandlerDir: "/h", Limits: Limits{NoNewPrivs: true, CPU: 1, AddressSpace: 2, OpenFiles: 3, Processes: 4, Umask: 0o77, Nice: -5}}
	got, _, ready, err := runnerArgs([]string{runnerConfig(o), prepared})
	if err != nil || !ready || got.Limits != o.Limits || got.RunDir != o.RunDir || got.StateDir != o.StateDir || got.HandlerDir != o.HandlerDir || got.Grace != defaultGrace {
		t.Errorf("%+v came back as %+v, %v", o, got, err)
	}
}
