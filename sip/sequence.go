package sip

import "sort"

// sequence keeps the requests of one dialog in the order of their CSeq (RFC 3261 12.2.2). The transaction layer gives every message a
// goroutine of its own, so two INFO digits sent back to back may arrive swapped; a request that is ahead of its turn is parked for a
// moment, because a peer may also skip numbers.
type sequence struct {
	last   uint32 // the highest number handed out; 0 and !known: none yet
	known  bool
	parked []numbered
}

type numbered struct {
	seq uint32
	run func()
}

// verdict says what to do with a request that arrived.
type verdict uint8

const (
	inOrder verdict = iota // run what ready returns
	early                  // parked: call expire after parkTime
	stale                  // lower than one already seen: answer 500
)

// start sets the number of the request that made the dialog.
func (s *sequence) start(seq uint32) { s.last, s.known = seq, true }

// offer takes a request. For inOrder it returns the functions to run now, the given one first.
func (s *sequence) offer(seq uint32, run func()) (verdict, []func()) {
	switch {
	case !s.known || seq == s.last+1:
		s.start(seq)
		return inOrder, append([]func(){run}, s.release()...)
	case seq <= s.last:
		return stale, nil
	}
	for _, p := range s.parked {
		if p.seq == seq {
			return stale, nil
		}
	}
	s.parked = append(s.parked, numbered{seq, run})
	sort.Slice(s.parked, func(i, j int) bool { return s.parked[i].seq < s.parked[j].seq })
	return early, nil
}

// release returns the parked requests that follow without a gap.
func (s *sequence) release() []func() {
	var out []func()
	for len(s.parked) > 0 && s.parked[0].seq == s.last+1 {
		s.last++
		out = append(out, s.parked[0].run)
		s.parked = s.parked[1:]
	}
	return out
}

// expire gives up waiting for what is missing below the number: everything parked up to it, and what follows without a gap, runs now.
func (s *sequence) expire(seq uint32) []func() {
	var out []func()
	for len(s.parked) > 0 && s.parked[0].seq <= seq {
		s.last = s.parked[0].seq
		out = append(out, s.parked[0].run)
		s.parked = s.parked[1:]
	}
	return append(out, s.release()...)
}
