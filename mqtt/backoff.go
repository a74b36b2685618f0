package mqtt

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	firstDelay = time.Second
	lastDelay  = 128 * time.Second
	// connectSpacing is AWS IoT's limit of one CONNECT a second for a client id.
	connectSpacing = time.Second
	// heldLong is how long a connection must last to count as a good one; one
	// keep-alive does where that is shorter, since a PINGREQ has been answered then.
	heldLong = 2 * time.Minute
)

// A backoff is exponential with full jitter: a fleet that lost its broker in
// one moment must not come back in one moment.
type backoff struct {
	failures uint
}

// next is how long to wait before the next attempt, when the last one began
// `since` ago.
func (b *backoff) next(since time.Duration) time.Duration {
	limit := min(firstDelay<<min(b.failures, 7), lastDelay)
	b.failures++
	return max(rand.N(limit), connectSpacing-since)
}

// held says whether a session of that length makes the next failure a first one.
func held(lasted, keepAlive time.Duration) bool { return lasted >= min(keepAlive, heldLong) }

// sleep is over when d is, when ctx is done, or when wake is sent to.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-wake:
		return true
	}
	return false
}

// gist is an error's text without addresses, ports and times, which differ from
// one attempt to the next though the reason is the same.
func gist(err error) string {
	words := strings.Fields(err.Error())
	kept := words[:0]
	for _, w := range words {
		if !strings.ContainsAny(w, "0123456789") {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
