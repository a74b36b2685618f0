package fetch

import (
	"errors"
	"net/url"
)

// maxURL is longer than any presigned URL; session tokens make them 2 kB.
const maxURL = 16 << 10

var errURL = errors.New("the URL cannot be understood: want https://HOST/PATH in printable ASCII, anything else as %XX")

// parseTarget checks a URL from outside. Its errors do not repeat it: a
// presigned one is a secret.
func parseTarget(raw string) (*url.URL, error) {
	if len(raw) > maxURL || !isPlain(raw) {
		return nil, errURL
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errURL
	}
	return u, checkTarget(u)
}

func checkTarget(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the URL must begin with https:// or http://")
	case u.Opaque != "" || u.Hostname() == "" || !isPlain(u.Host): // %XX is decoded there
		return errURL
	}
	return nil
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// display is what may be shown of a URL: neither credentials nor query, which
// in a presigned one grants access.
func display(u *url.URL) string {
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		shown += "?..."
	}
	const most = 200
	if len(shown) > most {
		shown = shown[:most] + "..."
	}
	return shown
}

// port is the port that a URL means.
func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
