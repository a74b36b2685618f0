// Package handlers holds the job handlers that ship inside jobbox: POSIX shell
// scripts for what the managed job templates ask of a device. A handler of the
// same name in the handler directory wins over them.
package handlers

import _ "embed" // strings, not a file system: that costs 17 kB more

// The scripts' text, nearly all that they cost: docs/HANDLERS.md has the figure.
var (
	//go:embed download-file.sh
	downloadFile string
	//go:embed health-check.sh
	healthCheck string
	//go:embed packages.sh
	packages string
	//go:embed reboot.sh
	reboot string
	//go:embed services.sh
	services string
	//go:embed shutdown.sh
	shutdown string
	//go:embed update-jobbox.sh
	updateJobbox string
)

// A script that goes by its own name serves several.
var builtIn = []struct{ name, script string }{
	{"download-file.sh", downloadFile},
	{"health-check.sh", healthCheck},
	{"install-packages.sh", packages},
	{"reboot.sh", reboot},
	{"remove-packages.sh", packages},
	{"restart-services.sh", services},
	{"shutdown.sh", shutdown},
	{"start-services.sh", services},
	{"stop-services.sh", services},
	{"update-jobbox.sh", updateJobbox},
	{"verify-packages-installed.sh", packages},
	{"verify-packages-removed.sh", packages},
}

// Lookup is the built-in handler of that name, a script's text of its own for
// each caller. Only whole file names are found.
func Lookup(name string) ([]byte, bool) {
	for _, h := range builtIn {
		if h.name == name {
			return []byte(h.script), true
		}
	}
	return nil, false
}

// Names are the built-in handlers in alphabetical order.
func Names() []string {
	names := make([]string, len(builtIn))
	for i, h := range builtIn {
		names[i] = h.name
	}
	return names
}
