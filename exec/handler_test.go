package exec

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// handlerCases are what may lie under a handler's name. make is given the
// handler directory and a place outside it.
var handlerCases = []struct {
	name, handler string
	make          func(t *testing.T, dir, outside string)
	failure       string // "" for success
	stdout        string
}{
	{"mode 0700", "h", put("#!/bin/sh\necho $0\n", 0o700), "", "/h\n"},
	{"mode 0500", "h", put("#!/bin/sh\necho $0\n", 0o500), "", "/h\n"},
	{"mode 0755", "h", put("#!/bin/sh\n", 0o755), "mode is 0755; want 0700", ""},
	{"mode 0600", "h", put("#!/bin/sh\n", 0o600), "mode is 0600; want 0700", ""},
	{"mode 0701", "h", put("#!/bin/sh\n", 0o701), "mode is 0701", ""},
	{"setuid", "h", put("#!/bin/sh\n", 0o700|os.ModeSetuid), "mode is 4700", ""},
	{"setgid", "h", put("#!/bin/sh\n", 0o700|os.ModeSetgid), "mode is 2700", ""},
	{"sticky", "h", put("#!/bin/sh\n", 0o700|os.ModeSticky), "mode is 1700", ""},
	{"somebody else's", "h", func(t *testing.T, dir, _ string) {
		writeFile(t, dir+"/h", "#!/bin/sh\n", 0o700)
		os.Chown(dir+"/h", 1, 0)
	}, "owned by user 1; want root", ""},
	{"a link to a good one", "h", func(t *testing.T, dir, outside string) {
		writeFile(t, outside+"/h", "#!/bin/sh\n", 0o700)
		os.Symlink(outside+"/h", dir+"/h")
	}, "a symbolic link", ""},
	{"a link inside the directory", "h", func(t *testing.T, dir, _ string) {
		writeFile(t, dir+"/real", "#!/bin/sh\n", 0o700)
		os.Symlink("real", dir+"/h")
	}, "a symbolic link", ""},
	{"a link to nothing", "h", func(t *testing.T, dir, _ string) { os.Symlink("none", dir+"/h") }, "a symbolic link", ""},
	{"a hard link of somebody else's file", "h", func(t *testing.T, dir, outside string) {
		writeFile(t, outside+"/theirs", "#!/bin/sh\n", 0o700)
		os.Chown(outside+"/theirs", 65534, 65534)
		os.Link(outside+"/theirs", dir+"/h")
	}, "owned by user 65534", ""},
	{"a hard link of our own", "h", func(t *testing.T, dir, outside string) {
		writeFile(t, outside+"/ours", "#!/bin/sh\necho ours\n", 0o700)
		os.Link(outside+"/ours", dir+"/h")
	}, "", "ours\n"},
	{"a pipe", "h", func(t *testing.T, dir, _ string) { syscall.Mkfifo(dir+"/h", 0o700) }, "not a regular file", ""},
	{"a directory", "h", func(t *testing.T, dir, _ string) { os.Mkdir(dir+"/h", 0o700) }, "not a regular file", ""},
	{"a device", "h", func(t *testing.T, dir, _ string) { syscall.Mknod(dir+"/h", syscall.S_IFCHR|0o700, 1<<8|3) }, "not a regular file", ""},
	{"a socket", "h", func(t *testing.T, dir, _ string) { syscall.Mknod(dir+"/h", syscall.S_IFSOCK|0o700, 0) }, "no such device", ""},
	{"neither a program nor a script", "h", put("echo hello\n", 0o700), "exec format error (neither a program", ""},
	{"empty", "h", put("", 0o700), "exec format error", ""},
	{"no such interpreter", "h", put("#!/no/such -x\n", 0o700), `its interpreter "/no/such": no such file`, ""},
	{"lines end in CR LF", "h", put("#!/bin/sh\r\necho\r\n", 0o700), "convert it to LF", ""},
	{"interpreter with an argument", "h", put("#!/bin/sh -eu\nfalse\necho not\n", 0o700), "status: 1", ""},
	{"interpreter by env", "h", put("#!/usr/bin/env -S sh -e\necho \"${0##*/} $*\"\n", 0o700), "", "h \n"},
	{"an interpreter that is a script", "h", func(t *testing.T, dir, outside string) {
		writeFile(t, outside+"/interp", "#!/bin/sh\necho interp \"${1##*/}\"\n", 0o755)
		writeFile(t, dir+"/h", "#!"+outside+"/interp\n", 0o700)
	}, "", "interp h\n"},
	{"a name with a slash", "../h", put("", 0o700), "want one file name", ""},
	{"a path", "/bin/true", put("", 0o700), "want one file name", ""},
	{"dot", ".", put("", 0o700), "want one file name", ""},
	{"dot dot", "..", put("", 0o700), "want one file name", ""},
	{"odd names", "a b;$(x)\n", func(t *testing.T, dir, _ string) {
		writeFile(t, dir+"/a b;$(x)\n", "#!/bin/sh\nprintf %s \"${0##*/}\"\n", 0o700)
	}, "", "a b;$(x)\n"},
	{"directory 0755", "h", badDir(func(dir string) { os.Chmod(dir, 0o755) }), "mode is 0755; want 0700", ""},
	{"directory 0710", "h", badDir(func(dir string) { os.Chmod(dir, 0o710) }), "mode is 0710", ""},
	{"directory 0500", "h", func(t *testing.T, dir, o string) { put("#!/bin/sh\n", 0o700)(t, dir, o); os.Chmod(dir, 0o500) }, "", ""},
	{"somebody else's directory", "h", badDir(func(dir string) { os.Chown(dir, 1, 1) }), "owned by user 1", ""},
	{"directory spoiled, built-in name", "built-in.sh", badDir(func(dir string) { os.Chmod(dir, 0o777) }), "mode is 0777", ""},
	{"built in", "built-in.sh", put("", 0o700), "", "built-in "},
	{"built in, but the directory's wins", "built-in.sh", func(t *testing.T, dir, _ string) {
		writeFile(t, dir+"/built-in.sh", "#!/bin/sh\necho mine\n", 0o700)
	}, "", "mine\n"},
	{"built in, and the directory's is spoiled", "built-in.sh", func(t *testing.T, dir, _ string) {
		writeFile(t, dir+"/built-in.sh", "#!/bin/sh\necho mine\n", 0o777)
	}, "mode is 0777", ""},
	{"built in, no directory", "built-in.sh", badDir(func(dir string) { os.RemoveAll(dir) }), "", "built-in "},
	{"a built-in program", "built-in-elf", put("", 0o700), "", ""},
	{"no directory", "h", badDir(func(dir string) { os.RemoveAll(dir) }), "not in the handler directory", ""},
	{"directory is a file", "h", badDir(func(dir string) { os.RemoveAll(dir); os.WriteFile(dir, nil, 0o700) }), "not a directory", ""},
	{"directory is a link", "h", func(t *testing.T, dir, outside string) {
		put("#!/bin/sh\necho there\n", 0o700)(t, dir, outside)
		os.Rename(dir, outside+"/real")
		os.Symlink(outside+"/real", dir)
	}, "", "there\n"},
}

