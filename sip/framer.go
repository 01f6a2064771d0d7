package sip

import (
	"bytes"
	"sync"
	"time"
)

// fate is what becomes of a stream after a read.
type fate uint8

const (
	streamOpen     fate = iota
	streamTooLarge      // the message held is over the limit: answer it, then swallow what still comes
	streamGone          // enough was swallowed
	streamLost          // framing cannot be trusted any more
)

const (
	swallowAtMost  = 1 << 20          // read this much after a refusal so that the sender sees the answer before the reset
	partialAtMost  = 30 * time.Second // a message must be whole by then (slow senders)
	maxHeaderBytes = 32 << 10
)

// framer cuts byte streams into SIP messages (RFC 3261 18.3). It holds state only for streams with half a message.
type framer struct {
	mu sync.Mutex
	m  map[string]*partial
}

type partial struct {
	buf       []byte
	since     time.Time
	swallowed int
	refused   bool
}

func newFramer() *framer { return &framer{m: map[string]*partial{}} }

func (f *framer) idle(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m[key] == nil
}

// push adds what was read and returns the messages that are whole now.
func (f *framer) push(key string, data []byte, now time.Time) (whole [][]byte, what fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.m[key]
	if p == nil {
		p = &partial{since: now}
		f.m[key] = p
	}
	if p.refused {
		p.swallowed += len(data)
		if p.swallowed > swallowAtMost || now.Sub(p.since) > partialAtMost {
			return nil, streamGone
		}
		return nil, streamOpen
	}
	p.buf = append(p.buf, data...)
	for {
		p.buf = bytes.TrimLeft(p.buf, "\r\n")
		n, complete := frameLength(p.buf)
		if n > maxMessage || n < 0 {
			p.refused, p.since = true, now
			return whole, streamTooLarge
		}
		if !complete {
			break
		}
		whole = append(whole, bytes.Clone(p.buf[:n]))
		p.buf = p.buf[n:]
		p.since = now
	}
	if len(p.buf) == 0 {
		delete(f.m, key)
	} else if now.Sub(p.since) > partialAtMost {
		return whole, streamGone
	}
	return whole, streamOpen
}

// frameLength says how long the first message in b is. n is negative when its headers are too large; complete is false when bytes are
// missing. A message without a usable Content-Length is cut after its headers and refused later.
func frameLength(b []byte) (n int, complete bool) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHeaderBytes {
			return -1, false
		}
		return len(b), false
	}
	if end > maxHeaderBytes {
		return -1, false
	}
	head, _ := scan(b[:end+4])
	length := uint64(0)
	if v, count := head.first("content-length"); count > 0 {
		l, ok := number(v, 1<<31)
		if !ok {
			return end + 4, true
		}
		length = l
	}
	n = end + 4 + int(length)
	return n, n <= len(b)
}

// held returns what there is of the refused message, cut into lines.
func (f *framer) held(key string) *rawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	var raw rawMessage
	if p := f.m[key]; p != nil {
		head := p.buf[:min(len(p.buf), maxHeaderBytes)]
		if i := bytes.LastIndex(head, []byte("\r\n")); i >= 0 {
			head = head[:i]
		}
		raw, _ = scan(head)
	}
	return &raw
}

// swallow drops what a stream holds; what still comes is read and dropped.
func (f *framer) swallow(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.m[key]; p != nil {
		p.buf, p.refused = nil, true
	}
}

// refuse makes a stream one whose further bytes are dropped until it is closed.
func (f *framer) refuse(key string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.m[key] = &partial{since: now, refused: true}
}

func (f *framer) forget(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, key)
}

// stale returns the streams that have held half a message, or kept sending after a refusal, for too long, and forgets them.
func (f *framer) stale(now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for k, p := range f.m {
		if now.Sub(p.since) > partialAtMost {
			keys = append(keys, k)
			delete(f.m, k)
		}
	}
	return keys
}
