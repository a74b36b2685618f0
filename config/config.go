// Package config turns a file, the environment and a command line into one
// checked Config, or into every mistake at once. It connects to nothing and
// changes nothing.
package config

import (
	"net"
	"strconv"
	"time"

	"jobbox/internal/logging"
)

// Config is all that an operator can choose, checked: docs/CONFIGURATION.md.
type Config struct {
	Endpoint  string // host name or IP address
	Port      int
	Cert, Key string // paths of PEM files that belong together
	RootCA    string // path of a PEM file; empty for the system's roots
	ThingName string // also the MQTT client id
	KeepAlive time.Duration
	Proxy     *Proxy // nil for none
	Log       Log
	Jobs      Jobs

	CertNotAfter time.Time // when the device's certificate expires

	File     string   // the file that was read, empty for none
	Warnings []string // what works, but somebody should know of; for the log at WARN
}

// Proxy is an HTTP proxy that tunnels to the endpoint with CONNECT.
type Proxy struct {
	Host     string
	Port     int
	User     string // empty for no authentication
	Password string // never to be printed
}

// String is the proxy without its password, whatever the verb it is printed by.
func (p Proxy) String() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// GoString keeps the password from %#v too.
func (p Proxy) GoString() string { return "config.Proxy(" + p.String() + ")" }

// Log is where the log goes, and how much of it.
type Log struct {
	Level logging.Level
	Type  string // STDOUT, FILE or SYSLOG
	File  string // for FILE
}

// Jobs is how jobs are run on this device.
type Jobs struct {
	Enabled       bool
	HandlerDir    string
	StateDir      string
	RunDir        string
	StepTimeout   time.Duration // 0 for none
	MaxAttempts   int           // of one step, each ended by the machine going down
	RebootCommand []string      // run for exit status 194
	Allow         Allow
	Limits        Limits
}

// Allow is the device's own policy: what the cloud may ask of it. A step without
// runAsUser is never refused for its user.
type Allow struct {
	RunCommand bool     // runCommand steps
	AnyPath    bool     // handlers from anywhere; Paths is nil then
	Paths      []string // else: these directories; DefaultPath among them is the handler directory
	AnyUser    bool     // runAsUser may be anybody; Users is nil then
	Users      []string // else: these, by name
	BuiltIn    bool     // jobbox's own handlers
}

// DefaultPath in Allow.Paths stands for the handler directory.
const DefaultPath = "default"

// Limits are what every step is held to. A nil pointer leaves what the agent
// was started with.
type Limits struct {
	NoNewPrivs   bool
	CPUSeconds   *uint64 // RLIMIT_CPU
	AddressSpace *uint64 // RLIMIT_AS, bytes
	OpenFiles    *uint64 // RLIMIT_NOFILE
	Processes    *uint64 // RLIMIT_NPROC
	Umask        *int
	Nice         *int // -20 to 19
}
