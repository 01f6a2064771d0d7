package mediastream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"tandem/media"
	"tandem/media/codec"
)

// format is what both sides speak: nothing is negotiated.
func format() media.Format {
	return media.Format{Codec: codec.PCMU, PayloadType: codec.PCMU.PayloadType, Ptime: frameTime}
}

const (
	frameTime = 20 * time.Millisecond
	outRoom   = 150 // frames, 3 s: a bot that takes longer to read misses what the caller says meanwhile
	catchUp   = 5   // frames sent in a row after a late wake-up; what is older is skipped
)

// port is the bot as a media.Port: what it said is paced by the clock, what the caller says waits for the writer.
type port struct {
	play    playout
	out     chan *heardFrame
	free    chan *heardFrame
	reached func([]placedMark) // marks that were played
	lost    func(frames int)   // the caller's, because the bot does not read
	active  atomic.Int64       // media.Now when the bot last said something, or was last heard
}

var _ media.Port = (*port)(nil)

// heardFrame is what the caller said in one packet.
type heardFrame struct {
	payload [4 * frameBytes]byte
	n       int
	at      uint32 // RTP timestamp
}

func newPort(reached func([]placedMark), lost func(int)) *port {
	p := &port{out: make(chan *heardFrame, outRoom), free: make(chan *heardFrame, outRoom), reached: reached, lost: lost}
	frames := make([]heardFrame, outRoom)
	for i := range frames {
		p.free <- &frames[i]
	}
	return p
}

var errFrame = errors.New("a packet is too long for a media message")

// Send implements media.Port.
func (p *port) Send(pkt *media.Packet) error {
	if len(pkt.Payload) > len(heardFrame{}.payload) {
		return errFrame
	}
	select {
	case f := <-p.free:
		f.n, f.at = copy(f.payload[:], pkt.Payload), pkt.Timestamp
		p.out <- f // there is a place for each frame
	default:
		p.lost(1)
	}
	return nil
}

// Run implements media.Port: it plays what the bot said, at the pace at which people hear.
func (p *port) Run(ctx context.Context, recv func(*media.Packet)) error {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	var payload [frameBytes]byte
	pkt := media.Packet{
		PayloadType: codec.PCMU.PayloadType, SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32()), Timestamp: rand.Uint32(), Payload: payload[:],
	}
	speaking := false
	due := media.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := media.Now()
		if late := now - due - catchUp*frameTime; late > 0 {
			skipped := late/frameTime + 1
			due += skipped * frameTime
			pkt.Timestamp += uint32(skipped) * frameBytes
			speaking = false
		}
		for ; due <= now; due += frameTime {
			ok, marks := p.play.frame(&payload)
			if len(marks) > 0 {
				p.reached(marks)
			}
			pkt.Timestamp += frameBytes
			if !ok {
				speaking = false
				continue
			}
			p.active.Store(int64(now))
			pkt.Marker, pkt.Arrival = !speaking, now
			speaking = true
			pkt.Sequence++
			recv(&pkt)
		}
	}
}

// Close implements media.Port. Run ends with its context.
func (p *port) Close() error { return nil }
