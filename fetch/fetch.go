package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// Options says what to download, and how. URL and File are required.
type Options struct {
	URL    string
	File   string
	SHA256 string // 64 hexadecimal digits in lower case that the content must have; "" for any

	Roots     *x509.CertPool                   // nil: the system's
	Now       func() time.Time                 // the time that certificates are verified at; nil: time.Now
	Proxy     func(*url.URL) (*url.URL, error) // nil: none
	UserAgent string

	MaxBytes int64         // most bytes of content; 0: as many as fit on the disk
	Stall    time.Duration // longest silence on a connection; 0: a minute
	Backoff  time.Duration // longest pause before the first retry; doubled up to 30 s; 0: a second
	Attempts int           // attempts in a row that bring next to nothing before it gives up; 0: 5

	Progress func(have, total int64)              // told of every piece; total is -1 while unknown
	Retry    func(err error, pause time.Duration) // told of every attempt that failed and is made again
}

// Result is what a download came to.
type Result struct {
	Bytes   int64 // of the file
	Resumed int64 // of them from an earlier, broken download
}

const (
	defaultStall    = time.Minute
	defaultBackoff  = time.Second
	maxBackoff      = 30 * time.Second
	maxRetryAfter   = 2 * time.Minute // a server may ask for more; the job's time is not its to spend
	defaultAttempts = 5
	fruitful        = 4 << 10 // bytes that an attempt must bring the file on by, to be worth five more
)

// Get downloads o.URL to o.File. Until all of it is there it grows beside the
// file, as FILE.part; a later Get takes that up if the server still has the same
// content. Errors never hold the query or the credentials of a URL.
func Get(ctx context.Context, o Options) (Result, error) {
	o.setDefaults()
	target, err := parseTarget(o.URL)
	if err != nil {
		return Result{}, err
	}
	if err := checkDestination(o.File); err != nil {
		return Result{}, err
	}
	p, err := openPart(o.File, origin(target))
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	if err = o.transfer(ctx, target, p); err == nil {
		err = p.finish()
	}
	if err != nil {
		p.abandon()
		return Result{}, err
	}
	return Result{Bytes: p.size, Resumed: p.kept}, nil
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Proxy == nil {
		o.Proxy = func(*url.URL) (*url.URL, error) { return nil, nil }
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	if o.Backoff == 0 {
		o.Backoff = defaultBackoff
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.Retry == nil {
		o.Retry = func(error, time.Duration) {}
	}
}

// transfer makes attempts until one completes the file, one fails for good, or
// too many in a row bring nothing.
func (o *Options) transfer(ctx context.Context, target *url.URL, p *part) error {
	barren, best := 0, int64(0)
	for {
		before := max(p.size, best)
		err := o.attempt(ctx, target, p)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("get %s: %w after %d bytes", display(target), context.Cause(ctx), p.size)
		}
		if barren++; p.size >= before+fruitful {
			barren = 1
		}
		best = max(p.size, best)
		if isFinal(err) || barren >= o.Attempts {
			return fmt.Errorf("get %s: %w", display(target), err)
		}
		if err := o.pause(ctx, err, barren); err != nil {
			return fmt.Errorf("get %s: %w", display(target), err)
		}
	}
}

// attempt is one request with what it takes to follow it to the content.
func (o *Options) attempt(ctx context.Context, target *url.URL, p *part) error {
	if p.size > 0 && p.validator == "" {
		if err := p.restart(); err != nil {
			return err
		}
	}
	r, err := o.request(ctx, target, p)
	if err != nil {
		return err
	}
	defer r.close()
	if err := p.begin(r.reply, o.MaxBytes); err != nil {
		return err
	}
	if err := p.receive(r.reply.body, r.reply.total, o); err != nil {
		return err
	}
	return p.verify(o.SHA256)
}

// pause waits with full jitter, or as long as the server has asked for.
func (o *Options) pause(ctx context.Context, cause error, barren int) error {
	most := min(o.Backoff<<min(barren-1, 10), maxBackoff)
	d := rand.N(most + 1)
	if asked := (*busyError)(nil); errors.As(cause, &asked) {
		d = max(d, min(asked.retryAfter, maxRetryAfter))
	}
	o.Retry(cause, d)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
