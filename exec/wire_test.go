package exec

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var sampleResults = []Result{
	{}, {Code: 194, Stdout: "a\xff\x00b", Stderr: "é\n", StdoutBytes: 1 << 40, StderrLines: 7, Duration: 3 * time.Second},
	{Signal: 9, Held: true}, {TimedOut: true, Timeout: time.Hour}, {Ended: true}, {Failure: "x\n\"y\""}, {Interrupted: true},
	{Stdout: strings.Repeat("\xff", maxTail), Stderr: strings.Repeat("\x00", maxTail)},
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, r := range sampleResults {
		e := event{name: "result", id: "a-1", result: r}
		if got, err := parseEvent(e.encode()); err != nil || got != e {
			t.Errorf("%+v came back as %+v, %v", e, got, err)
		}
	}
	for _, e := range []event{
		{name: "hello", runner: Identity{7, 1 << 50, "boot"}, config: `{"a":"b"}`, steps: 2},
		{name: "line", id: "x", stream: "stderr", text: "a\tb", dropped: 3}, {name: "ok", id: "x"}, {name: "unknown"}, {name: "busy"}, {name: "error", text: "no"},
	} {
		if got, err := parseEvent(e.encode()); err != nil || got != e {
			t.Errorf("%+v came back as %+v, %v", e, got, err)
		}
	}
	s := Step{ID: "a", JobID: "j\"\n", Number: 3, Attempt: 2, Source: Search, Program: "p", Dir: "/d", Args: []string{"", "a,b", "é"}, User: "u", Timeout: time.Second, LogOutput: true}
	for _, q := range []request{{op: "hello"}, {op: "run", id: "a", step: s}, {op: "end", id: "x"}, {op: "forget", id: "x"}, {op: "retire"}} {
		if got, err := parseRequest(q.encode()); err != nil || !reflect.DeepEqual(got, q) {
			t.Errorf("%+v came back as %+v, %v", q, got, err)
		}
	}
	// A time-out is never rounded to none.
	q := request{op: "run", step: Step{ID: "a", JobID: "j", Program: "p", Timeout: 1}}
	if got, err := parseRequest(q.encode()); err != nil || got.step.Timeout == 0 {
		t.Errorf("a time-out of 1ns came back as %v, %v", got.step.Timeout, err)
	}
}

