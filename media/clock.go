package media

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	phases    = 4                     // streams are spread over the frame so that they do not all send at once
	phaseTime = frameTime / phases    // 5 ms
	frameTime = 20 * time.Millisecond // of everything that a clock drives
	catchUp   = 3                     // frames sent in a row after a late wake-up; what is older is skipped
)

// Now is the monotonic time since the process began: the time of Packet.Arrival.
func Now() time.Duration { return time.Since(began) }

var began = time.Now()

// Clock drives everything that no packet drives: prompts, hold music, silence, digits, reports. One Clock serves all streams of the process
// with one goroutine per core, not one per stream.
type Clock struct {
	shards []*shard
	next   atomic.Uint32
	ids    atomic.Uint64 // of streams
}

// shard is one goroutine's streams.
type shard struct {
	mu      sync.Mutex // guards changes of streams
	streams [phases]atomic.Pointer[[]*Stream]
}

// NewClock makes a clock; it stands still until Run.
func NewClock() *Clock {
	c := &Clock{shards: make([]*shard, max(1, runtime.GOMAXPROCS(0)))}
	for i := range c.shards {
		c.shards[i] = &shard{}
	}
	return c
}

// Run drives the streams until ctx ends; it returns nil then.
func (c *Clock) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, s := range c.shards {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return nil
}

// add puts a stream on a shard and a phase, where it stays until the returned function is called.
func (c *Clock) add(s *Stream) (remove func()) {
	n := c.next.Add(1)
	sh := c.shards[int(n)%len(c.shards)]
	phase := int(n) / len(c.shards) % phases
	sh.change(phase, func(list []*Stream) []*Stream { return append(list, s) })
	return func() {
		sh.change(phase, func(list []*Stream) []*Stream {
			return slices.DeleteFunc(list, func(x *Stream) bool { return x == s })
		})
	}
}

// change replaces a phase's list by a changed copy; the shard may be going through the old one.
func (sh *shard) change(phase int, f func([]*Stream) []*Stream) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var list []*Stream
	if old := sh.streams[phase].Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = f(list)
	sh.streams[phase].Store(&list)
}

func (sh *shard) run(ctx context.Context) {
	ticker := time.NewTicker(phaseTime)
	defer ticker.Stop()
	done := int64(Now() / phaseTime)
	var skipped [phases]int // frames that each phase's streams have still to be told of
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		due := int64(Now() / phaseTime)
		if late := due - done - catchUp*phases; late > 0 {
			frames := (late + phases - 1) / phases
			for i := range skipped {
				skipped[i] += int(frames)
			}
			done += frames * phases
		}
		for done < due {
			done++
			phase := done % phases
			sh.tick(int(phase), beat{frame: done / phases, skipped: skipped[phase]})
			skipped[phase] = 0
		}
	}
}

// beat is one frame of the clock.
type beat struct {
	frame   int64 // counts frames since the process began, the same for all streams: the live position of broadcasts
	skipped int   // frames that were left out before this one
}

func (sh *shard) tick(phase int, b beat) {
	list := sh.streams[phase].Load()
	if list == nil {
		return
	}
	for _, s := range *list {
		s.tick(b)
	}
}
