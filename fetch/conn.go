package fetch

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxHeaders is how many bytes a server may send before the content begins.
const maxHeaders = 64 << 10

// A link is one connection to a server, perhaps through a proxy.
type link struct {
	net.Conn
	stall time.Duration
	due   time.Time        // when the next bytes must have come
	got   int              // bytes since that was set
	limit io.LimitedReader // of the bytes before the content
	br    *bufio.Reader
	proxy *url.URL // of a plain HTTP request that a proxy is to make for us
}

// trickle is how many bytes a connection must bring in the time that it may be
// silent for: 9 bytes a second.
const trickle = 512

// Read gives up on a connection that is silent for too long, or as good as.
func (l *link) Read(b []byte) (int, error) {
	if l.due.IsZero() || l.got >= trickle {
		l.due, l.got = time.Now().Add(l.stall), 0
		if err := l.SetReadDeadline(l.due); err != nil {
			return 0, err
		}
	}
	n, err := l.Conn.Read(b)
	l.got += n
	return n, err
}

// dial connects to the server of u, with TLS where the URL says so.
func (o *Options) dial(ctx context.Context, u *url.URL) (*link, error) {
	proxy, err := o.Proxy(u)
	if err != nil {
		return nil, final(errors.New("the proxy settings in the environment (http_proxy, https_proxy) cannot be used"))
	}
	var conn net.Conn
	switch {
	case proxy == nil:
		conn, err = o.dialTCP(ctx, u)
	default:
		conn, err = o.dialProxy(ctx, proxy, u)
	}
	if err != nil {
		return nil, err
	}
	if u.Scheme == "https" {
		if conn, err = o.secure(ctx, conn, u.Hostname()); err != nil {
			return nil, err
		}
		proxy = nil
	}
	l := &link{Conn: conn, stall: o.Stall, proxy: proxy}
	l.limit = io.LimitedReader{R: l, N: maxHeaders}
	l.br = bufio.NewReaderSize(&l.limit, 16<<10)
	return l, nil
}

// unbounded lifts the limit once the content begins.
func (l *link) unbounded() { l.limit.N = math.MaxInt64 }

func (o *Options) dialTCP(ctx context.Context, u *url.URL) (net.Conn, error) {
	d := net.Dialer{Timeout: o.Stall}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port(u)))
}

// secure wraps conn in TLS with a verified certificate, or closes it.
func (o *Options) secure(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Stall)
	defer cancel()
	secured := tls.Client(conn, &tls.Config{
		ServerName: host,
		RootCAs:    o.Roots,
		Time:       o.Now,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, o.explainTLS(host, err)
	}
	return secured, nil
}

// explainTLS adds the device's time to a certificate that is not accepted: a
// wrong clock is the usual cause.
func (o *Options) explainTLS(host string, err error) error {
	if refused := (*tls.CertificateVerificationError)(nil); errors.As(err, &refused) {
		return final(fmt.Errorf("certificate of %q: %w (verified as of %s)", host, refused.Err, o.Now().UTC().Format(time.RFC3339)))
	}
	return fmt.Errorf("TLS with %q: %w", host, err)
}

// dialProxy connects to a proxy and, for HTTPS, has it connect to the server.
func (o *Options) dialProxy(ctx context.Context, proxy, u *url.URL) (net.Conn, error) {
	if proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, final(fmt.Errorf("proxy: want an http or https proxy, not %q", proxy.Scheme))
	}
	conn, err := o.dialTCP(ctx, proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		if conn, err = o.secure(ctx, conn, proxy.Hostname()); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	if u.Scheme != "https" {
		return conn, nil
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := connect(conn, proxy, net.JoinHostPort(u.Hostname(), port(u)), o.Stall); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect asks the proxy at the other end of conn for a tunnel (RFC 9110 9.3.6).
func connect(conn net.Conn, proxy *url.URL, address string, within time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: proxyHeader(proxy)}
	if err := ask.Write(conn); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	br := bufio.NewReader(io.LimitReader(conn, maxHeaders))
	answer, err := http.ReadResponse(br, ask)
	if err != nil {
		return fmt.Errorf("proxy: %w", scrub(err))
	}
	switch {
	case answer.StatusCode == http.StatusProxyAuthRequired:
		return final(errors.New("proxy: it wants other credentials (407)"))
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("proxy: no tunnel to %q: status %d", address, answer.StatusCode)
	case br.Buffered() > 0:
		return errors.New("proxy: it sent data before the server could")
	}
	return conn.SetDeadline(time.Time{})
}

// proxyHeader is what authenticates us to a proxy: basic authentication, from
// its URL.
func proxyHeader(proxy *url.URL) http.Header {
	h := http.Header{}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		pair := proxy.User.Username() + ":" + password
		h.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return h
}
