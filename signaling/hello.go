package signaling

import (
	"context"
	"strings"
	"unicode/utf8"

	"tandem/chat/web"
	"tandem/internal/door"
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
	var from *web.Calling
	find := func() (*session, error) {
		return h.customerSession(hello.Resume, cleanName(hello.Name), door.Source(sock.source), from)
	}
	prepare := func(*session) {}
	if hello.Customer && hello.Widget != "" {
		if from, err = h.calling(ctx, sock, first); err != nil {
			return nil, err
		}
	} else if hello.Customer {
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

// calling says what a call from a page with the widget is.
func (h *Hub) calling(ctx context.Context, sock *socket, first frame) (*web.Calling, error) {
	if h.need.Widget == nil {
		return nil, errNoCustomers
	}
	hello, err := decode[web.Hello](first)
	if err != nil {
		return nil, err
	}
	hello.Own = sock.own
	from, err := h.need.Widget.Call(ctx, hello)
	return &from, err
}

// cleanName is what a customer calls themselves, fit to be shown.
func cleanName(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r < ' ' || r == utf8.RuneError }), " ")
	if r := []rune(strings.TrimSpace(name)); len(r) > 60 {
		return string(r[:60])
	}
	return strings.TrimSpace(name)
}
