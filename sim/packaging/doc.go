// Package packaging lays out files as each of the package trees does: it runs
// the trees' own install steps, with stand-ins for the build systems around
// them. The boot tests boot what comes out; the tests here compare it.
package packaging
