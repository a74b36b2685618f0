package applets

import (
	"fmt"

	"jobbox/config"
	"jobbox/internal/logging"
)

// configFailed tells the person at the keyboard, or the supervisor's log, all
// that is wrong with the configuration, and returns the exit status for it.
func configFailed(env *Env, err error) int {
	problems := config.Problems(err)
	what := "1 problem"
	if len(problems) != 1 {
		what = fmt.Sprintf("%d problems", len(problems))
	}
	fmt.Fprintf(env.Stderr, "jobbox: %s in the configuration:\n", what)
	for _, p := range problems {
		fmt.Fprintf(env.Stderr, "  %s\n", logging.Clean(p.Error()))
	}
	return ExitConfig
}
