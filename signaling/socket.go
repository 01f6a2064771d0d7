package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"tandem/chat/web"
	"tandem/internal/fault"
)

const (
	helloWithin = 10 * time.Second
	pingEvery   = 15 * time.Second
	deadAfter   = 35 * time.Second
	writeWithin = 10 * time.Second
	outbox      = 128 // frames that may wait; the page that cannot take them resumes later
	frameRate   = 40  // frames a second
	frameBurst  = 200
)

// Close codes. 1008, 4401 and 4403 tell the page not to try again by itself.
const (
	closeGoingAway   = websocket.CloseGoingAway       // the server stops: connect again
	closeUnsupported = websocket.CloseUnsupportedData // a binary frame
	closePolicy      = websocket.ClosePolicyViolation // no hello, no frame, too many frames
	closeTryAgain    = websocket.CloseTryAgainLater   // too slow: connect again and resume
	closeUnknown     = 4401                           // sign in again
	closeTaken       = 4403                           // another page has the session
)

// socket is one WebSocket: a reader, which is the goroutine of ServeHTTP, and one writer.
type socket struct {
	conn   *websocket.Conn
	out    chan []byte
	source netip.Addr
	own    string // our origin, as the page has reached us
	m      *metrics

	mu     sync.Mutex
	closed bool
	code   int
	reason string
}

// ServeHTTP answers /ws.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.allowed(r) {
		h.metrics.refused.WithLabelValues("origin").Inc()
		http.Error(w, "this page may not open the socket", http.StatusForbidden)
		return
	}
	h.mu.Lock()
	ctx := h.ctx
	if ctx == nil || ctx.Err() != nil {
		h.mu.Unlock()
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	h.tasks.Add(1)
	h.mu.Unlock()
	defer h.tasks.Done()
	up := websocket.Upgrader{HandshakeTimeout: helloWithin, CheckOrigin: func(*http.Request) bool { return true }, WriteBufferPool: &h.buffers} // checked above
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	s := &socket{conn: conn, out: make(chan []byte, outbox), m: h.metrics, source: sourceOf(r), own: web.OwnOrigin(r)}
	if !h.keep(s) {
		_ = conn.Close()
		return
	}
	defer h.drop(s)
	var writer sync.WaitGroup
	writer.Go(s.write)
	h.serve(ctx, s)
	writer.Wait()
}

// allowed compares the page's Origin with the Host, exactly. A client without an Origin is no browser: nobody's cookie or ticket rides with it.
func (h *Hub) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if slices.Contains(h.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func sourceOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

func (h *Hub) keep(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx == nil {
		return false
	}
	h.sockets[s] = struct{}{}
	h.metrics.sockets.Inc()
	return true
}

func (h *Hub) drop(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sockets, s)
	h.metrics.sockets.Dec()
}

func late(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// serve reads the socket to its end.
func (h *Hub) serve(ctx context.Context, s *socket) {
	s.conn.SetReadLimit(maxFrame)
	_ = s.conn.SetReadDeadline(time.Now().Add(helloWithin))
	first, err := s.read()
	if late(err) { // a page that is slow today is not to be turned away for good
		s.close(closeTryAgain, "no hello came in time")
		s.end()
		return
	}
	if err != nil || first.Type != "hello" {
		h.metrics.refused.WithLabelValues("hello").Inc()
		s.close(closePolicy, "the first frame must be hello")
		s.end()
		return
	}
	if isVisitor(first) {
		h.visit(ctx, s, first)
		return
	}
	session, err := h.greet(ctx, s, first)
	if err != nil {
		f := h.public(err)
		s.fail(first.ID, f)
		code := closeTryAgain
		if f.Kind == fault.Unauthorized || f.Kind == fault.Forbidden {
			h.metrics.refused.WithLabelValues("ticket").Inc()
			code = closeUnknown
		}
		s.close(code, f.Code)
		s.end()
		return
	}
	s.alive()
	s.conn.SetPongHandler(func(string) error { s.alive(); return nil })
	limit := rate.NewLimiter(frameRate, frameBurst)
	for {
		f, err := s.read()
		switch {
		case errors.Is(err, errFrame):
			h.metrics.refused.WithLabelValues("frame").Inc()
			s.close(closePolicy, "not a frame")
		case err != nil:
		case !limit.Allow():
			h.metrics.refused.WithLabelValues("rate").Inc()
			s.close(closePolicy, "too many frames")
		default:
			s.alive()
			if session.loop.do(func() { session.receive(s, f) }) {
				continue
			}
			s.close(closeTryAgain, "the session has ended")
		}
		break
	}
	s.end()
	session.loop.do(func() { session.lost(s) })
}

// read returns the next frame. errFrame means that the peer does not keep to the protocol.
func (s *socket) read() (frame, error) {
	kind, b, err := s.conn.ReadMessage()
	if err != nil {
		return frame{}, err
	}
	s.m.frames.WithLabelValues("in").Inc()
	if kind != websocket.TextMessage {
		s.close(closeUnsupported, "text frames only")
		return frame{}, errFrame
	}
	return decodeFrame(b)
}

func (s *socket) alive() { _ = s.conn.SetReadDeadline(time.Now().Add(deadAfter)) }

// send queues a frame; a page that does not take them in time loses the socket, and resumes.
func (s *socket) send(f frame) {
	f.V = version
	b, err := json.Marshal(f)
	if err != nil {
		return // our own types marshal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.out <- b:
	default:
		s.m.refused.WithLabelValues("slow").Inc()
		s.shut(closeTryAgain, "too slow")
	}
}

// offer queues frames that are of no use later, all or none: false when the page is behind and has no room for them.
func (s *socket) offer(frames ...[]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if len(s.out)+len(frames) > outbox/2 {
		return false
	}
	for _, b := range frames {
		s.out <- b // there is room, and only holders of mu fill it
	}
	return true
}

// gone says whether the socket is closed.
func (s *socket) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// fail tells the page what was wrong with its frame.
func (s *socket) fail(id string, f *fault.Error) {
	s.send(frame{ID: id, Type: "error", Data: pack(errorData{Code: f.Code, Message: f.Message, Field: f.Field})})
}

// close sends what is queued, then a close frame, and ends the socket; the first code counts.
func (s *socket) close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(code, reason)
}

func (s *socket) shut(code int, reason string) {
	if s.closed {
		return
	}
	s.closed, s.code, s.reason = true, code, reason
	close(s.out)
}

// end is for the reader, which has come to its end: the writer ends too.
func (s *socket) end() { s.close(websocket.CloseNormalClosure, "") }

// write is the writer: the only one that writes frames.
func (s *socket) write() {
	defer func() { _ = s.conn.Close() }()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case b, open := <-s.out:
			if !open {
				_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(s.code, s.reason), time.Now().Add(time.Second))
				return
			}
			_ = s.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if s.conn.WriteMessage(websocket.TextMessage, b) != nil {
				return // the reader notices: the connection is closed
			}
			s.m.frames.WithLabelValues("out").Inc()
		case <-ping.C:
			if err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin)); err != nil && !isTimeout(err) {
				return
			}
		}
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// pack marshals a frame's data; our own types always do.
func pack(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

type errorData struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}
