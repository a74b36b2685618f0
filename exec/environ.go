package exec

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// defaultPath is the PATH of a step where the agent has none that can be used.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ is a step's whole environment (SPEC section 4), built from nothing:
// secrets in the agent's environment are no business of a job's.
func environ(s Step, u User, o Options) []string {
	env := []string{
		"PATH=" + stepPath(),
		"HOME=" + orElse(u.Home, "/"),
		"USER=" + u.Name,
		"LOGNAME=" + u.Name,
		"SHELL=" + orElse(u.Shell, "/bin/sh"),
	}
	env = append(env, locale()...)
	return append(env,
		envJobID+s.JobID,
		envStep+strconv.Itoa(s.Number),
		envAttempt+strconv.Itoa(s.Attempt),
		"JOBBOX_HANDLER_DIR="+o.HandlerDir,
	)
}

// A step's processes are found again by these.
const (
	envJobID   = "JOBBOX_JOB_ID="
	envStep    = "JOBBOX_STEP="
	envAttempt = "JOBBOX_ATTEMPT="
)

// marks is what the environment of every process of that step holds, unless it
// has made itself another one.
func marks(s Step) []string {
	return []string{envJobID + s.JobID, envStep + strconv.Itoa(s.Number), envAttempt + strconv.Itoa(s.Attempt)}
}

// locale is what a step keeps of our own environment: LANG, LC_* and TZ.
func locale() []string {
	var kept []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// stepPath is our own PATH without its relative and empty entries, which mean
// the current directory.
func stepPath() string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return orElse(strings.Join(dirs, ":"), defaultPath)
}

// runnerEnviron is the environment that a runner is started with: all that it
// hands on to steps, and nothing of the agent's besides.
func runnerEnviron() []string { return append([]string{"PATH=" + stepPath()}, locale()...) }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
