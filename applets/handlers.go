package applets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"jobbox/internal/nearest"
	"jobbox/internal/safefile"
	handlers "jobbox/scripts/handlers"
)

func init() {
	register(Applet{
		Name:    "handlers",
		Usage:   "handlers list | show NAME | install DIR [--force]",
		Summary: "list, show or write out the built-in job handlers",
		Help: `  list               the names of the built-in handlers
  show NAME          the text of one
  install DIR        write them all to DIR for changing, with the mode 0700 that
                     jobbox asks of a handler directory and of its files; what
                     has been changed there is kept
  install DIR --force
                     the same, replacing what has been changed

A handler in the handler directory wins over the built-in one of its name.

Exit status: 0, 1 something could not be written, 2 the command line is wrong.`,
		Run: runHandlers,
	})
}

const (
	handlerMode = 0o700
	// maxInstalled bounds what is read of a file to see whether it was changed.
	maxInstalled = 1 << 20
)

func runHandlers(env *Env) int {
	err := handlersCall(env)
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(env.Stderr, "jobbox handlers: %v\n", err)
	if errors.As(err, new(usageError)) {
		return ExitUsage
	}
	return ExitFailure
}

// A usageError is a command line that means nothing.
type usageError string

func (e usageError) Error() string { return string(e) }

func handlersCall(env *Env) error {
	args := env.Args
	switch {
	case len(args) == 1 && args[0] == "list":
		for _, name := range handlers.Names() {
			fmt.Fprintln(env.Stdout, name)
		}
		return nil
	case len(args) == 2 && args[0] == "show":
		return showHandler(env, args[1])
	case len(args) == 2 && args[0] == "install":
		return installHandlers(env, args[1], false)
	case len(args) == 3 && args[0] == "install" && args[1] == "--force":
		return installHandlers(env, args[2], true)
	case len(args) == 3 && args[0] == "install" && args[2] == "--force":
		return installHandlers(env, args[1], true)
	}
	return usageError("want list, show NAME or install DIR [--force]")
}

func showHandler(env *Env, name string) error {
	script, ok := handlers.Lookup(name)
	if !ok {
		hint := ""
		if near, ok := nearest.Find(name, handlers.Names()); ok {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return usageError(fmt.Sprintf("there is no built-in handler %.60q%s", name, hint))
	}
	_, err := env.Stdout.Write(script)
	return err
}

func installHandlers(env *Env, dir string, force bool) error {
	if dir == "" || dir[0] == '-' {
		return usageError(fmt.Sprintf("install: want a directory, got %.60q", dir))
	}
	if err := handlerDir(dir); err != nil {
		return err
	}
	var errs []error
	for _, name := range handlers.Names() {
		did, err := installHandler(filepath.Join(dir, name), name, force)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(env.Stdout, "%s: %s\n", name, did)
	}
	return errors.Join(errs...)
}

// handlerDir creates the directory, or makes sure that jobbox would accept it.
func handlerDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(dir, handlerMode)
	if err == nil {
		return os.Chmod(dir, handlerMode) // whatever the umask has taken away
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner := safefile.Owner(st); !safefile.Trusted(owner) {
		return fmt.Errorf("%q belongs to user %d: install as that user, or chown it", dir, owner)
	}
	if !st.IsDir() || (st.Mode().Perm() != 0o700 && st.Mode().Perm() != 0o500) {
		return fmt.Errorf("%q: want a directory of mode 0700, it is %v: chmod 0700 it", dir, st.Mode())
	}
	return nil
}

// installHandler writes one handler and says what came of it.
func installHandler(file, name string, force bool) (did string, err error) {
	script, _ := handlers.Lookup(name)
	old, err := safefile.Read(file, maxInstalled)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		did = "written"
	case err == nil && bytes.Equal(old, script):
		return "up to date", os.Chmod(file, handlerMode)
	case !force:
		return "kept, it has been changed (--force replaces it)", nil
	default:
		did = "replaced"
	}
	if err := safefile.Write(file, script, handlerMode); err != nil {
		return "", err
	}
	return did, os.Chmod(file, handlerMode)
}