func put(text string, mode os.FileMode) func(*testing.T, string, string) {
	return func(t *testing.T, dir, _ string) { writeFile(t, filepath.Join(dir, "h"), text, mode) }
}

func badDir(spoil func(dir string)) func(*testing.T, string, string) {
	return func(t *testing.T, dir, outside string) {
		put("#!/bin/sh\n", 0o700)(t, dir, outside)
		spoil(dir)
	}
}

func TestHandlers(t *testing.T) {
	needRoot(t)
	for _, tt := range handlerCases {
		for _, user := range []string{"", "nobody"} {
			for _, source := range []Source{Default, Search} {
				o := testOptions(t)
				tt.make(t, o.HandlerDir, publicDir(t))
				s := as(user, handlerStep(tt.handler))
				s.Source = source
				r := runLocal(t, s, o)
				failure := tt.failure
				if source == Search && failure == "not in the handler directory" {
					failure = "no such program in PATH"
				}
				if !strings.Contains(r.Reason(), failure) || (failure == "") != r.OK() || !strings.Contains(r.Stdout, tt.stdout) || strings.Contains(r.Failure, "\n") {
					t.Errorf("%s, as %q, %v: %s; stdout %q, stderr %q; want %q, %q", tt.name, user, source, r.Reason(), r.Stdout, r.Stderr, failure, tt.stdout)
				}
				noCopies(t, o)
			}
		}
	}
}

