// Package proxy stands in for golang.org/x/net/proxy, which paho.mqtt.golang
// imports for SOCKS proxies named in the environment. jobbox opens its
// connections itself and consults no such variable; docs/SIZES.md has the bytes
// saved. Every dialer here connects directly.
package proxy

import "net"

// Dialer makes connections.
type Dialer interface {
	Dial(network, address string) (net.Conn, error)
}

// FromEnvironment connects directly, whatever the environment says.
func FromEnvironment() Dialer { return new(net.Dialer) }

// FromEnvironmentUsing returns forward.
func FromEnvironmentUsing(forward Dialer) Dialer { return forward }
