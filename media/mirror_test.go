package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
)

// What a mirror plays is what its taps hear, packet by packet, until it ends.
func TestMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		clock, metrics := NewClock(), NewMetrics(nil)
		go func() { _ = clock.Run(ctx) }()
		m := NewMirror(NewStream(newMemPort(), StreamConfig{Clock: clock, Metrics: metrics, Inband: true}))
		m.Negotiate(Format{Codec: codec.PCMU}, SendRecv)
		tap := NewTap(64)
		m.AddTap(tap)
		ended := make(chan error, 1)
		running, end := context.WithCancel(ctx)
		go func() { ended <- m.Run(running) }()
		m.Play(Broadcast(asset(t, 50, nil)))
		time.Sleep(time.Second)
		loud := 0
		got := tap.Read(func(p *Packet, f Format) {
			if f.Codec == codec.PCMU && len(p.Payload) == 160 && p.Payload[3] != codec.MuLawSilence {
				loud++
			}
		})
		if got < 45 || loud != got {
			t.Errorf("%d packets in a second, %d of them as played", got, loud)
		}
		if n := count(t, metrics.received) + count(t, metrics.sent); n != 0 {
			t.Errorf("%.0f packets are counted as those of a peer", n)
		}
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if n := tap.Read(func(*Packet, Format) {}); n > 1 {
			t.Errorf("%d packets after the end", n)
		}
	})
}