// noCopies wants the private copies to be gone.
func noCopies(t *testing.T, o Options) {
	t.Helper()
	for _, base := range copyBases(o) {
		if left, _ := os.ReadDir(base); len(left) > 0 {
			t.Errorf("private copies left in %s: %v", base, left)
		}
	}
}

// A name that is in PATH as well runs from there only where the handler
// directory and the built-in ones lack it.
func TestSearchOrder(t *testing.T) {
	needRoot(t)
	path := publicDir(t)
	t.Setenv("PATH", path+":/usr/bin:/bin")
	for _, name := range []string{"h", "built-in.sh"} {
		writeFile(t, filepath.Join(path, name), "#!/bin/sh\necho path \"$@\"\n", 0o755)
	}
	o := testOptions(t)
	search := func(name string) string {
		r := runLocal(t, Step{ID: newID(), Source: Search, Program: name, Args: []string{"", "a"}}, o)
		return strings.Fields(r.Stdout + r.Failure)[0]
	}
	if h, b := search("h"), search("built-in.sh"); h != "path" || b != "built-in" {
		t.Errorf("not in the directory: %s, %s; want path, built-in", h, b)
	}
	writeHandler(t, o, "h", "#!/bin/sh\necho directory\n")
	if h := search("h"); h != "directory" {
		t.Errorf("in the directory: %s", h)
	}
}

// A runner that serves already is replaced when the built-in handlers are no
// longer allowed.
func TestBuiltInOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	wantOK(t, runClient(t, NewClient(o), handlerStep("built-in.sh"), nil))
	o.BuiltIn = nil
	if r := runClient(t, NewClient(o), handlerStep("built-in.sh"), nil); !strings.Contains(r.Failure, "jobbox has none of that name") {
		t.Errorf("%+v; want none", r)
	}
}

// The three ways to execute a program under another user: all of them report
// the name that it was asked for by.
func TestSealedPrograms(t *testing.T) {
	needRoot(t)
	printer := filepath.Join(publicDir(t), "printer")
	buildPrinter(t, printer)
	create := memfdCreate
	defer func() { memfdCreate = create }()
	kernels := []struct {
		name string
		fail error
		old  bool
		left string // where the copy must be
	}{
		{"with memfd", nil, false, "/memfd:"},
		{"before Linux 6.3", nil, true, "/memfd:"},
		{"before Linux 3.17", syscall.ENOSYS, false, "/copies/"},
		{"vm.memfd_noexec=2", syscall.EACCES, false, "/copies/"},
	}
	for _, kernel := range kernels {
		memfdCreate = func(name string, flags int) (int, error) {
			if kernel.fail != nil {
				return -1, kernel.fail
			}
			if kernel.old && flags&0x10 != 0 {
				return -1, syscall.EINVAL
			}
			return create(name, flags)
		}
		for _, user := range []string{"", "nobody"} {
			o := testOptions(t)
			copyFile(t, printer, filepath.Join(o.HandlerDir, "h"), 0o700)
			r := runLocal(t, as(user, handlerStep("h", user, "b c")), o)
			wantOK(t, r)
			f := strings.Split(r.Stdout, "\n")
			if f[0] != o.HandlerDir+"/h" || f[1] != user || f[2] != "b c" {
				t.Errorf("%s, as %q: argv %q", kernel.name, user, f)
			}
			if want := map[bool]string{true: o.HandlerDir + "/h", false: kernel.left}[user == ""]; !strings.Contains(f[3], want) {
				t.Errorf("%s, as %q: executes %s; want %s", kernel.name, user, f[3], want)
			}
			if writable := f[4]; writable != "no" {
				t.Errorf("%s, as %q: it can write to itself: %s", kernel.name, user, writable)
			}
			noCopies(t, o)
		}
	}
}

