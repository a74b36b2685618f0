package mqtt

import (
	"fmt"
	"time"
)

// pingTimeout is how long an answer to PINGREQ may take.
const pingTimeout = 30 * time.Second

// keepAliveLoop sends PINGREQ when nothing was sent, or nothing came, for the
// keep-alive, and ends a connection that stays silent after it. It sleeps as long
// as there is nothing to do, and returns when the connection has ended.
func keepAliveLoop(g *guard) {
	keepAlive := time.Duration(g.keepAlive) * time.Second
	for {
		if wait := keepAlive - g.idle(); wait > 0 {
			if !g.sleep(wait) {
				return
			}
			continue
		}
		if !ping(g, min(pingTimeout, keepAlive)) {
			return
		}
	}
}

// ping is false when the connection has ended, by silence or otherwise. Any
// byte from the broker is an answer: it lives.
func ping(g *guard, timeout time.Duration) bool {
	before := g.got.Load()
	if _, err := g.Write([]byte{typePingreq << 4, 0}); err != nil {
		return false
	}
	if !g.sleep(timeout) {
		return false
	}
	if g.got.Load() == before {
		g.end(fmt.Errorf("no PINGRESP in %v", timeout))
		return false
	}
	return true
}

// sleep is false when the connection has ended before d was over.
func (g *guard) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.done:
		return false
	}
}
