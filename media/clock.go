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
	phases    = 4                     // a power of two; streams are spread over the frame so that they do not all send at once
	phaseTime = frameTime / phases    // 5 ms
	frameTime = 20 * time.Millisecond // of everything that a clock drives
	catchUp   = 3                     // frames sent in a row after a late wake-up; what is older is skipped
)

// Now is the monotonic time since the process began: the time of Packet.Arrival. (In a testing/synctest bubble, whose clock shows another
// year, it is negative; only differences matter.)
func Now() time.Duration { return time.Since(began) }

var began = time.Now()

// Clock drives everything that no packet drives: prompts, hold music, silence, digits, reports. One Clock serves all streams of the process
// with one goroutine per core, not one per stream.
type Clock struct {
	shards []*shard
	next   atomic.Uint32
}

// shard is one goroutine's streams.
type shard struct {
	mu      sync.Mutex // guards changes of streams
	count   int        // of streams
	wake    chan struct{}
	streams [phases]atomic.Pointer[[]*Stream]
}

// NewClock makes a clock; it stands still until Run.
func NewClock() *Clock {
	c := &Clock{shards: make([]*shard, max(1, runtime.GOMAXPROCS(0)))}
	for i := range c.shards {
		c.shards[i] = &shard{wake: make(chan struct{}, 1)}
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
	sh.count -= len(list)
	list = f(list)
	sh.count += len(list)
	sh.streams[phase].Store(&list)
	select {
	case sh.wake <- struct{}{}:
	default:
	}
}

// empty tells that the shard has nothing to drive.
func (sh *shard) empty() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.count == 0
}

// run drives the shard while it has streams, and sleeps while it has none.
func (sh *shard) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !sh.empty() {
			sh.drive(ctx)
		}
		select {
		case <-ctx.Done():
		case <-sh.wake:
		}
	}
}

func (sh *shard) drive(ctx context.Context) {
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
			phase := done & (phases - 1)
			sh.tick(int(phase), beat{frame: done / phases, skipped: skipped[phase]})
			skipped[phase] = 0
		}
		select {
		case <-sh.wake:
			if sh.empty() {
				return
			}
		default:
		}
	}
}

// beat is one frame of the clock.
type beat struct {
	frame   int64 // counts frames since the process began, the same for all streams: the live position of broadcasts
	skipped int   // frames that were left out before this one
	now     time.Duration
}

func (sh *shard) tick(phase int, b beat) {
	list := sh.streams[phase].Load()
	if list == nil {
		return
	}
	b.now = Now()
	for _, s := range *list {
		s.tick(b)
	}
}
