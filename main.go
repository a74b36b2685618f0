// The build links an older snapshot of Go's cryptography for its small memory
// (docs/SIZES.md), which would turn FIPS mode on. Nothing here asks for that.
//
//go:debug fips140=off

// Command jobbox is the device side of AWS IoT Jobs in one static file: the
// agent, the runner of its steps, and the small programs (applets) around them.
package main

import (
	"os"

	"jobbox/applets"
)

// Set by the build: -ldflags '-X main.version=1.2.3 -X main.buildDate=1700000000'.
var (
	version   string // of the release
	buildDate string // seconds since the epoch, of the last commit
)

func main() {
	applets.SetBuild(version, buildDate)
	os.Exit(applets.Main(os.Args, &applets.Env{
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
	}))
}
