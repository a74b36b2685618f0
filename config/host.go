package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// errorf is fmt.Errorf; the name keeps a setter's errors alike.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// checkHost takes a host name (RFC 1123) or an IP address and nothing around it:
// what people paste here is often a URL.
func checkHost(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	if scheme, rest, found := strings.Cut(s, "://"); found {
		host, _, _ := strings.Cut(rest, "/")
		return errorf("want a host name alone, got the URL %q; leave out %q: %q", s, scheme+"://", host)
	}
	if host, _, found := strings.Cut(s, "/"); found {
		return errorf("want a host name alone, got a path too in %q; leave it out: %q", s, host)
	}
	if host, port, err := net.SplitHostPort(s); err == nil {
		return errorf("want a host name alone, got a port too in %q; give %q, and the port as \"port\": %q", s, host, port)
	}
	if !isHostName(s) {
		return errorf("%q is neither a host name nor an IP address", s)
	}
	return nil
}

func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// maxThingName is the service's limit (AWS IoT quotas, thing names).
const maxThingName = 128

// setThingName holds the name to the service's pattern [a-zA-Z0-9:_-]+: others
// would end in topics that no policy allows.
func setThingName(d *draft, v value) error {
	s, err := v.str()
	if err != nil {
		return err
	}
	if len(s) > maxThingName {
		return v.errorf("%d characters are more than the %d that a thing's name may have", len(s), maxThingName)
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && !strings.ContainsRune(":_-", rune(c)) {
			return v.errorf("%q holds a character that a thing's name may not; want only a-z A-Z 0-9 : _ -", s)
		}
	}
	d.ThingName = s
	return nil
}
