package jobs

import (
	"context"
	"testing"
	"time"
)

// heldConnection publishes when it is let.
type heldConnection struct{ asked, let chan struct{} }

func (c heldConnection) Publish(string, []byte) error {
	c.asked <- struct{}{}
	<-c.let
	return nil
}

// A loop that hangs does not come round, so that a watchdog hears nothing.
func TestTurn(t *testing.T) {
	c := heldConnection{make(chan struct{}), make(chan struct{})}
	a := New(Options{Thing: "thing", StateDir: t.TempDir()}, c, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	a.Turn()
	a.Connected()
	<-c.asked
	turned := make(chan struct{})
	go func() {
		a.Turn()
		close(turned)
	}()
	select {
	case <-turned:
		t.Error("Turn has returned while the loop hangs")
	case <-time.After(50 * time.Millisecond):
	}
	close(c.let)
	<-turned
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	a.Turn() // after the end there is nothing to wait for
}
