// Package media is the audio of calls: ports that carry RTP, streams that say what each party hears, taps that listen without being
// noticed, and the clock that plays prompts. Packets are forwarded as they come; only a party that must hear a sum or a recording is
// driven by a clock.
package media

import (
	"context"
	"time"

	"tandem/media/codec"
)

// Packet is one RTP packet (RFC 3550), header fields parsed. Payload is valid only during the call that passes it on.
type Packet struct {
	PayloadType uint8
	Marker      bool
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32
	Payload     []byte
	Arrival     time.Duration // monotonic, since the process began
}

// Port carries RTP packets to and from one peer. There are two: RTPPort for SIP legs, and signaling's over a browser's PeerConnection.
type Port interface {
	// Run reads until ctx ends or Close, and hands each packet to recv, always from the same goroutine.
	Run(ctx context.Context, recv func(*Packet)) error
	// Send sends one packet with the header fields as given. It does not keep p, does not block, and does not allocate.
	// It is called by one goroutine at a time.
	Send(p *Packet) error
	// Close ends Run and frees what the port holds.
	Close() error
}

// ControlPort is a Port that carries RTCP too. Streams on one make and read the reports themselves; a Port that does its own RTCP tells the
// Stream what the peer reports by PeerReport.
type ControlPort interface {
	Port
	// RunControl is Run which also hands each compound RTCP packet to control, possibly from another goroutine than recv's.
	RunControl(ctx context.Context, recv func(*Packet), control func([]byte)) error
	// SendControl sends one compound RTCP packet. It may be called while Send is.
	SendControl(b []byte) error
}

// Format is what was negotiated for a stream: one codec both ways, its payload type, and the peer's wishes.
type Format struct {
	Codec       codec.Codec
	PayloadType uint8         // as negotiated, both ways
	EventType   uint8         // telephone-event (RFC 4733) payload type at the codec's clock rate, 0: none
	Ptime       time.Duration // frame length that we send, 20 ms unless the peer asked otherwise
}

// Direction is the peer's view-independent direction of a stream as this side sees it (RFC 3264).
type Direction string

// The directions, seen from this side.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)
