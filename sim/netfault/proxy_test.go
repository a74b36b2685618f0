package netfault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 60 * time.Second

// echo is a server that sends back what it gets, and says which connections
// have ended and how.
type echo struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	ended chan error
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: listener, ended: make(chan error, 100)}
	t.Cleanup(func() {
		listener.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, c := range e.conns {
			c.Close()
		}
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, conn)
			e.mu.Unlock()
			go func() {
				_, err := io.Copy(conn, conn)
				conn.Close()
				e.ended <- err
			}()
		}
	}()
	return e
}

func newProxy(t *testing.T) (*Proxy, *echo) {
	t.Helper()
	e := newEcho(t)
	p, err := New(e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, e
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// say sends text and expects it back.
func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != text {
		t.Fatalf("echo of %q: %q, %v", text, buf, err)
	}
}

// silence expects that nothing comes for a moment. What is shown is an
// absence, so that a slow machine cannot make it fail.
func silence(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("read %d, %v; want silence", n, err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

// gone expects that the connection has ended with RST.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v; want a reset connection", err)
	}
}

// refused expects that a connection is reset at once. The reset may come before
// connect has returned.
func refused(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	gone(t, conn)
}

func TestCarries(t *testing.T) {
	p, _ := newProxy(t)
	conn := dial(t, p.Addr())
	say(t, conn, strings.Repeat("0123456789", 100_000))
	if p.Accepted() != 1 || p.Open() != 1 {
		t.Errorf("accepted %d, open %d; want 1, 1", p.Accepted(), p.Open())
	}
	// The end of one way leaves the other open: what is under way arrives.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
		t.Errorf("after the end: %q, %v; want a clean end", rest, err)
	}
}

func TestCut(t *testing.T) {
	p, e := newProxy(t)
	conn := dial(t, p.Addr())
	say(t, conn, "hello")
	if n := p.Cut(); n != 1 {
		t.Errorf("Cut = %d; want 1", n)
	}
	gone(t, conn)
	if err := <-e.ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server's side: %v; want a reset connection", err)
	}
	say(t, dial(t, p.Addr()), "new connections work")
}

func TestCutAfter(t *testing.T) {
	p, _ := newProxy(t)
	conn := dial(t, p.Addr())
	p.CutAfter(ToBroker, 3)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if len(got) > 3 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v; want at most 3 bytes and a reset connection", got, err)
	}
	say(t, dial(t, p.Addr()), "once only")
}

func TestRefuse(t *testing.T) {
	p, _ := newProxy(t)
	old := dial(t, p.Addr())
	say(t, old, "before")
	p.Refuse(true)
	say(t, old, "old connections are left alone")
	refused(t, p.Addr())
	p.Refuse(false)
	say(t, dial(t, p.Addr()), "after")
}

func TestStall(t *testing.T) {
	p, _ := newProxy(t)
	old := dial(t, p.Addr())
	say(t, old, "before")
	p.Stall(true)
	late := dial(t, p.Addr())
	for _, conn := range []net.Conn{old, late} {
		if _, err := io.WriteString(conn, "held"); err != nil {
			t.Fatal(err)
		}
		silence(t, conn)
	}
	p.Stall(false)
	for _, conn := range []net.Conn{old, late} {
		buf := make([]byte, 4)
		if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "held" {
			t.Errorf("after the stall: %q, %v; want what was held", buf, err)
		}
	}
}

func TestHalfOpen(t *testing.T) {
	p, e := newProxy(t)
	conn := dial(t, p.Addr())
	say(t, conn, "before")
	if n := p.HalfOpen(); n != 1 {
		t.Errorf("HalfOpen = %d; want 1", n)
	}
	if _, err := io.WriteString(conn, "lost"); err != nil {
		t.Fatal(err)
	}
	silence(t, conn)
	conn.Close() // the server is not told
	select {
	case err := <-e.ended:
		t.Errorf("the server saw the end: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	say(t, dial(t, p.Addr()), "new connections work")
}

func TestRateAndLatency(t *testing.T) {
	p, _ := newProxy(t)
	p.SetRate(100_000)
	p.SetLatency(time.Millisecond)
	conn := dial(t, p.Addr())
	start := time.Now()
	say(t, conn, strings.Repeat("x", 20_000)) // there and back: 0.2 s at least each
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("20 kB at 100 kB/s took %v; want 200ms or more", took)
	}
	p.SetRate(0)
	p.SetLatency(0)
	say(t, conn, "full speed again")
}

func TestWait(t *testing.T) {
	p, _ := newProxy(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.Wait(ctx, func(accepted, open int) bool { return accepted == 1 && open == 0 }) }()
	conn := dial(t, p.Addr())
	say(t, conn, "hello")
	conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	cancel()
	if err := p.Wait(ctx, func(int, int) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v; want a cancelled context", err)
	}
}

func TestTargetGone(t *testing.T) {
	p, e := newProxy(t)
	e.Close()
	refused(t, p.Addr())
	p.SetTarget(newEcho(t).Addr().String())
	say(t, dial(t, p.Addr()), "there again")
}

func TestCloseEndsEverything(t *testing.T) {
	p, _ := newProxy(t)
	conn := dial(t, p.Addr())
	say(t, conn, "hello")
	p.Stall(true)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, conn)
}

func TestSpend(t *testing.T) {
	p := &Proxy{budget: [2]int64{5, -1}}
	var got bytes.Buffer
	for _, n := range []int{2, 2, 4, 4} {
		pass, cut := p.spend(ToBroker, n)
		got.WriteString(strings.Repeat(".", pass))
		if cut {
			got.WriteString("|")
		}
	}
	if got.String() != ".....|...." {
		t.Errorf("a budget of 5 lets pass %q; want a cut after 5 bytes, and only one", got.String())
	}
}
