package rest

import (
	"fmt"
	"net"
)

// Notice is for the line that a server prints when it starts.
const Notice = "REST API on loopback only; signatures are not checked"

// Listen opens the port of the API. Any address but a loopback one is refused.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen for the REST API: %w", err)
	}
	if !isLoopback(address) {
		return nil, fmt.Errorf("listen for the REST API on %q: it checks no signatures and listens on loopback only; use 127.0.0.1", host)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the REST API: %w", err)
	}
	return l, nil
}
