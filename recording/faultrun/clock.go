package faultrun

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// page is memory that the runner shares with the processes under test: it outlives them, and moves their clocks without a word.
type page struct {
	skew   atomic.Int64 // of the node's clock, in ns
	second atomic.Int64 // of the second clock
	stall  atomic.Int64 // ns: the longest that the process was kept from running, or a sync of the disk took
	synced atomic.Int64 // bytes of the last recording's file that were synced
}

// mapPage opens the file of a page, made when there is none.
func mapPage(name string) (*page, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the shared page: %w", err)
	}
	defer f.Close()
	size := int(unsafe.Sizeof(page{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("make the shared page: %w", err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the shared page: %w", err)
	}
	return (*page)(unsafe.Pointer(unsafe.SliceData(b))), nil
}

func (p *page) unmap() error {
	return syscall.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)))
}

// now is the node's time.
func (p *page) now() time.Time { return time.Now().Add(time.Duration(p.skew.Load())) }

// other is the time of the second clock.
func (p *page) other() time.Time { return time.Now().Add(time.Duration(p.second.Load())) }

// advance moves both clocks.
func (p *page) advance(d time.Duration) {
	p.skew.Add(int64(d))
	p.second.Add(int64(d))
}

// stalled keeps the longest stall.
func (p *page) stalled(d time.Duration) {
	for {
		old := p.stall.Load()
		if int64(d) <= old || p.stall.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}
