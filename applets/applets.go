// Package applets holds what jobbox can be called for, one file each. A file
// registers its applet, so that a build leaves one out by leaving out its file.
package applets

import (
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
)

// Exit statuses that mean the same in every applet.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2  // a command line that no applet understands
	ExitConfig  = 78 // EX_CONFIG of sysexits.h: the configuration is wrong
)

// Env is what an applet may see of the process it runs in.
type Env struct {
	Args           []string // without the applet's own name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Applet is one thing that jobbox can be called for, by `jobbox NAME` or by a
// link of that name.
type Applet struct {
	Name     string
	Usage    string        // "fetch URL FILE [--sha256 H]", without "jobbox"
	Summary  string        // one line, lower case, no full stop
	Help     string        // what follows usage and summary in its help
	HelpText func() string // instead of Help, where it is put together
	Hidden   bool          // named by no help: jobbox calls it itself
	Command  bool          // its arguments end in another program's command line, whose --help is not ours
	Run      func(env *Env) int
}

// aliases are other names a binary may be called by. The C++ client's own is
// there so that its init scripts work unchanged.
var aliases = map[string]string{"aws-iot-device-client": "agent"}

var registry = map[string]Applet{}

// register makes an applet known; called from init functions only.
func register(a Applet) {
	if _, taken := registry[a.Name]; taken || a.Name == "" || a.Run == nil {
		panic("BUG: applet " + a.Name + " registered twice, or without a name or Run")
	}
	registry[a.Name] = a
}

// Main runs the applet that argv asks for and returns the exit status: the one
// that the binary is named after, else the one that the first argument names.
func Main(argv []string, env *Env) int {
	if len(argv) == 0 {
		argv = []string{"jobbox"} // execve allows an empty argv
	}
	if a, ok := byLink(argv[0]); ok {
		return start(a, argv[1:], env)
	}
	if len(argv) == 1 {
		fmt.Fprint(env.Stderr, usage())
		return ExitUsage
	}
	return dispatch(argv[1], argv[2:], env)
}

// byLink finds the applet that a binary called argv0 is. A login shell's name
// begins with a dash, which is no part of it.
func byLink(argv0 string) (Applet, bool) {
	name := strings.TrimPrefix(path.Base(argv0), "-")
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	a, ok := registry[name]
	return a, ok
}

func dispatch(name string, args []string, env *Env) int {
	switch name {
	case "help", "--help", "-h":
		return help(args, env)
	case "--version", "-V":
		name = "version"
	}
	a, ok := registry[name]
	if !ok {
		return unknown(name, env)
	}
	return start(a, args, env)
}

// start runs an applet, or shows its help where that is asked for.
func start(a Applet, args []string, env *Env) int {
	if wantsHelp(a, args) {
		fmt.Fprint(env.Stdout, a.help())
		return ExitOK
	}
	// The C++ client's --version, for scripts that ask it.
	if a.Name == "agent" && len(args) > 0 && args[0] == "--version" {
		a, args = registry["version"], nil
	}
	own := *env
	own.Args = args
	return a.Run(&own)
}

func wantsHelp(a Applet, args []string) bool {
	for i, arg := range args {
		if arg == "--" || a.Hidden || (a.Command && i > 0) {
			return false
		}
		if arg == "--help" || arg == "-h" {
			return true
		}
	}
	return false
}

func unknown(name string, env *Env) int {
	fmt.Fprintf(env.Stderr, "jobbox: there is no applet %q%s\n", name, suggestion(name))
	fmt.Fprintln(env.Stderr, `Run "jobbox --help" for the list.`)
	return ExitUsage
}

// shown lists the applets that help names, in alphabetical order.
func shown() []Applet {
	var out []Applet
	for _, a := range registry {
		if !a.Hidden {
			out = append(out, a)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
