package exec

import (
	"context"
	"io"
	"os"
	osexec "os/exec"
	"syscall"
	"testing"
)

// These compare what a step costs with what its parts cost without jobbox. Run
// them together and look at the ratios: make bench does.

func benchOptions(b *testing.B) Options {
	needRoot(b)
	o := testOptions(b)
	// /run is a tmpfs on a device; a disk's fsync would be all that one sees.
	if dir, err := os.MkdirTemp("/dev/shm", "exec-bench-"); err == nil {
		b.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o755); err != nil { // private copies are below it
			b.Fatal(err)
		}
		b.Cleanup(func() { endRunner(b, Options{RunDir: dir + "/run"}) })
		o.RunDir = dir + "/run"
	}
	return o
}

func bare(b *testing.B, attr *syscall.SysProcAttr, argv ...string) {
	b.Helper()
	for b.Loop() {
		cmd := osexec.Command(argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = io.Discard, io.Discard, attr
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStep(b *testing.B, s Step) {
	b.Helper()
	o := benchOptions(b)
	for b.Loop() {
		if r := runHere(context.Background(), s, o); !r.OK() {
			b.Fatal(r.Reason())
		}
	}
}

func BenchmarkBareExec(b *testing.B) { bare(b, nil, "/bin/true") }

func BenchmarkBareExecAsNobody(b *testing.B) {
	needRoot(b)
	bare(b, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, "/bin/true")
}

func BenchmarkSudoAsNobody(b *testing.B) {
	if _, err := osexec.LookPath("sudo"); err != nil {
		b.Fatal("install sudo: it is what jobbox is compared with")
	}
	bare(b, nil, "sudo", "-u", "nobody", "-n", "/bin/true")
}

func BenchmarkStep(b *testing.B) { benchStep(b, Step{Program: "/bin/true"}) }

func BenchmarkStepAsNobody(b *testing.B) { benchStep(b, Step{Program: "/bin/true", User: "nobody"}) }

// A whole round over the socket, with marker, result file and their removal.
func BenchmarkStepUnderRunner(b *testing.B) {
	benchRunner(b, benchOptions(b))
}

// The same with a limit that costs a second exec.
func BenchmarkStepUnderRunnerLimited(b *testing.B) {
	o := benchOptions(b)
	o.Limits.CPU = 3600
	benchRunner(b, o)
}

func benchRunner(b *testing.B, o Options) {
	c := NewClient(o)
	for b.Loop() {
		runner, err := c.Ready(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		s := Step{ID: newID(), JobID: "j", Number: 1, Attempt: 1, Program: "/bin/true"}
		if r := runClient(b, c, s, &runner); !r.OK() {
			b.Fatal(r.Reason())
		}
		if err := c.Forget(s.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// A handler of mode 0700 that belongs to root: a script from its private copy,
// a program from sealed memory.
func BenchmarkHandlerAsNobody(b *testing.B) {
	o := benchOptions(b)
	writeHandler(b, o, "script", "#!/bin/true\n")
	copyFile(b, "/bin/true", o.HandlerDir+"/elf", 0o700)
	for _, name := range []string{"script", "elf"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r := runHere(context.Background(), as("nobody", handlerStep(name)), o); !r.OK() {
					b.Fatal(r.Reason())
				}
			}
		})
	}
}

// What starting a runner costs, once a burst of jobs.
func BenchmarkStartRunner(b *testing.B) {
	o := benchOptions(b)
	for b.Loop() {
		if _, err := NewClient(o).Ready(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		endRunner(b, o)
		b.StartTimer()
	}
}
