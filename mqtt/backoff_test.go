package mqtt

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestBackoffBounds(t *testing.T) {
	limits := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 128, 128}
	longest := make([]time.Duration, len(limits))
	for range 400 {
		var b backoff
		for i, limit := range limits {
			d := b.next(time.Hour)
			if d < 0 || d >= limit*time.Second {
				t.Fatalf("delay %d is %v; want below %v", i, d, limit*time.Second)
			}
			longest[i] = max(longest[i], d)
		}
	}
	for i, limit := range limits { // full jitter uses all of its range
		if longest[i] < limit*time.Second*9/10 {
			t.Errorf("the longest of 400 delays %d is %v; want nearly %v", i, longest[i], limit*time.Second)
		}
	}
}

func TestBackoffSpacing(t *testing.T) {
	for range 1000 {
		var b backoff
		if d := b.next(300 * time.Millisecond); d < 700*time.Millisecond {
			t.Fatalf("%v after an attempt that began 300ms ago: more than one CONNECT a second", d)
		}
	}
	b := backoff{failures: 1 << 30}
	if d := b.next(time.Hour); d < 0 || d > lastDelay {
		t.Errorf("delay after a billion failures: %v", d)
	}
}

func TestHeld(t *testing.T) {
	tests := []struct {
		lasted, keepAlive time.Duration
		want              bool
	}{
		{0, 30 * time.Second, false},
		{29 * time.Second, 30 * time.Second, false},
		{30 * time.Second, 30 * time.Second, true},
		{119 * time.Second, 20 * time.Minute, false},
		{2 * time.Minute, 20 * time.Minute, true},
	}
	for _, tt := range tests {
		if got := held(tt.lasted, tt.keepAlive); got != tt.want {
			t.Errorf("held(%v, %v) = %t; want %t", tt.lasted, tt.keepAlive, got, tt.want)
		}
	}
}

func TestGist(t *testing.T) {
	reset := func(port int) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port},
			Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 8883}, Err: errors.New("connection reset by peer")}
	}
	if a, b := gist(reset(4001)), gist(reset(4002)); a != b {
		t.Errorf("the same failure twice: %q, %q", a, b)
	}
	if a, b := gist(reset(4001)), gist(errors.New("no PINGRESP in 30s")); a == b {
		t.Errorf("two failures look the same: %q", a)
	}
}

func TestSleepEndsEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	if !sleep(ctx, time.Hour, wake) {
		t.Error("sleep does not say that it was woken")
	}
	cancel()
	if sleep(ctx, time.Hour, wake) {
		t.Error("sleep was woken by nobody")
	}
}