// buildPrinter builds a program that prints its arguments, its own file, and
// whether it could change that.
func buildPrinter(t *testing.T, path string) {
	t.Helper()
	src := path + ".go"
	writeFile(t, src, `package main

import (
	"fmt"
	"os"
)

func main() {
	for _, a := range os.Args {
		fmt.Println(a)
	}
	exe, _ := os.Readlink("/proc/self/exe")
	fmt.Println(exe)
	writable := "no"
	if os.Getuid() != 0 {
		if os.Chmod("/proc/self/exe", 0o777) == nil {
			writable = "chmod"
		}
		if f, err := os.OpenFile("/proc/self/exe", os.O_WRONLY, 0); err == nil {
			if _, err := f.Write([]byte("x")); err == nil {
				writable = "yes"
			}
		}
	}
	fmt.Println(writable)
}
`, 0o600)
	if out, err := osexec.Command("go", "build", "-o", path, src).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", src, err, out)
	}
}

// The step's user can read its handler's copy, and nobody else can, nor change
// it, list the directory or put anything there.
func TestPrivateCopyIsPrivate(t *testing.T) {
	needRoot(t)
	o := testOptions(t)
	writeHandler(t, o, "h", "#!/bin/sh\nstat -c '%a %u %g' \"$0\" \"${0%/*}\" \"${0%/*/*}\"; head -c 2 \"$0\"; echo; ls \"${0%/*/*}\" 2>/dev/null; (echo x >\"${0%/*}/new\") 2>/dev/null; (echo x >>\"$0\") 2>/dev/null; echo \"$0\"\n")
	r := runLocal(t, as("nobody", handlerStep("h")), o)
	wantOK(t, r)
	lines := strings.Split(r.Stdout, "\n")
	if want := "550 0 65534|710 0 65534|711 0 0|#!"; strings.Join(lines[:4], "|") != want {
		t.Errorf("modes and owners %q; want %q", lines[:4], want)
	}
	if !strings.HasPrefix(lines[4], o.RunDir+"/copies/") || !strings.HasSuffix(lines[4], "/h") {
		t.Errorf("$0 is %q (the directory could be listed?)", lines[4])
	}
}

