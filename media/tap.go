package media

import "sync/atomic"

// tapCell is the payload size that a Tap holds without allocating; a cell that meets a larger one grows once and stays so.
const tapCell = 256

// Tap is a copy of what one peer sends, for a reader that is slower or less regular than the stream: a recorder, a monitor. It is a fixed
// ring. When its reader is late, packets are dropped and counted; the stream never waits. One stream writes, one goroutine reads.
type Tap struct {
	cells    []tapSlot
	head     atomic.Uint64 // packets written
	tail     atomic.Uint64 // packets read
	dropped  atomic.Uint64
	attached atomic.Bool
}

type tapSlot struct {
	packet Packet
	format Format
	buf    []byte
}

// NewTap makes a tap for that many packets; 64 are 1.28 s at 20 ms a packet.
func NewTap(slots int) *Tap {
	t := &Tap{cells: make([]tapSlot, max(slots, 1))}
	slab := make([]byte, len(t.cells)*tapCell)
	for i := range t.cells {
		t.cells[i].buf = slab[i*tapCell : (i+1)*tapCell : (i+1)*tapCell]
	}
	return t
}

// Read passes every packet that is there to f, oldest first, and returns how many. The packet is valid until f returns.
func (t *Tap) Read(f func(*Packet, Format)) (n int) {
	tail, head := t.tail.Load(), t.head.Load()
	for ; tail != head; tail++ {
		c := &t.cells[tail%uint64(len(t.cells))]
		f(&c.packet, c.format)
		t.tail.Store(tail + 1)
		n++
	}
	return n
}

// Dropped counts the packets that found the ring full.
func (t *Tap) Dropped() uint64 { return t.dropped.Load() }

// put copies a packet into the ring; it neither blocks nor, but for the first payload above tapCell in a cell, allocates.
func (t *Tap) put(p *Packet, f *Format) {
	head := t.head.Load()
	if head-t.tail.Load() == uint64(len(t.cells)) {
		t.dropped.Add(1)
		return
	}
	c := &t.cells[head%uint64(len(t.cells))]
	c.buf = append(c.buf[:0], p.Payload...)
	c.packet, c.format = *p, *f
	c.packet.Payload = c.buf
	t.head.Store(head + 1)
}
