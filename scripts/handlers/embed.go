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
	//go:embed install-packages.sh
	installPackages string
	//go:embed reboot.sh
	reboot string
	//go:embed remove-packages.sh
	removePackages string
	//go:embed restart-services.sh
	restartServices string
	//go:embed shutdown.sh
	shutdown string
	//go:embed start-services.sh
	startServices string
	//go:embed stop-services.sh
	stopServices string
	//go:embed update-jobbox.sh
	updateJobbox string
	//go:embed verify-packages-installed.sh
	verifyPackagesInstalled string
	//go:embed verify-packages-removed.sh
	verifyPackagesRemoved string
)

var builtIn = []struct{ name, script string }{
	{"download-file.sh", downloadFile},
	{"health-check.sh", healthCheck},
	{"install-packages.sh", installPackages},
	{"reboot.sh", reboot},
	{"remove-packages.sh", removePackages},
	{"restart-services.sh", restartServices},
	{"shutdown.sh", shutdown},
	{"start-services.sh", startServices},
	{"stop-services.sh", stopServices},
	{"update-jobbox.sh", updateJobbox},
	{"verify-packages-installed.sh", verifyPackagesInstalled},
	{"verify-packages-removed.sh", verifyPackagesRemoved},
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
