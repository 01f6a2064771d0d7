package mediastream

import (
	"slices"
	"sync"
)

const (
	frameBytes  = 160            // 20 ms of µ-law
	maxBuffered = 5 * 60 * 8_000 // bytes of µ-law: five minutes
	maxMarks    = 1_000
	ulawSilence = 0xFF
)

// playout is what the bot has said and the caller has not heard yet. Bots speak as fast as they can think; the clock takes a frame each
// 20 ms. What does not fit is refused, so that what was said first is heard whole.
type playout struct {
	mu      sync.Mutex
	buf     []byte
	played  uint64 // bytes that have left
	waiting bool   // a last piece shorter than a frame was seen and may still grow
	marks   []placedMark
}

type placedMark struct {
	name string
	then func() // instead of telling the bot; nil: it is told
	at   uint64 // it is reached when so many bytes have left
}

// add appends audio; refused is how many bytes found no room.
func (p *playout) add(audio []byte) (refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(audio), maxBuffered-len(p.buf))
	p.buf = append(p.buf, audio[:n]...)
	p.waiting = false
	return len(audio) - n
}

// mark puts a mark behind what was said so far. now: everything is played already. ok is false when there are too many.
func (p *playout) mark(name string, then func()) (now, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.buf) == 0:
		return true, true
	case len(p.marks) == maxMarks:
		return false, false
	}
	p.marks = append(p.marks, placedMark{name, then, p.played + uint64(len(p.buf))})
	return false, true
}

// clear forgets what has not been heard, and returns the marks in it: they come back at once.
func (p *playout) clear() (dropped []placedMark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.played += uint64(len(p.buf))
	p.buf, p.waiting = nil, false
	dropped, p.marks = p.marks, nil
	return dropped
}

// frame takes the next 20 ms. ok is false when there is nothing to play; reached are the marks that the frames before have brought.
func (p *playout) frame(dst *[frameBytes]byte) (ok bool, reached []placedMark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := 0
	for ; passed < len(p.marks) && p.marks[passed].at <= p.played; passed++ {
		reached = append(reached, p.marks[passed])
	}
	p.marks = slices.Delete(p.marks, 0, passed)
	n := len(p.buf)
	if n == 0 {
		return false, reached
	}
	if n < frameBytes && !p.waiting && len(p.marks) == 0 {
		p.waiting = true // the rest of the frame is probably on its way
		return false, reached
	}
	n = min(n, frameBytes)
	for i := copy(dst[:], p.buf[:n]); i < frameBytes; i++ {
		dst[i] = ulawSilence
	}
	p.buf = p.buf[n:]
	if len(p.buf) == 0 {
		p.buf = nil
	}
	p.played += uint64(n)
	p.waiting = false
	return true, reached
}
