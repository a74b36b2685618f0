package boot

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Boot says what to start.
type Boot struct {
	Machine Machine
	Kernel  *Kernel
	Initrd  string // file
	Disk    string // raw image of what is kept
	Root    string // squashfs of the root, for an Initrd; "" where the initramfs is the root
	Memory  int    // MiB
	Port    int    // of the broker on 127.0.0.1
	Cmdline string // added to the kernel's
	Log     string // file that gets what the machine prints
}

// A Guest is a machine that is switched on.
type Guest struct {
	Started time.Time
	cmd     *exec.Cmd
	ended   chan struct{}
	err     error // of the emulator; read after ended

	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and replaced at each line
}

// Start switches a machine on. It ends with this process, whatever happens.
func Start(b Boot) (*Guest, error) {
	log, err := os.Create(b.Log)
	if err != nil {
		return nil, err
	}
	args := b.Machine.args(b)
	cmd := exec.Command("nice", append([]string{"-n", "10", b.Machine.QEMU[0]}, args...)...)
	// A group of its own, since the emulator starts a child a connection.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	console, output := io.Pipe()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", b.Machine.QEMU[0], err)
	}
	g := &Guest{Started: time.Now(), cmd: cmd, ended: make(chan struct{}), changed: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		g.read(io.TeeReader(console, log))
	}()
	go func() {
		g.err = cmd.Wait()
		output.Close()
		<-read
		log.Close()
		close(g.ended)
	}()
	return g, nil
}

// read collects the console's lines; escape sequences of firmware stay in the
// log file only.
func (g *Guest) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			g.add(strings.TrimSpace(line))
		}
		if err != nil {
			return
		}
	}
}

func (g *Guest) add(line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, line)
	close(g.changed)
	g.changed = make(chan struct{})
}

// WaitLine returns the first line of the console, from the start of the boot,
// that matches. It fails when the machine goes off without one.
func (g *Guest) WaitLine(ctx context.Context, pattern string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	for seen := 0; ; {
		g.mu.Lock()
		lines, changed := g.lines[seen:], g.changed
		g.mu.Unlock()
		for _, line := range lines {
			if re.MatchString(line) {
				return line, nil
			}
		}
		seen += len(lines)
		select {
		case <-changed:
		case <-g.ended:
			return g.lateLine(re)
		case <-ctx.Done():
			return "", fmt.Errorf("console: no line matches %q: %w; the last is %q", pattern, ctx.Err(), g.last())
		}
	}
}

// lateLine looks once more when no line can follow.
func (g *Guest) lateLine(re *regexp.Regexp) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range g.lines {
		if re.MatchString(line) {
			return line, nil
		}
	}
	return "", fmt.Errorf("console: the machine went off without a line that matches %q", re)
}

func (g *Guest) last() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lines) == 0 {
		return ""
	}
	return g.lines[len(g.lines)-1]
}

// Lines returns what the console has shown so far.
func (g *Guest) Lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.lines...)
}

// WaitOff waits until the machine has switched itself off (or rebooted, which
// ends the emulator too). An error is an emulator that did not end by itself.
func (g *Guest) WaitOff(ctx context.Context) error {
	select {
	case <-g.ended:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("the machine is still on: %w; its last line is %q", ctx.Err(), g.last())
	}
}

// Cut takes the power away: nothing in the guest gets to know.
func (g *Guest) Cut() {
	select {
	case <-g.ended: // its number may be another's by now
		return
	default:
	}
	syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
	<-g.ended
}

// NewDisk makes an image of size MiB that holds an empty ext4 file system.
func NewDisk(path string, size int) error { return newExt4(path, size) }

// newExt4 makes an image of size MiB; args go to mke2fs. Outside root it runs as
// the root of a name space, so that the files it takes in belong to root.
func newExt4(path string, size int, args ...string) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(path, int64(size)<<20); err != nil {
		return err
	}
	// huge_file wants a kernel option that small kernels leave out.
	command := append([]string{"/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-O", "^huge_file"}, append(args, path)...)
	if os.Geteuid() != 0 {
		command = append([]string{"unshare", "--map-root-user"}, command...)
	}
	return run(filepath.Dir(path), command[0], command[1:]...)
}
