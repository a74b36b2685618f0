//go:build !exclude_fetch

package applets

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"jobbox/fetch"
	"jobbox/internal/safefile"
)

func init() {
	register(Applet{
		Name:    "fetch",
		Usage:   "fetch URL FILE [--sha256 H] [--timeout D] [--max-size BYTES] [--ca FILE]",
		Summary: "download a file over HTTPS, whole or not at all",
		Help: `  --sha256 H        the file must have this SHA-256, 64 hexadecimal digits
  --timeout D       give up after this long, as in 90s or 10m (default: no limit;
                    a connection that is silent for a minute is always given up)
  --max-size BYTES  refuse a longer file (default: as long as it fits on the disk)
  --ca FILE         PEM certificates to trust instead of the system's

FILE is replaced once all of the new content is on the disk, and keeps its mode
and owner; until then it grows as FILE.part, which a later fetch takes up where
the server still has the same. A symbolic link FILE is refused. Certificates are
verified; https never leads to http. http_proxy, https_proxy, no_proxy,
SSL_CERT_FILE and SSL_CERT_DIR are heeded. Neither the query of a URL, which in a
presigned one grants access, nor credentials in it are ever printed.

Exit status: 0 the file is in place, 1 it is not, 2 the command line is wrong.`,
		Run: runFetch,
	})
}

// maxRoots is far above a distribution's bundle of all authorities.
const maxRoots = 4 << 20

func runFetch(env *Env) int {
	call, err := parseFetch(env.Args)
	if err != nil {
		fmt.Fprintf(env.Stderr, "jobbox fetch: %v\n", err)
		return ExitUsage
	}
	if err := call.run(env); err != nil {
		fmt.Fprintf(env.Stderr, "jobbox fetch: %v\n", err)
		return ExitFailure
	}
	return ExitOK
}

func (c *fetchCall) run(env *Env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if c.timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("not done within %v", c.timeout))
		defer cancel()
	}
	roots, err := readRoots(c.ca)
	if err != nil {
		return err
	}
	bar := newProgressBar(env.Stdout)
	result, err := fetch.Get(ctx, fetch.Options{
		URL: c.url, File: c.file, SHA256: c.sha256, MaxBytes: c.maxSize,
		Roots: roots, Now: certificateTime, Proxy: proxyOf, UserAgent: "jobbox/" + Version(),
		Progress: bar.show,
		// On standard output: one line on standard error fails jobs of the old schema.
		Retry: func(err error, pause time.Duration) {
			bar.clear()
			fmt.Fprintf(env.Stdout, "%v; again in %v\n", err, pause.Round(time.Millisecond))
		},
	})
	bar.clear()
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s: %d bytes%s\n", c.file, result.Bytes, resumedNote(result))
	return nil
}

func resumedNote(r fetch.Result) string {
	if r.Resumed == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them from an earlier download", r.Resumed)
}

// certificateTime is the device's time, unless that stands before the build of
// this binary: a device without a battery starts in 1970.
func certificateTime() time.Time {
	now := time.Now()
	if now.Before(BuildDate()) {
		return BuildDate()
	}
	return now
}

func proxyOf(u *url.URL) (*url.URL, error) {
	return http.ProxyFromEnvironment(&http.Request{URL: u})
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := safefile.Read(file, maxRoots)
	if errors.Is(err, syscall.ELOOP) { // /etc/ssl is full of links, and this one is the caller's own
		pem, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca: no PEM certificate in %q", file)
	}
	return roots, nil
}
