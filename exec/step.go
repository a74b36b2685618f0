package exec

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"jobbox/internal/logging"
)

// Source says where a step's program is looked for (SPEC section 1.3).
type Source uint8

// The places a program can come from.
const (
	Command   Source = iota // Program is looked up in PATH, or is a path when it has a slash
	Default                 // the handler directory under its rules, then the built-in handlers
	Directory               // Dir + "/" + Program, no checks beyond exec's own
	Search                  // the handler directory under its rules, then built-in, then PATH
)

// The names go over the wire and into nothing else; they never change.
var sourceNames = [...]string{"command", "default", "directory", "search"}

// String is the source's name in messages.
func (s Source) String() string {
	if int(s) >= len(sourceNames) {
		return fmt.Sprintf("Source(%d)", uint8(s))
	}
	return sourceNames[s]
}

func parseSource(name string) (Source, error) {
	for i, n := range sourceNames {
		if n == name {
			return Source(i), nil
		}
	}
	return 0, fmt.Errorf("unknown source %q", name)
}

// Step is all that the runner needs to know to run one step once.
type Step struct {
	ID        string // one for each job id, execution number, step and attempt: 1 to 128 of [A-Za-z0-9_-]
	JobID     string
	Number    int // 1, 2, ...
	Attempt   int // 1, 2, ...
	Source    Source
	Program   string
	Dir       string   // for Directory
	Args      []string // everything after argv[0]
	User      string   // whom to run as; "" is the agent's own user
	Timeout   time.Duration
	LogOutput bool // hand lines of output to the agent's log at DEBUG
}

// maxID is the longest step ID: it names files, with a suffix.
const maxID = 128

// checkID refuses what could name a file elsewhere.
func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("step ID of %d bytes; want 1 to %d", len(id), maxID)
	}
	for i := 0; i < len(id); i++ {
		if !isWord(id[i]) {
			return fmt.Errorf("step ID %q: want only letters, digits, _ and -", id)
		}
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// check finds what would make a step mean something else on the way to execve:
// a NUL ends a C string, and JSON holds only UTF-8.
func (s Step) check() error {
	if s.Program == "" {
		return errors.New("no program is named")
	}
	if s.Source == Directory && s.Dir == "" {
		return errors.New("no directory is named")
	}
	for _, text := range append([]string{s.JobID, s.Program, s.Dir, s.User}, s.Args...) {
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("%q holds a NUL byte, which no program can be given", text)
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("%q is not UTF-8", text)
		}
	}
	return nil
}

// Limits is what the operator wants every step under a runner to be held to.
// NoNewPrivs, Umask and Nice the runner applies to itself, and its children
// inherit them. The others would be the end of any program in Go sooner or
// later; each step is executed through jobbox once more to get them.
type Limits struct {
	NoNewPrivs   bool
	CPU          uint64 // seconds of processor time; 0 is as it is, here and below
	AddressSpace uint64 // bytes
	OpenFiles    uint64
	Processes    uint64
	Umask        int // -1 is as it is
	Nice         int // 0 is as it is
}

// Options says how steps are run on this device.
type Options struct {
	RunDir     string // results, markers and the runner's socket; best on a tmpfs
	StateDir   string // takes private copies of handlers where RunDir cannot
	HandlerDir string
	Exe        []string // the program that becomes the runner, and its first arguments; default /proc/self/exe
	Limits     Limits
	Grace      time.Duration                    // from SIGTERM to SIGKILL; default 5 s
	BuiltIn    func(name string) ([]byte, bool) // jobbox's own handlers
	Log        *logging.Logger

	limited bool // the runner's: all steps are executed through limitedMain
	builtIn bool // the runner's: BuiltIn is wanted
}

const defaultGrace = 5 * time.Second

func (o Options) grace() time.Duration {
	if o.Grace <= 0 {
		return defaultGrace
	}
	return o.Grace
}
