package sip

import "sync"

// mailbox is the inbox of a goroutine that owns state: others post functions, the owner runs them in order. Posting never blocks.
type mailbox struct {
	mu     sync.Mutex
	queue  []func()
	wake   chan struct{}
	closed bool
}

// maxMail bounds what a dialog can be sent before it catches up; beyond it a peer is flooding one dialog.
const maxMail = 1024

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post hands f to the owner; false means the owner is gone or flooded, and f will not run.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.queue) >= maxMail {
		return false
	}
	m.queue = append(m.queue, f)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns what was posted since.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}

// close refuses further posts and returns the last ones.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	return m.take()
}
