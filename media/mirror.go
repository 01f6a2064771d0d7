package media

import (
	"context"
	"sync/atomic"
)

// NewMirror makes a stream without a peer, whose taps get what it plays itself: a Mixer's sum, say, for a recording. It has the clock of another
// stream, and needs Run and Negotiate like any other. Nobody presses keys there. It is not to be played to others: its egress is locked while its
// taps are served.
func NewMirror(like *Stream) *Stream {
	cfg := like.cfg
	cfg.Metrics, cfg.Inband = cfg.Metrics.withoutPeer(), false
	return NewStream(&mirror{}, cfg)
}

// mirror is a Port that receives what it sends.
type mirror struct{ recv atomic.Pointer[func(*Packet)] }

// Run implements Port.
func (m *mirror) Run(ctx context.Context, recv func(*Packet)) error {
	m.recv.Store(&recv)
	<-ctx.Done()
	m.recv.Store(nil)
	return nil
}

// Send implements Port.
func (m *mirror) Send(p *Packet) error {
	if recv := m.recv.Load(); recv != nil {
		(*recv)(p)
	}
	return nil
}

// Close implements Port: nothing is held.
func (m *mirror) Close() error { return nil }
