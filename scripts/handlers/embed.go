// Package handlers holds the job handlers that ship inside jobbox: POSIX shell
// scripts for what the managed job templates ask of a device. A handler of the
// same name in the handler directory wins over them.
package handlers

import (
	"embed"
	"path"
	"strings"
)

// The scripts cost their own size in the binary and no code: about 30 kB, and
// package embed itself under 5 kB. docs/HANDLERS.md has the figures.
//
//go:embed *.sh
var files embed.FS

// Lookup is the built-in handler of that name, a script's text of its own for
// each caller. Only whole file names are found.
func Lookup(name string) ([]byte, bool) {
	if path.Base(name) != name || !strings.HasSuffix(name, ".sh") {
		return nil, false
	}
	script, err := files.ReadFile(name)
	return script, err == nil
}

// Names are the built-in handlers in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("BUG: the embedded handlers cannot be listed: " + err.Error())
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}
