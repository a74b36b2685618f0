package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Identity names a process so that no other can be taken for it.
type Identity struct {
	PID       int
	StartTime uint64 // clock ticks since boot, /proc/PID/stat field 22
	BootID    string
}

// BootID names this boot of the machine: /proc/sys/kernel/random/boot_id. It is
// empty where the kernel does not say.
var BootID = sync.OnceValue(func() string {
	b, err := readSmall("/proc/sys/kernel/random/boot_id", 128)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})

// identify names a process that is there now.
func identify(pid int) (Identity, error) {
	st, err := readStat(pid)
	if err != nil {
		return Identity{}, err
	}
	return st.identity(), nil
}

// Alive says whether that very process still runs. A zombie does not: it does
// nothing any more but wait to be counted.
func (i Identity) Alive() bool {
	if i.PID <= 0 || i.BootID != BootID() {
		return false
	}
	st, err := readStat(i.PID)
	return err == nil && st.start == i.StartTime && !st.dead()
}

// procStat is what we use of /proc/PID/stat (proc(5)).
type procStat struct {
	pid     int
	state   byte
	group   int
	session int
	threads int
	start   uint64
}

// identity is that of a process of this boot.
func (p procStat) identity() Identity {
	return Identity{PID: p.pid, StartTime: p.start, BootID: BootID()}
}

// dead is true of a zombie, but not of a process whose first thread has ended
// before the others: that looks like one.
func (p procStat) dead() bool {
	return p.state == 'X' || p.state == 'x' || p.state == 'Z' && p.threads <= 1
}

func readStat(pid int) (procStat, error) {
	b, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", 4096)
	if err != nil {
		return procStat{}, err
	}
	return parseStat(b)
}

// parseStat counts fields from the last parenthesis on: the name in them is the
// process's own choice and may hold parentheses, spaces and newlines.
func parseStat(b []byte) (procStat, error) {
	first, rest, ok := bytes.Cut(b, []byte(" ("))
	end := bytes.LastIndexByte(rest, ')')
	if !ok || end < 0 {
		return procStat{}, errors.New("/proc/PID/stat: no process name")
	}
	f := bytes.Fields(rest[end+1:]) // f[0] is field 3
	if len(f) < 20 || len(f[0]) != 1 {
		return procStat{}, errors.New("/proc/PID/stat: too few fields")
	}
	var p procStat
	var err [5]error
	p.state = f[0][0]
	p.pid, err[0] = strconv.Atoi(string(first))
	p.group, err[1] = strconv.Atoi(string(f[2]))
	p.session, err[2] = strconv.Atoi(string(f[3]))
	p.threads, err[4] = strconv.Atoi(string(f[17]))
	p.start, err[3] = strconv.ParseUint(string(f[19]), 10, 64)
	return p, errors.Join(err[:]...)
}

// readSmall reads a file of /proc, whose size nobody says beforehand.
func readSmall(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		return nil, fmt.Errorf("read %s: more than %d bytes", path, max)
	}
	return b, err
}
