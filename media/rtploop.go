package media

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// rtpLoop reads many sockets with one goroutine and epoll(7). A goroutine for each socket would be woken for each packet, which costs
// several times what the packet's own way through the program does.
type rtpLoop struct {
	epoll int
	stop  int // eventfd(2): readable once the loop is to end

	mu      sync.Mutex
	sockets map[int32]*rtpSocket // by the key that epoll gives back; descriptors' numbers are used again too soon
	last    int32
}

const stopKey = 0

func newRTPLoop() (*rtpLoop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance for RTP: %w", err)
	}
	l := &rtpLoop{epoll: epoll, sockets: make(map[int32]*rtpSocket), last: stopKey}
	if l.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, l.stop, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: stopKey})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the way to end an RTP loop: %w", err), unix.Close(epoll))
	}
	return l, nil
}

// add watches a socket until remove.
func (l *rtpLoop) add(s *rtpSocket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets == nil {
		return errors.New("media: RTP is not read any more")
	}
	for l.last++; l.last == stopKey || l.sockets[l.last] != nil; l.last++ { // it may wrap around
	}
	s.key = l.last
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.key}); err != nil {
		return fmt.Errorf("watch RTP port %s: %w", s.local, err)
	}
	l.sockets[s.key] = s
	return nil
}

func (l *rtpLoop) remove(s *rtpSocket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[s.key] != s {
		return
	}
	delete(l.sockets, s.key)
	if s.acquire() { // the kernel forgets a closed one by itself
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, s.fd, nil) //nolint:errcheck // a loop that has ended watches nothing
		s.release()
	}
}

func (l *rtpLoop) find(key int32) *rtpSocket {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sockets[key]
}

// run reads until ctx ends.
func (l *rtpLoop) run(ctx context.Context) error {
	defer l.close()
	defer context.AfterFunc(ctx, func() { unix.Write(l.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })() //nolint:errcheck // it cannot be full
	var (
		events [256]unix.EpollEvent
		buf    [maxDatagram]byte
	)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(l.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for RTP: %w", err)
		}
		for _, ev := range events[:max(n, 0)] {
			if s := l.find(ev.Fd); s != nil {
				s.readOne(buf[:])
			}
		}
	}
	return nil
}

// close ends the reading of whatever is still watched.
func (l *rtpLoop) close() {
	l.mu.Lock()
	left := l.sockets
	l.sockets = nil
	l.mu.Unlock()
	for _, s := range left {
		s.end(nil)
	}
	unix.Close(l.epoll)
}
