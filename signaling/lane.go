package signaling

// lane runs functions one after another on one goroutine, in the order they were given: what they touch needs no lock. There are two
// kinds: a session's own, to which anybody posts (do), and the lanes it feeds (try, finish), which do for it what takes time.
type lane struct {
	tasks chan func()
	over  chan struct{}
}

func newLane(room int) *lane { return &lane{tasks: make(chan func(), room), over: make(chan struct{})} }

// do gives the lane f to run, waiting for room; false when the lane has ended.
func (l *lane) do(f func()) bool {
	select {
	case <-l.over:
		return false
	default:
	}
	select {
	case l.tasks <- f:
		return true
	case <-l.over:
		return false
	}
}

// try is do for the one goroutine that feeds the lane: it does not wait, false means that there is no room.
func (l *lane) try(f func()) bool {
	select {
	case l.tasks <- f:
		return true
	default:
		return false
	}
}

// drain runs what the feeder gives, to the last, until the feeder calls finish.
func (l *lane) drain() {
	defer close(l.over)
	for f := range l.tasks {
		f()
	}
}

// finish lets drain end, and waits for it. The feeder calls it once, and gives nothing after it.
func (l *lane) finish() {
	close(l.tasks)
	<-l.over
}
