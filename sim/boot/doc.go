// Package boot starts whole machines: a Debian kernel under QEMU, an initramfs
// with BusyBox as init and the files that a firmware package installs, a small
// disk that keeps its state, and a network that reaches one port of the host's
// loopback and nothing else. What the machines then have to do is in the tests.
package boot
