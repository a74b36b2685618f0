package applets

import (
	"fmt"
	"runtime"
	"strconv"
	"time"
)

func init() {
	register(Applet{
		Name:    "version",
		Usage:   "version",
		Summary: "say which version this is, and for which machine",
		Help:    `Prints one line: jobbox VERSION GO-VERSION SYSTEM/MACHINE (built from the commit of DATE).`,
		Run:     runVersion,
	})
}

var (
	buildVersion = "unknown"
	buildTime    time.Time
)

// SetBuild is told by main what the linker wrote into it: the release, and the
// time of its last commit in seconds since the epoch. Empty where the build
// said nothing.
func SetBuild(version, date string) {
	if version != "" {
		buildVersion = version
	}
	if seconds, err := strconv.ParseInt(date, 10, 64); err == nil && seconds > 0 {
		buildTime = time.Unix(seconds, 0).UTC()
	}
}

// Version is the release this binary is, "unknown" where the build did not say.
func Version() string { return buildVersion }

// BuildDate is when the binary's last commit was made, the zero time where the
// build did not say. No true clock stands before it.
func BuildDate() time.Time { return buildTime }

func runVersion(env *Env) int {
	if len(env.Args) > 0 {
		fmt.Fprintf(env.Stderr, "jobbox version: takes no arguments, got %q\n", env.Args[0])
		return ExitUsage
	}
	from := "built without a date"
	if !buildTime.IsZero() {
		from = "built from the commit of " + buildTime.Format(time.RFC3339)
	}
	fmt.Fprintf(env.Stdout, "jobbox %s %s %s/%s (%s)\n", buildVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH, from)
	return ExitOK
}