// Where the run directory cannot take a copy, the state directory does, and
// where neither can, the reason says why.
func TestCopyGoesElsewhere(t *testing.T) {
	needRoot(t)
	o := testOptions(t)
	writeHandler(t, o, "h", "#!/bin/sh\necho $0\n")
	if err := os.MkdirAll(o.RunDir, 0o711); err != nil {
		t.Fatal(err)
	}
	mount(t, o.RunDir, "tmpfs", "size=4k,mode=0711")
	writeFile(t, o.RunDir+"/full", strings.Repeat("x", 4096), 0o600)
	if r := runLocal(t, handlerStep("h"), o); !strings.HasPrefix(r.Stdout, o.StateDir+"/copies/") {
		t.Errorf("the agent's own user: %q, %s", r.Stdout, r.Reason())
	}
	if err := os.Chmod(o.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if r := runLocal(t, as("nobody", handlerStep("h")), o); !strings.Contains(r.Failure, "no space left") || !strings.Contains(r.Failure, `user "nobody" may not enter`) {
		t.Errorf("nobody: %q, %s", r.Stdout, r.Reason())
	}
	if err := os.Chmod(o.StateDir, 0o711); err != nil {
		t.Fatal(err)
	}
	if r := runLocal(t, as("nobody", handlerStep("h")), o); !strings.HasPrefix(r.Stdout, o.StateDir+"/copies/") {
		t.Errorf("nobody: %q, %s", r.Stdout, r.Reason())
	}
	noCopies(t, o)
}

// A mount that forbids to execute is honoured, and named. The run directory may
// well be on one: programs go elsewhere then.
func TestNoexec(t *testing.T) {
	needRoot(t)
	create := memfdCreate
	defer func() { memfdCreate = create }()
	memfdCreate = func(string, int) (int, error) { return -1, syscall.ENOSYS }
	o := testOptions(t)
	os.Mkdir(o.RunDir, 0o711)
	os.Chmod(o.StateDir, 0o711)
	mount(t, o.RunDir, "tmpfs", "noexec,mode=0711")
	copyFile(t, "/bin/true", filepath.Join(o.HandlerDir, "elf"), 0o700)
	writeHandler(t, o, "script", "#!/bin/sh\necho $0\n")
	wantOK(t, runLocal(t, as("nobody", handlerStep("elf")), o))
	if r := runLocal(t, as("nobody", handlerStep("script")), o); !strings.HasPrefix(r.Stdout, o.RunDir) {
		t.Errorf("a script: %q, %s", r.Stdout, r.Reason())
	}
	mount(t, o.HandlerDir, "tmpfs", "noexec,mode=0700")
	copyFile(t, "/bin/true", filepath.Join(o.HandlerDir, "elf"), 0o700)
	writeHandler(t, o, "script", "#!/bin/sh\necho $0\n")
	steps := []Step{handlerStep("elf"), handlerStep("script"), as("nobody", handlerStep("elf")), {ID: newID(), Program: o.HandlerDir + "/elf"}}
	for _, s := range steps {
		if r := runLocal(t, s, o); !strings.Contains(r.Failure, "mounted noexec") {
			t.Errorf("%s as %q: %s", s.Program, s.User, r.Reason())
		}
	}
}

func mount(t *testing.T, dir, kind, options string) {
	t.Helper()
	if out, err := osexec.Command("mount", "-t", kind, "-o", options, kind, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount %s: %v\n%s", dir, err, out)
	}
	t.Cleanup(func() { osexec.Command("umount", "-l", dir).Run() })
}

// While somebody swaps good and evil files under a handler's name as fast as
// they can, what runs is always the one that was checked.
func TestSwapBetweenCheckAndUse(t *testing.T) {
	needRoot(t)
	o, outside := testOptions(t), publicDir(t)
	good, evil, h := o.HandlerDir+"/good", o.HandlerDir+"/evil", o.HandlerDir+"/h"
	writeFile(t, good, "#!/bin/sh\necho good\n", 0o700)
	writeFile(t, evil, "#!/bin/sh\necho evil\n", 0o700)
	os.Chown(evil, 65534, 65534)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			tmp := outside + "/tmp"
			switch i % 3 {
			case 0:
				os.Link(good, tmp)
			case 1:
				os.Link(evil, tmp)
			case 2:
				os.Symlink(evil, tmp)
			}
			os.Rename(tmp, h)
			os.Remove(tmp)
		}
	}()
	ran := 0
	for i := 0; i < 400 && (i < 100 || ran == 0); i++ {
		user := []string{"", "nobody"}[i%2]
		r := runLocal(t, as(user, handlerStep("h")), o)
		switch {
		case r.OK() && r.Stdout == "good\n":
			ran++
		case r.Failure != "" && r.Stdout == "":
		default:
			t.Fatalf("%s: %q", r.Reason(), r.Stdout)
		}
	}
	close(stop)
	<-stopped
	if ran == 0 {
		t.Error("the good one never ran: nothing was tested")
	}
}