// What does not make sense is refused, never half believed.
func TestParseResultRefuses(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"kind":"exited"`, `{"kind":"vanished"}`, `{"kind":7}`, `{"kind":""}`,
		`{"kind":"exited","code":-1}`, `{"kind":"exited","code":256}`, `{"kind":"exited","code":"0"}`, `{"kind":"exited","code":0.5}`,
		`{"kind":"signalled"}`, `{"kind":"signalled","signal":0}`, `{"kind":"signalled","signal":128}`, `{"kind":"signalled","signal":-9}`,
		`{"kind":"failed"}`, `{"kind":"failed","failure":""}`, `{"kind":"failed","failure":7}`,
		`{"kind":"exited","stdout":"a"}`, `{"kind":"exited","stdout":7}`, `{"kind":"exited","durationUs":-1}`, `{"kind":"exited","timeoutUs":9223372036854775807}`,
		`{"kind":"exited","kind":"failed"}`, `{"kind":"exited","held":"true"}`,
	} {
		if e, err := parseEvent([]byte(`{"event":"result","result":` + text + `}`)); err == nil {
			t.Errorf("%s was taken for %+v", text, e.result)
		}
	}
}

// A result file is believed only if it is whole and the step's own.
func TestResultFiles(t *testing.T) {
	dir := t.TempDir()
	for i, r := range sampleResults {
		id := newID()
		if err := writeResult(dir, id, r); err != nil {
			t.Fatal(err)
		}
		if got, err := readResult(dir, id); err != nil || got != r {
			t.Errorf("%+v came back as %+v, %v", r, got, err)
		}
		whole, err := os.ReadFile(resultPath(dir, id))
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(whole)/50)
		for n := 0; n < len(whole); n += step {
			writeFile(t, resultPath(dir, id), string(whole[:n]), 0o600)
			if got, err := readResult(dir, id); err == nil {
				t.Errorf("%d: the first %d of %d bytes were taken for %+v", i, n, len(whole), got)
			}
		}
		writeFile(t, resultPath(dir, "other"), string(whole), 0o600)
		if got, err := readResult(dir, "other"); err == nil {
			t.Errorf("another step's result was taken for %+v", got)
		}
		os.Remove(resultPath(dir, id))
		os.Symlink(resultPath(dir, "other"), resultPath(dir, id))
		if got, err := readResult(dir, id); err == nil {
			t.Errorf("a link was taken for %+v", got)
		}
	}
	writeFile(t, resultPath(dir, "big"), strings.Repeat(" ", maxFile+1), 0o600)
	if _, err := readResult(dir, "big"); err == nil {
		t.Error("a huge file was read")
	}
}

func TestMarkers(t *testing.T) {
	dir := t.TempDir()
	m := marker{step: Step{ID: "a", JobID: "j", Number: 2, Attempt: 3}, runner: Identity{7, 8, "b"}}
	for _, process := range []Identity{{}, {9, 10, "b"}} {
		m.process = process
		if err := writeMarker(dir, m); err != nil {
			t.Fatal(err)
		}
		if got, err := readMarker(dir, "a"); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
	}
	if !begun(dir, "a") || begun(dir, "b") {
		t.Error("begun is wrong")
	}
	if err := removeFiles(dir, "a"); err != nil || begun(dir, "a") {
		t.Errorf("not removed: %v", err)
	}
}

func TestStepIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "A-z_09": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "a/b": false, "..": false, "a.b": false, "a b": false, "é": false, "a\x00": false,
	} {
		if err := checkID(id); (err == nil) != ok {
			t.Errorf("checkID(%q) = %v", id, err)
		}
	}
	r, err := NewClient(testOptions(t)).Run(t.Context(), Step{ID: "../x", Program: "true"}, nil)
	if err != nil || r.Kind() != KindFailed {
		t.Errorf("Run with a bad ID: %+v, %v", r, err)
	}
	if err := NewClient(testOptions(t)).Forget("../x"); err == nil {
		t.Error("Forget took a path")
	}
}

// connectRaw is a connection to a real runner for messages written by hand.
func connectRaw(t *testing.T, o Options) (net.Conn, func() string) {
	t.Helper()
	if _, err := NewClient(o).Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", filepath.Join(o.RunDir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	lines := bufio.NewReader(c)
	return c, func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the runner hung up: %v", err)
		}
		return line
	}
}

// An agent of an older or a newer version talks to this runner. These lines
// are written by hand and must not change with the code.
func TestRunnerUnderstandsOtherVersions(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c, next := connectRaw(t, o)
	for _, tt := range []struct{ send, want string }{
		{`{"op":"hello"}`, `"event":"hello","pid":`}, // before there were versions
		{`{"v":2,"op":"hello","features":["x"],"since":{"a":1}}`, `"config":`},
		{`{"v":1,"op":"run","step":{"id":"v1","jobId":"j","number":1,"attempt":1,"source":"command","program":"echo","dir":"","args":["one"],"user":"","timeoutUs":0,"logOutput":false}}`, `"kind":"exited","code":0`},
		{`{"v":1,"op":"run","step":{"id":"v0","jobId":"j","number":1,"attempt":1,"source":"command","program":"true"}}`, `"kind":"exited"`},
		{`{"v":9,"op":"run","priority":5,"step":{"id":"v9","jobId":"j","number":1,"attempt":1,"source":"command","program":"sh","args":["-c","exit 3"],"cgroup":{"cpu":5},"nice":null}}`, `"code":3`},
		{`{"v":9,"op":"run","step":{"id":"v9","jobId":"j","number":1,"attempt":1,"source":"command","program":"sh","args":["-c","exit 4"]}}`, `"code":3`}, // the same step
		{`{"v":9,"op":"run","step":{"id":"vs","jobId":"j","number":1,"attempt":1,"source":"container","program":"x"}}`, `"event":"error","id":"vs","text":"unknown source \"container\""`},
		{`{"v":9,"op":"suspend","id":"v9"}`, `"event":"error","id":"v9","text":"unknown operation"`},
		{`{"v":9,"op":7}`, `"event":"error"`}, {`{"v":9}`, `"event":"error"`}, {`[]`, `"event":"error"`}, {`not JSON`, `"event":"error"`}, {``, `"event":"error"`},
		{`{"op":"run"}`, `"event":"error"`}, {`{"op":"run","step":{"id":"../x","jobId":"j","number":1,"attempt":1,"source":"command","program":"true"}}`, `"event":"error"`},
		{`{"op":"end","id":"none"}`, `"event":"unknown"`}, {`{"op":"forget","id":"none"}`, `"event":"ok"`}, {`{"op":"hello","op":"retire"}`, `"event":"error"`},
		{`{"v":1,"op":"hello"}`, `"steps":0`},
	} {
		if _, err := c.Write([]byte(tt.send + "\n")); err != nil {
			t.Fatal(err)
		}
		if got := next(); !strings.Contains(got, tt.want) {
			t.Errorf("%s was answered with %s; want %s", tt.send, got, tt.want)
		}
	}
}

func TestRunnerRefusesEndlessLines(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c, _ := connectRaw(t, o)
	junk := []byte(strings.Repeat("x", 64<<10))
	var err error
	for n := 0; n < 64*maxMessage && err == nil; n += len(junk) {
		_, err = c.Write(junk)
	}
	if err == nil {
		t.Error("the runner reads a line without end")
	}
	wantOK(t, runClient(t, NewClient(o), script("exit 0"), nil))
}

// speakRunner is a runner of another version: it answers each line that holds
// one of the keys with the lines beside it.
func speakRunner(t *testing.T, o Options, answers map[string][]string) Identity {
	t.Helper()
	self, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p, err := occupy(o.RunDir, self)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	go func() {
		for {
			c, err := p.listener.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				for in := bufio.NewScanner(c); in.Scan(); {
					for key, lines := range answers {
						if strings.Contains(in.Text(), key) {
							c.Write([]byte(strings.Join(lines, "\n") + "\n"))
						}
					}
				}
			}()
		}
	}()
	return self
}

// A runner of an older or a newer version answers this client.
func TestClientUnderstandsOtherVersions(t *testing.T) {
	for _, version := range []struct {
		name   string
		answer func(hello string) map[string][]string
	}{
		{"older", func(hello string) map[string][]string {
			return map[string][]string{
				`"hello"`: {`{"event":"hello",` + hello + `}`}, `"retire"`: {`{"event":"error","text":"unknown operation"}`},
				`"run"`: {`{"event":"result","result":{"kind":"exited","code":5}}`},
			}
		}},
		{"newer", func(hello string) map[string][]string {
			return map[string][]string{
				`"hello"`: {`{"v":9,"event":"notice","level":3}`, `{"v":9,"event":"hello",` + hello + `,"config":"other","steps":1,"load":[1.5]}`},
				`"run"`: {`{"v":9,"event":"progress","id":"x","percent":50}`, `{"v":9,"event":"line","id":"x","stream":"stdout","text":"hello","color":"red"}`,
					`{"v":9,"event":"result","id":"other","result":{"kind":"exited","code":0}}`,
					`{"v":9,"event":"result","id":"x","result":{"kind":"exited","code":5,"stdout":"","cpuUs":7,"limits":{"cpu":true}},"more":[]}`},
			}
		}},
	} {
		o := testOptions(t)
		self, err := identify(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		var w = `"pid":` + strconv.Itoa(self.PID) + `,"start":` + strconv.Itoa(int(self.StartTime)) + `,"boot":"` + self.BootID + `"`
		speakRunner(t, o, version.answer(w))
		c := NewClient(o)
		var id Identity
		if version.name == "newer" { // the older one is idle and not ours: a client replaces it if it can
			if id, err = c.Ready(t.Context()); err != nil || id != self {
				t.Fatalf("%s: Ready = %v, %v; want %v", version.name, id, err, self)
			}
		}
		s := script("exit 1")
		s.ID = "x"
		r := runClient(t, c, s, &self)
		if r.Code != 5 {
			t.Errorf("%s: %+v; want status 5", version.name, r)
		}
		c.drop()
	}
}

// Only root's processes and our own user's are listened to, whatever the
// socket's mode.
func TestPeerCredentials(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := testOptions(t)
	o.RunDir = filepath.Join(publicDir(t), "run")
	t.Cleanup(func() { endRunner(t, o) })
	if _, err := NewClient(o).Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(o.RunDir, socketName)
	talk := as("nobody", Step{ID: newID(), Program: "python3", Args: []string{"-c", `
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except PermissionError:
    print("refused"); sys.exit()
s.settimeout(60)
try:
    s.sendall(b'{"op":"hello"}\n')
    print("answer", s.recv(100))
except OSError as e:
    print("closed")
`, socket}})
	if r := runLocal(t, talk, o); r.Stdout != "refused\n" {
		t.Errorf("by the socket's mode: %q %q", r.Stdout, r.Stderr)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if r := runLocal(t, talk, o); r.Stdout != "answer b''\n" && r.Stdout != "closed\n" {
		t.Errorf("by the peer's credentials: %q %q", r.Stdout, r.Stderr)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(o.RunDir, &st); err != nil || st.Mode&0o777 != ownDirMode {
		t.Errorf("run directory: mode %o, %v", st.Mode, err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"v":1,"op":"run","step":{"id":"v1","jobId":"j","number":1,"attempt":1,"source":"command","program":"echo","dir":"","args":["one"],"user":"","timeoutUs":0,"logOutput":false}}`))
	f.Add([]byte(`{"op":"end","id":"x"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		q, err := parseRequest(line)
		if err != nil {
			return
		}
		again, err := parseRequest(q.encode())
		if q.op == "run" && (err != nil || !reflect.DeepEqual(again.step, q.step) && (len(again.step.Args) > 0 || len(q.step.Args) > 0)) {
			t.Errorf("%+v came back as %+v, %v", q, again, err)
		}
	})
}

func FuzzResult(f *testing.F) {
	for _, r := range sampleResults {
		f.Add(event{name: "result", result: r}.encode())
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEvent(line)
		if err != nil || e.name != "result" {
			return
		}
		again, err := parseEvent(e.encode())
		if err != nil || again.result != e.result {
			t.Errorf("%+v came back as %+v, %v", e.result, again.result, err)
		}
		if n := len(e.result.Stdout); n > maxTail || e.result.OK() && !strings.Contains(string(line), "exited") {
			t.Errorf("%q was taken for %+v", line, e.result)
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if st, err := parseStat(b); err == nil && st.state == 0 {
			t.Errorf("parseStat(%q) = %+v", b, st)
		}
	})
}
