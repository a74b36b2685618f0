package config

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"jobbox/internal/jsontext"
	"jobbox/internal/nearest"
)

// The keys of the proxy's file, those of the C++ client.
const (
	proxyEnabled  = "http-proxy-enabled"
	proxyHost     = "http-proxy-host"
	proxyPort     = "http-proxy-port"
	proxyAuth     = "http-proxy-auth-method"
	proxyUser     = "http-proxy-username"
	proxyPassword = "http-proxy-password"
)

var proxyKeys = []string{proxyEnabled, proxyHost, proxyPort, proxyAuth, proxyUser, proxyPassword}

// Values of http-proxy-auth-method, in this case.
const (
	authBasic = "UserNameAndPassword"
	authNone  = "None"
)

// readProxy reads the proxy's file: the one that is named, else the C++ client's
// where there is one.
func (d *draft) readProxy() {
	_, named := d.labels["--http-proxy-config"]
	path := d.proxyFile
	if !named {
		p, err := d.home.path(homeProxy)
		if err != nil {
			return
		}
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) {
			return
		}
		path = p
	}
	if path == "" {
		return // named, and refused for its name
	}
	proxy, err := d.parseProxyFile(path)
	d.Proxy = proxy
	for _, e := range split(err) {
		d.fail(errorf("%s: %w", path, e))
	}
}

func (d *draft) parseProxyFile(path string) (*Proxy, error) {
	data, err := d.readChecked(path, maxFile, othersWrite)
	if err != nil {
		return nil, err
	}
	proxy, warnings, err := ParseProxy(data)
	for _, w := range warnings {
		d.warn("%s: %s", path, w)
	}
	if st, statErr := os.Stat(path); statErr == nil && proxy != nil && proxy.Password != "" && st.Mode()&anyoneElse != 0 {
		d.warn("%q holds a password and has mode %04o; better: chmod 600", path, st.Mode().Perm())
	}
	return proxy, err
}

// ParseProxy reads the text of an http-proxy.conf: nil where it switches the
// proxy off, and what is odd but works as it did with the C++ client.
func ParseProxy(data []byte) (*Proxy, []string, error) {
	root, err := jsontext.Parse(data, maxFile)
	if err != nil {
		return nil, nil, err
	}
	members, err := root.Object()
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, m := range members {
		errs = append(errs, unknownProxyKey(m.Key))
	}
	on := false
	if v := root.Get(proxyEnabled); v.Exists() {
		if on, err = v.Bool(); err != nil {
			errs = append(errs, err)
		}
	}
	if !on {
		return nil, nil, errors.Join(errs...)
	}
	p := &Proxy{}
	warnings, err := p.fill(root)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, err
	}
	return p, warnings, nil
}

func unknownProxyKey(key string) error {
	for _, k := range proxyKeys {
		if k == key {
			return nil
		}
	}
	if near, ok := nearest.Find(key, proxyKeys); ok {
		return errorf("%q is not a key that is known; did you mean %q?", key, near)
	}
	return errorf("%q is not a key that is known; take it out", key)
}

func (p *Proxy) fill(root jsontext.Value) ([]string, error) {
	get := func(key string) value {
		v := root.Get(key)
		return value{label: key, json: &v}
	}
	var errs [3]error
	var warnings []string
	p.Host, errs[0] = proxyHostOf(get(proxyHost))
	p.Port, errs[1] = proxyPortOf(get(proxyPort))
	warnings, errs[2] = p.auth(get)
	return warnings, errors.Join(errs[:]...)
}

func proxyHostOf(v value) (string, error) {
	if !v.json.Exists() {
		return "", v.errorf("is required; give the proxy's host name or address")
	}
	s, err := v.str()
	if err != nil {
		return "", err
	}
	if err := checkHost(s); err != nil {
		return "", v.errorf("%w", err)
	}
	return s, nil
}

// proxyPortOf takes a string, as the C++ client wants it, and a number.
func proxyPortOf(v value) (int, error) {
	if !v.json.Exists() {
		return 0, v.errorf("is required; give the port that the proxy listens on")
	}
	n, err := v.json.Int()
	if s, textErr := v.json.Text(); textErr == nil {
		n, err = strconv.ParseInt(s, 10, 64)
	}
	if err != nil || n < 1 || n > 65535 {
		return 0, v.errorf("want a port, 1 to 65535, such as \"3128\"")
	}
	return int(n), nil
}

// auth reads the last three keys. No error of it repeats what they hold.
func (p *Proxy) auth(get func(string) value) (warnings []string, err error) {
	method := authNone
	if v := get(proxyAuth); v.json.Exists() {
		if method, err = v.str(); err != nil {
			return nil, err
		}
	} else if get(proxyUser).json.Exists() {
		warnings = append(warnings, proxyAuth+": is missing, so the user name is not sent; give \"UserNameAndPassword\" to send it")
	}
	switch method {
	case authNone, "":
		return warnings, nil
	case authBasic:
		return nil, p.basic(get(proxyUser), get(proxyPassword))
	}
	return nil, get(proxyAuth).errorf("want %q or %q, got %q", authBasic, authNone, method)
}

func (p *Proxy) basic(user, password value) error {
	var errs [2]error
	for i, part := range []struct {
		v   value
		dst *string
	}{{user, &p.User}, {password, &p.Password}} {
		s, err := part.v.json.Text()
		if err != nil || s == "" {
			errs[i] = part.v.errorf("is required with http-proxy-auth-method %q; give it as a string", authBasic)
		}
		*part.dst = s
	}
	// RFC 7617 section 2: the first colon ends the user name.
	for _, c := range p.User {
		if c == ':' || c < ' ' {
			errs[0] = user.errorf("holds a colon or a control character, which basic authentication cannot carry")
		}
	}
	return errors.Join(errs[:]...)
}
