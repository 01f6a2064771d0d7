package media

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pacer reads what a poller tells of at a pace. While few packets come the reader is woken for each. While so many come that being woken would cost
// more than all else of a packet's way, it looks each 0.4 ms for all that came meanwhile. It is one goroutine's.
type Pacer struct {
	pace
	tick *tick
	look func(fd uintptr) (done bool)
	now  func(fd uintptr)
}

// NewPacer makes one whose looks are look's, as syscall.RawConn.Read has them: without waiting, and false for nothing found. Close it.
func NewPacer(look func(fd uintptr) (done bool)) (*Pacer, error) {
	tick, err := newTick()
	if err != nil {
		return nil, err
	}
	return &Pacer{tick: tick, look: look, now: func(fd uintptr) { look(fd) }}, nil
}

// Read waits, unless the last look has left something, and looks. It may return though nothing was found. It fails when raw or the Pacer is closed.
func (p *Pacer) Read(raw syscall.RawConn, left bool) error {
	switch {
	case !p.ticking:
		return raw.Read(p.look)
	case left:
		return raw.Control(p.now)
	}
	return errors.Join(p.tick.wait(), raw.Control(p.now))
}

// Found says how many packets the last look has found.
func (p *Pacer) Found(n int) error {
	was := p.ticking
	switch now := p.after(n, Now()); {
	case now == was:
		return nil
	case now:
		return p.tick.every(lookEvery)
	}
	return p.tick.every(0)
}

// Close ends a Read that waits for the next look.
func (p *Pacer) Close() error { return p.tick.file.Close() }

// pace is whether a Pacer ticks.
type pace struct {
	ticking bool
	packets int           // since from
	from    time.Duration // Now
}

const (
	lookEvery = 400 * time.Microsecond // delays a packet by half of it on average
	// paceSpan is how long packets are counted before the pace changes.
	paceSpan = 20 * time.Millisecond
	// Packets in a paceSpan from which there are ticks, and below which there are none: 50 fit in.
	tickFrom  = 70
	tickBelow = 50
)

// after notes a look that found n packets, and says whether the next is to wait for the tick.
func (p *pace) after(n int, now time.Duration) bool {
	p.packets += n
	if span := now - p.from; span >= paceSpan {
		rate := int(time.Duration(p.packets) * paceSpan / span)
		p.ticking = rate >= tickFrom || p.ticking && rate >= tickBelow
		p.packets, p.from = 0, now
	}
	return p.ticking
}

// tick is a timer in the runtime's poller, timerfd_create(2). The runtime's own timers are no finer than a millisecond.
type tick struct {
	file *os.File
	raw  syscall.RawConn
}

func newTick() (*tick, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer for RTP: %w", err)
	}
	t := &tick{file: os.NewFile(uintptr(fd), "timerfd")}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for a timer: %w", err), t.file.Close())
	}
	return t, nil
}

// every has the timer tick so often, or, with 0, no more.
func (t *tick) every(d time.Duration) error {
	spec := unix.NsecToTimespec(d.Nanoseconds())
	var failed error
	err := t.raw.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil)
	})
	return errors.Join(err, failed)
}

// wait returns at the next tick, or at once if one has passed.
func (t *tick) wait() error {
	var passed [8]byte
	return t.raw.Read(func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&passed)), uintptr(len(passed)))
		return errno != unix.EAGAIN
	})
}
