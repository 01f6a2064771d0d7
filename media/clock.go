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
	maxBehind = 3                     // frames sent in a row after a late wake-up; what is older is skipped
)

// Now is the monotonic time since the process began: the time of Packet.Arrival. (In a testing/synctest bubble, whose clock shows another
// year, it is negative; only differences matter.)
func Now() time.Duration { return time.Since(began) }

var began = time.Now()

// Clock drives everything that no packet drives: prompts, hold music, silence, digits, reports. One Clock serves all streams of the process.
// One goroutine does while a beat is little work; a shard whose beats are not is driven by its own, so that all cores help.
type Clock struct {
	shards []*shard
	next   atomic.Uint32
	count  atomic.Int64 // of streams
	wake   chan struct{}
}

// NewClock makes a clock; it stands still until Run.
func NewClock() *Clock {
	c := &Clock{shards: make([]*shard, max(1, runtime.GOMAXPROCS(0))), wake: make(chan struct{}, 1)}
	for i := range c.shards {
		c.shards[i] = &shard{behind: make(chan struct{}, 1)}
	}
	return c
}

// Run drives the streams until ctx ends; it returns nil then. It sleeps while there are none.
func (c *Clock) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, sh := range c.shards {
		wg.Go(func() { sh.run(ctx) })
	}
	for ctx.Err() == nil {
		if c.count.Load() > 0 {
			c.drive(ctx)
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		}
	}
	return nil
}

func (c *Clock) drive(ctx context.Context) {
	ticker := time.NewTicker(phaseTime)
	defer ticker.Stop()
	for _, sh := range c.shards {
		sh.begin()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		began := Now()
		for _, sh := range c.shards {
			sh.due(Now()-began < heavyFrom)
		}
		select {
		case <-c.wake:
			if c.count.Load() == 0 {
				return
			}
		default:
		}
	}
}

// add puts a stream on a shard and a phase, where it stays until the returned function is called.
func (c *Clock) add(s *Stream) (remove func()) {
	n := c.next.Add(1)
	sh := c.shards[int(n)%len(c.shards)]
	phase := int(n) / len(c.shards) % phases
	sh.change(phase, func(list []*Stream) []*Stream { return append(list, s) })
	c.counts(1)
	return func() {
		sh.change(phase, func(list []*Stream) []*Stream {
			return slices.DeleteFunc(list, func(x *Stream) bool { return x == s })
		})
		c.counts(-1)
	}
}

func (c *Clock) counts(n int64) {
	c.count.Add(n)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// shard is streams that one goroutine at a time drives: the clock's, or its own.
type shard struct {
	mu      sync.Mutex // guards changes of streams
	streams [phases]atomic.Pointer[[]*Stream]
	heavy   atomic.Bool   // its beats are much work
	behind  chan struct{} // tells its own goroutine to drive it

	driving sync.Mutex  // guards what follows
	done    int64       // beats since the process began
	skipped [phases]int // frames that each phase's streams have still to be told of
	light   int         // beats in a row that took less than heavyBelow
}

// A shard is driven by its own goroutine from a beat of heavyFrom on, until a frame's beats have each taken less than heavyBelow.
const (
	heavyFrom  = time.Millisecond
	heavyBelow = heavyFrom / 2
)

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

// begin forgets the beats until now.
func (sh *shard) begin() {
	sh.driving.Lock()
	defer sh.driving.Unlock()
	sh.done, sh.skipped = int64(Now()/phaseTime), [phases]int{}
}

// due drives the shard up to now if it is in time for that and its beats are little work; else it has its own goroutine do it.
func (sh *shard) due(inTime bool) {
	if inTime && !sh.heavy.Load() && sh.driving.TryLock() {
		defer sh.driving.Unlock()
		sh.catchUp()
		return
	}
	select {
	case sh.behind <- struct{}{}:
	default:
	}
}

// run drives the shard whenever it is told to, until ctx ends.
func (sh *shard) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-sh.behind:
		}
		sh.driving.Lock()
		sh.catchUp()
		sh.driving.Unlock()
	}
}

// catchUp makes the beats that are due.
func (sh *shard) catchUp() {
	due := int64(Now() / phaseTime)
	if late := due - sh.done - maxBehind*phases; late > 0 {
		frames := (late + phases - 1) / phases
		for i := range sh.skipped {
			sh.skipped[i] += int(frames)
		}
		sh.done += frames * phases
	}
	for sh.done < due {
		sh.done++
		phase := sh.done & (phases - 1)
		sh.tick(int(phase), beat{frame: sh.done / phases, skipped: sh.skipped[phase]})
		sh.skipped[phase] = 0
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
	switch took := Now() - b.now; {
	case took >= heavyFrom:
		sh.heavy.Store(true)
		sh.light = 0
	case took >= heavyBelow:
		sh.light = 0
	default:
		if sh.light++; sh.light == phases {
			sh.heavy.Store(false)
		}
	}
}
