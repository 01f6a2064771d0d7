package signaling

import (
	"context"
	"strings"
	"unicode/utf8"

	"tandem/internal/fault"
)

var (
	errNoCustomers = fault.New(fault.Forbidden, "web_calls_off", "This installation takes no calls from web pages.")
	errGone        = fault.New(fault.Unavailable, "session_over", "The session ends at this moment; connect again.")
)

// greet finds out who opened the socket, and gives it to their session.
func (h *Hub) greet(ctx context.Context, sock *socket, first frame) (*session, error) {
	hello, err := decode[helloData](first)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, helloWithin)
	defer cancel()
	find := func() (*session, error) { return h.customerSession(hello.Resume, cleanName(hello.Name), sock.source) }
	prepare := func(*session) {}
	if hello.Customer {
		if !h.cfg.Customers {
			return nil, errNoCustomers
		}
	} else {
		actor, err := h.need.Redeem(ctx, hello.Ticket)
		if err != nil {
			return nil, err
		}
		find = func() (*session, error) { return h.agentSession(actor) }
		prepare = func(s *session) { s.actor = actor }
	}
	// A session that ends just now is replaced by another.
	for range 3 {
		s, err := find()
		if err != nil {
			return nil, err
		}
		attached := make(chan struct{})
		ok := s.loop.do(func() {
			prepare(s)
			s.attach(sock, hello, first.ID)
			close(attached)
		})
		if !ok {
			h.forget(s)
			continue
		}
		select {
		case <-attached:
			return s, nil
		case <-s.loop.over:
			h.forget(s)
		}
	}
	return nil, errGone
}

// cleanName is what a customer calls themselves, fit to be shown.
func cleanName(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r < ' ' || r == utf8.RuneError }), " ")
	if r := []rune(strings.TrimSpace(name)); len(r) > 60 {
		return string(r[:60])
	}
	return strings.TrimSpace(name)
}
