package mqtt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxProxyHeader bounds a proxy's answer in bytes.
const maxProxyHeader = 16 << 10

// connectThrough asks the HTTP proxy at the other end of conn for a tunnel to
// address (RFC 9110, section 9.3.6). Nothing beyond the answer's header is read.
func connectThrough(conn io.ReadWriter, p Proxy, address, version string) error {
	var b strings.Builder
	b.WriteString("CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n")
	b.WriteString("User-Agent: jobbox/" + token(version) + "\r\n")
	if p.User != "" {
		b.WriteString("Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.User+":"+p.Password)) + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return err
	}
	r, err := readProxyResponse(conn)
	if err != nil {
		return err
	}
	return r.check(p, address)
}

// token leaves of s what may stand in a header's product version (RFC 9110, section 5.6.2).
func token(s string) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return r
		}
		return -1
	}, s)
	if s == "" {
		return "0"
	}
	return s
}

type proxyResponse struct {
	code         int
	reason       string
	authenticate string // schemes that a 407 asks for
}

// readProxyResponse reads up to the empty line and not a byte further: what
// follows belongs to TLS.
func readProxyResponse(r io.Reader) (proxyResponse, error) {
	var head []byte
	var b [1]byte
	for !strings.HasSuffix(string(head[max(0, len(head)-4):]), "\r\n\r\n") && !strings.HasSuffix(string(head[max(0, len(head)-2):]), "\n\n") {
		if len(head) == maxProxyHeader {
			return proxyResponse{}, fmt.Errorf("its answer's header is larger than %d bytes", maxProxyHeader)
		}
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it closed the connection without an answer")
			}
			return proxyResponse{}, err
		}
		head = append(head, b[0])
	}
	return parseProxyResponse(string(head))
}

func parseProxyResponse(head string) (proxyResponse, error) {
	lines := strings.Split(strings.ReplaceAll(head, "\r\n", "\n"), "\n")
	version, rest, _ := strings.Cut(lines[0], " ")
	code, reason, _ := strings.Cut(rest, " ")
	if (version != "HTTP/1.0" && version != "HTTP/1.1") || len(code) != 3 || strings.Trim(code, "0123456789") != "" {
		return proxyResponse{}, fmt.Errorf("its answer is not HTTP/1: %.60q", lines[0])
	}
	r := proxyResponse{reason: reason}
	for _, c := range code {
		r.code = 10*r.code + int(c-'0')
	}
	var schemes []string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Proxy-Authenticate") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			schemes = append(schemes, scheme)
		}
	}
	r.authenticate = strings.Join(schemes, ", ")
	return r, nil
}

// check explains every answer that is no tunnel.
func (r proxyResponse) check(p Proxy, address string) error {
	hint := ""
	switch {
	case r.code >= 200 && r.code <= 299:
		return nil
	case r.code == 407 && !strings.Contains(strings.ToLower(r.authenticate), "basic"):
		hint = fmt.Sprintf("it wants authentication by %.60q; only Basic is supported", r.authenticate)
	case r.code == 407 && p.User == "":
		hint = "it wants a user name and password: set them in the proxy file"
	case r.code == 407:
		hint = fmt.Sprintf("it does not accept the user name %q with this password", p.User)
	case r.code == 403 || r.code == 405:
		hint = "it does not allow CONNECT to that host and port; port 443 is what proxies allow most"
	case r.code >= 500:
		hint = "it could not reach the broker itself"
	}
	err := fmt.Errorf("CONNECT %s refused: %d %.100q", address, r.code, r.reason)
	if hint != "" {
		err = fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
