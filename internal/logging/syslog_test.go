package logging

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listen is a syslogd.
func listen(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func openSyslog(t *testing.T, path string) (*syslog, spare) {
	t.Helper()
	s, out := newSyslog(path), newSpare(t)
	s.stderr.Close()
	s.stderr = out.stream
	s.now = func() time.Time { return noon }
	t.Cleanup(func() { s.Close() })
	return s, out
}

func TestSyslogFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	conn := listen(t, path)
	s, _ := openSyslog(t, path)
	log := New(Debug, s.put)
	for _, tt := range []struct {
		write func(string, ...any)
		pri   int
	}{{log.Debugf, 31}, {log.Infof, 30}, {log.Warnf, 28}, {log.Errorf, 27}} {
		tt.write("mqtt: a\nb")
		want := fmt.Sprintf(`<%d>Jan  2 12:00:00 jobbox[%d]: mqtt: a\nb`, tt.pri, os.Getpid())
		if got := receive(t, conn); got != want {
			t.Errorf("received %q; want %q", got, want)
		}
	}
}

func TestSyslogTakesTheLongestLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	conn := listen(t, path)
	s, _ := openSyslog(t, path)
	New(Debug, s.put).Infof("%s", strings.Repeat("x", 10*MaxLine))
	if got := receive(t, conn); strings.Count(got, "x") < MaxLine || !strings.HasSuffix(got, "[...]") {
		t.Errorf("received %d bytes", len(got))
	}
}

func TestSyslogdRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s, out := openSyslog(t, path)
	s.put(Info, "one")
	s.put(Warn, "two")
	conn := listen(t, path)
	s.put(Info, "three")
	if got := receive(t, conn); !strings.HasSuffix(got, ": three") {
		t.Errorf("received %q", got)
	}
	conn.Close()
	s.put(Info, "four")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	conn = listen(t, path)
	s.put(Info, "five")
	if got := receive(t, conn); !strings.HasSuffix(got, ": five") {
		t.Errorf("received %q", got)
	}
	says := regexp.MustCompile(`^WARN syslog: no syslogd at .*/log \(.*\); lines go to standard error until there is$`)
	got := out.lines(t)
	if len(got) != 5 || !says.MatchString(got[0]) || got[1] != "one" || got[2] != "WARN two" || !says.MatchString(got[3]) || got[4] != "four" {
		t.Errorf("standard error holds %q", got)
	}
}

// TestSlowSyslogd: nobody reads, and put returns all the same. A put that waits
// hangs this test.
func TestSlowSyslogd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	conn := listen(t, path)
	s, out := openSyslog(t, path)
	taken := 0
	for ; taken < 100_000 && s.lost < 3; taken++ {
		s.put(Info, strings.Repeat("x", MaxLine))
	}
	if taken -= s.lost; s.lost != 3 {
		t.Fatalf("%d lines lost of %d; want a socket that is full", s.lost, taken)
	}
	for range taken {
		receive(t, conn)
	}
	s.put(Info, "next")
	if got := receive(t, conn); !strings.HasPrefix(got, "<28>") || !strings.HasSuffix(got, "syslog: 3 lines before this one were lost, syslogd was busy") {
		t.Errorf("received %q", got)
	}
	if got := receive(t, conn); !strings.HasSuffix(got, ": next") || s.lost != 0 {
		t.Errorf("received %q, %d lines are still counted as lost", got, s.lost)
	}
	if got := out.lines(t); len(got) != 0 {
		t.Errorf("standard error holds %q", got)
	}
}

func TestSyslogSocketOfAnotherKind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, out := openSyslog(t, path)
	s.put(Info, "one")
	if got := out.lines(t); len(got) != 2 || got[1] != "one" || !strings.Contains(got[0], syscall.EPROTOTYPE.Error()) {
		t.Errorf("standard error holds %q", got)
	}
}
