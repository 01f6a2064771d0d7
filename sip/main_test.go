package sip

import (
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"
)

// Timers run 25 times as fast as in the field: 64·T1 is 1.28 s.
const (
	testT1 = 20 * time.Millisecond
	testT2 = 160 * time.Millisecond
)

func TestMain(m *testing.M) {
	gosip.SetTimers(testT1, testT2, 200*time.Millisecond)
	gosip.Timer_D = time.Second
	// The library handles a request on a goroutine of its own, which nobody can wait for: one that is still at it when our sockets close is
	// given a socket by the library, after the last moment at which we could close it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readUDPConnection"))
}
