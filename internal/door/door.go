// Package door is what all doors have in common at which strangers knock.
package door

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Source is what limits count as one source: an address, and of IPv6 a network of 64 bits, whose owner can pick any address in it. It is not valid where
// the address is not.
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	p, _ := a.Prefix(min(a.BitLen(), 64)) // there are as many bits
	return p
}

const acceptAgain = 100 * time.Millisecond // after the system had no descriptor for a connection

// Accept waits for a connection of l. It fails once l is closed and not before: those who accept in a loop end for good at the first error, and one may
// come of what passes, as when the process has no descriptor left.
func Accept(l net.Listener) (net.Conn, error) {
	for {
		c, err := l.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return c, err
		}
		<-time.After(acceptAgain)
	}
}
