package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtpLoop reads many sockets with one goroutine and epoll(7). A goroutine for each socket would be woken for each packet, which costs
// several times what the packet's own way through the program does.
type rtpLoop struct {
	epoll *os.File
	stop  *os.File // eventfd(2): readable once the loop is to end
	look  look
	pacer *Pacer

	mu      sync.Mutex
	closed  bool
	sockets []*rtpSocket // by the key that epoll gives back; nil where none is
	free    []int32      // keys of those
}

const (
	stopKey  = -1
	maxReady = 256 // sockets at once
)

func newRTPLoop() (*rtpLoop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance for RTP: %w", err)
	}
	err = unix.SetNonblock(epoll, true) // only such files go into the runtime's poller
	l := &rtpLoop{epoll: os.NewFile(uintptr(epoll), "epoll")}
	stop, failed := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err = errors.Join(err, failed); err == nil {
		l.stop = os.NewFile(uintptr(stop), "eventfd")
		err = l.control(unix.EPOLL_CTL_ADD, stop, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: stopKey})
	}
	if err == nil {
		l.look.loop = l
		l.pacer, err = NewPacer(l.look.all)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an RTP loop: %w", err), l.epoll.Close(), l.stop.Close())
	}
	return l, nil
}

// control is epoll_ctl(2).
func (l *rtpLoop) control(op, fd int, ev *unix.EpollEvent) error {
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(epoll uintptr) { failed = unix.EpollCtl(int(epoll), op, fd, ev) })
	return errors.Join(err, failed)
}

// add watches a socket until remove.
func (l *rtpLoop) add(s *rtpSocket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("media: RTP is not read any more")
	}
	if len(l.free) == 0 {
		l.free, l.sockets = append(l.free, int32(len(l.sockets))), append(l.sockets, nil)
	}
	key := l.free[len(l.free)-1]
	if err := l.control(unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: key}); err != nil {
		return fmt.Errorf("watch RTP port %s: %w", s.local, err)
	}
	l.free = l.free[:len(l.free)-1]
	s.key, l.sockets[key] = key, s
	return nil
}

func (l *rtpLoop) remove(s *rtpSocket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || int(s.key) >= len(l.sockets) || l.sockets[s.key] != s {
		return
	}
	l.sockets[s.key], l.free = nil, append(l.free, s.key)
	if s.acquire() { // the kernel forgets a closed one by itself
		l.control(unix.EPOLL_CTL_DEL, s.fd, nil) //nolint:errcheck // a loop that has ended watches nothing
		s.release()
	}
}

// ready gives the sockets of events. One whose key was given away meanwhile is read in vain, once.
func (l *rtpLoop) ready(events []unix.EpollEvent, into []*rtpSocket) []*rtpSocket {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		if key := events[i].Fd; key != stopKey && l.sockets[key] != nil {
			into = append(into, l.sockets[key])
		}
	}
	return into
}

// run reads until ctx ends. It waits in the runtime's own poller, as if its epoll instance were a socket: a system call that blocks would
// keep a processor from other goroutines until the runtime's monitor takes it away, which costs more than the packets do.
func (l *rtpLoop) run(ctx context.Context) error {
	defer l.close()
	defer context.AfterFunc(ctx, func() { l.stop.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0}) })() //nolint:errcheck // nobody reads it: it cannot be full, only closed
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for RTP: %w", err)
	}
	for ctx.Err() == nil && l.look.failed == 0 && err == nil {
		l.look.packets = 0
		if err = l.pacer.Read(raw, false); err == nil {
			err = l.pacer.Found(l.look.packets)
		}
	}
	if l.look.failed != 0 {
		err = l.look.failed
	}
	if err != nil {
		return fmt.Errorf("wait for RTP: %w", err)
	}
	return nil
}

// look is an rtpLoop's look at its sockets, with what it needs for that.
type look struct {
	loop    *rtpLoop
	events  [maxReady]unix.EpollEvent
	sockets [maxReady]*rtpSocket
	buf     [maxDatagram]byte
	packets int        // read by this look
	failed  unix.Errno // of epoll, for good
}

// all reads what there is. It is false when there was nothing.
func (k *look) all(epoll uintptr) bool {
	for {
		n, errno := readyNow(epoll, k.events[:])
		for _, s := range k.loop.ready(k.events[:n], k.sockets[:0]) {
			s.readOne(k.buf[:])
		}
		k.packets += n
		if errno != unix.EINTR {
			k.failed = errno
		}
		if n < maxReady {
			return k.packets > 0 || errno != 0
		}
	}
}

// readyNow is epoll_wait(2) that does not wait.
func readyNow(epoll uintptr, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// close ends the reading of whatever is still watched.
func (l *rtpLoop) close() {
	l.mu.Lock()
	left := l.sockets
	l.sockets, l.closed = nil, true
	l.mu.Unlock()
	for _, s := range left {
		if s != nil {
			s.end(nil)
		}
	}
	l.pacer.Close()
	l.stop.Close()
	l.epoll.Close()
}

// watched is how many sockets the loop reads.
func (l *rtpLoop) watched() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sockets) - len(l.free)
}
