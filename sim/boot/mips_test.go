//go:build boottest && boottestmips

package boot

import "testing"

// TestBootMIPS is TestBoot for the machine whose kernel is built by hand. It has
// the 32 MiB of many a router, of which the kernel takes its part first.
func TestBootMIPS(t *testing.T) { bootThrice(t, BigEndian) }
