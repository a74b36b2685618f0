package applets

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"jobbox/exec"
)

// Exit statuses of setuidgid, as daemontools has them: the program could not be
// run, and something about the system did not let it come to that.
const (
	exitWrongCall = 100
	exitSystem    = 111
)

func init() {
	register(Applet{
		Name:    "setuidgid",
		Usage:   "setuidgid USER COMMAND [ARGUMENT...]",
		Summary: "run a command as another user",
		Command: true,
		Help: `Becomes USER for good, with the user's group and supplementary groups (from
/etc/passwd and /etc/group), sets HOME, USER, LOGNAME and SHELL, leaves the rest
of the environment, and executes COMMAND, which is looked up in PATH. Only root
can become another user. A job's runAsUser does this already; this is for
handlers that do one part of their work as somebody else.

Exit status: that of COMMAND; 100 the command line is wrong, 111 the user does
not exist, cannot be become, or COMMAND cannot be executed.`,
		Run: runSetuidgid,
	})
}

func runSetuidgid(env *Env) int {
	if len(env.Args) < 2 {
		fmt.Fprintf(env.Stderr, "jobbox setuidgid: want USER COMMAND, got %d arguments\n", len(env.Args))
		return exitWrongCall
	}
	err := becomeAndExec(env.Args[0], env.Args[1:])
	fmt.Fprintf(env.Stderr, "jobbox setuidgid: %v\n", err)
	return exitSystem
}

// becomeAndExec returns only with an error.
func becomeAndExec(name string, argv []string) error {
	user, err := exec.LookupUser(name)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 && uint32(os.Geteuid()) != user.UID {
		return fmt.Errorf("become %q: only root can, this is user %d", name, os.Geteuid())
	}
	if os.Geteuid() == 0 {
		if err := become(user); err != nil {
			return fmt.Errorf("become %q: %w", name, err)
		}
	}
	// As that user: what it may not reach is not to be found for it.
	file, err := lookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		return err
	}
	return fmt.Errorf("execute %q: %w", file, syscall.Exec(file, argv, userEnviron(os.Environ(), user)))
}

// become gives up everything of the old user. The order matters: without root,
// groups cannot be changed.
func become(user exec.User) error {
	groups := make([]int, len(user.Groups))
	for i, g := range user.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("set its groups: %w", err)
	}
	if err := syscall.Setgid(int(user.GID)); err != nil {
		return fmt.Errorf("set its group: %w", err)
	}
	if err := syscall.Setuid(int(user.UID)); err != nil {
		return fmt.Errorf("set its id: %w", err)
	}
	return nil
}

// userEnviron is environ with what names the user replaced.
func userEnviron(environ []string, user exec.User) []string {
	shell := user.Shell
	if shell == "" {
		shell = "/bin/sh" // passwd(5)
	}
	out := make([]string, 0, len(environ)+4)
	for _, entry := range environ {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "HOME", "USER", "LOGNAME", "SHELL":
		default:
			out = append(out, entry)
		}
	}
	return append(out, "HOME="+user.Home, "USER="+user.Name, "LOGNAME="+user.Name, "SHELL="+shell)
}

// lookPath finds a program as execvp(3) does, but never in the current
// directory unless PATH names it in full.
func lookPath(name, searchPath string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(searchPath, ":") {
		if !path.IsAbs(dir) {
			continue
		}
		file := path.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("execute %q: %w", name, errors.New("not in PATH"))
}
