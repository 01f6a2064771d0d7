package mediastream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/media"
)

const (
	pingEvery    = 10 * time.Second
	silentSocket = 25 * time.Second // without message or pong: the bot is gone
	writeWithin  = 5 * time.Second
	byeWithin    = time.Second
	actWithin    = 5 * time.Second
	drainWithin  = 15 * time.Second // for what a bot that has left said before
	maxBad       = 50               // messages that cannot be read, before the bot is given up
	messageRate  = 500              // a second; what is above waits, so that the bot slows down
	messageBurst = 5000
)

// read hears the bot until it leaves or the talk is over.
func (g *leg) read(conn *websocket.Conn) {
	alive := func() error { return conn.SetReadDeadline(time.Now().Add(silentSocket)) }
	conn.SetPongHandler(func(string) error { return alive() })
	limit := rate.NewLimiter(messageRate, messageBurst)
	bad := 0
	for {
		if err := alive(); err != nil {
			g.finish(calls.CauseFailed, "failed")
			return
		}
		kind, text, err := conn.ReadMessage()
		if err != nil {
			g.lost(err)
			return
		}
		if err := limit.Wait(g.running); err != nil {
			return
		}
		m, err := read(text)
		switch {
		case kind == websocket.TextMessage && err == nil:
			if g.hear(m) {
				g.drain()
				return
			}
		case kind == websocket.TextMessage && errors.Is(err, errUnknownEvent): // frameworks have their own
		default:
			g.s.metrics.errors.WithLabelValues("message").Inc()
			if bad++; bad == maxBad {
				g.log.Warn("a virtual agent sends what cannot be read", "err", err)
				g.finish(calls.CauseFailed, "failed")
				return
			}
		}
	}
}

// lost hears that the socket has ended. A bot that closed it has left; one whose socket broke has failed.
func (g *leg) lost(err error) {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		g.drain()
		return
	}
	if g.running.Err() == nil {
		g.log.Warn("the connection to a virtual agent broke", "err", err)
	}
	g.finish(calls.CauseFailed, "failed")
}

// drain lets the caller hear to the end what a bot said before it left.
func (g *leg) drain() {
	close(g.left)
	played := make(chan struct{})
	if now, _ := g.port.play.mark("", func() { close(played) }); !now {
		timer := time.NewTimer(drainWithin)
		defer timer.Stop()
		select {
		case <-played:
		case <-timer.C:
		case <-g.running.Done():
		}
	}
	g.finish(calls.CauseNormal, "closed")
}

// hear acts on a message. left says that the bot will say no more.
func (g *leg) hear(m said) (left bool) {
	g.port.active.Store(int64(media.Now()))
	play, failures := &g.port.play, g.s.metrics.errors
	switch m.event {
	case eventMedia:
		if play.add(m.audio) > 0 {
			failures.WithLabelValues("audio_full").Inc()
		}
	case eventMark:
		now, ok := play.mark(m.mark, nil)
		if !ok {
			failures.WithLabelValues("marks_full").Inc()
		}
		if now || !ok {
			g.send(control{mark: m.mark})
		}
	case eventClear:
		g.reached(play.clear())
	case eventKeys:
		for _, key := range m.keys {
			g.stream.InjectDigit(key)
		}
	case eventData:
		select {
		case g.acts <- m:
		case <-g.running.Done():
		}
	case eventHandOver, eventHangUp:
		// What it said before is heard first.
		if now, ok := play.mark("", func() { g.lastWord(m) }); now || !ok {
			g.lastWord(m)
		}
	case eventStop:
		return true
	}
	return false
}

func (g *leg) lastWord(m said) {
	select {
	case g.final <- m:
	default: // there was one
	}
}

// act does what the bot asks of the call.
func (g *leg) act() {
	for {
		select {
		case <-g.running.Done():
			return
		case m := <-g.acts:
			g.change(m)
		case m := <-g.final:
			for len(g.acts) > 0 {
				g.change(<-g.acts)
			}
			g.conclude(m)
			return
		}
	}
}

func (g *leg) change(m said) {
	ctx, cancel := context.WithTimeout(g.running, actWithin)
	defer cancel()
	if _, err := g.s.calls.ChangeData(ctx, g.target.Tenant, g.target.Call, m.hand.DataChange); err != nil {
		g.refused("data", err)
	}
}

// conclude hands the call over, or ends it. The call's owner then hangs this leg up.
func (g *leg) conclude(m said) {
	ctx, cancel := context.WithTimeout(g.running, actWithin)
	defer cancel()
	tenant, call := g.target.Tenant, g.target.Call
	result, end := "handed_over", func() error { return g.s.calls.HandOver(ctx, tenant, call, m.hand) }
	if m.event == eventHangUp {
		result, end = "ended", func() error { return g.s.calls.EndByBot(ctx, tenant, call) }
	}
	g.mu.Lock()
	g.settle(result)
	g.mu.Unlock()
	err := end()
	if err == nil {
		return
	}
	g.refused(string(m.event), err)
	if k := fault.KindOf(err); m.event == eventHandOver && (k == fault.Invalid || k == fault.Illegal) {
		// The caller must not suffer for what was wrong with the data.
		err = g.s.calls.HandOver(ctx, tenant, call, calls.HandOver{Queue: m.hand.Queue})
	}
	if err != nil {
		g.finish(calls.CauseFailed, result)
	}
}

func (g *leg) refused(what string, err error) {
	if g.running.Err() != nil {
		return
	}
	g.s.metrics.errors.WithLabelValues("refused").Inc()
	g.log.Warn("what a virtual agent asked for was refused", "event", what, "err", err)
}

// writer numbers the messages of a stream.
type writer struct {
	conn *websocket.Conn
	g    *leg
	seq  int
	sid  struct{ account, call, stream string }

	chunk int
	first uint32 // RTP timestamp of the first chunk
}

func (w *writer) next() string {
	w.seq++
	return strconv.Itoa(w.seq)
}

func (w *writer) write(message any, within time.Duration) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	return w.conn.WriteJSON(message)
}

// write says everything to the bot, and closes the socket when the talk is over.
func (g *leg) write(conn *websocket.Conn, b Bot) {
	defer conn.Close()
	// A bot that does not read must not hold the end up.
	defer context.AfterFunc(g.running, func() { _ = conn.NetConn().SetDeadline(time.Now().Add(byeWithin)) })()
	w := g.writer(conn)
	err := w.begin(b)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for err == nil {
		select {
		case <-g.running.Done():
			w.bye()
			return
		case <-g.left:
			return
		case f := <-g.port.out:
			err = w.audio(f)
			g.port.free <- f
		case c := <-g.control:
			err = w.control(c)
		case <-ping.C:
			err = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin))
		}
	}
	if g.running.Err() == nil {
		g.log.Warn("a virtual agent does not take what it is sent", "err", err)
	}
	g.finish(calls.CauseFailed, "failed")
}

func (g *leg) writer(conn *websocket.Conn) *writer {
	w := &writer{conn: conn, g: g}
	w.sid.account, w.sid.call, w.sid.stream = sid("AC", g.target.Tenant), sid("CA", g.target.Call), sid("MZ", g.id)
	return w
}

func (w *writer) begin(b Bot) error {
	if err := w.write(connectedMessage{"connected", "Call", "1.0.0"}, writeWithin); err != nil {
		return err
	}
	return w.write(startMessage{
		Event: "start", Sequence: w.next(), Stream: w.sid.stream,
		Start: startData{
			Account: w.sid.account, Stream: w.sid.stream, Call: w.sid.call, Tracks: []string{"inbound"},
			Format: mediaFormat{"audio/x-mulaw", frequency, 1}, Parameters: parameters(b, w.g.target),
		},
	}, writeWithin)
}

func (w *writer) audio(f *heardFrame) error {
	if w.chunk == 0 {
		w.first = f.at
	}
	w.chunk++
	at := uint64(f.at-w.first) * 1000 / frequency
	return w.write(mediaMessage{
		Event: "media", Sequence: w.next(), Stream: w.sid.stream,
		Media: mediaData{Track: "inbound", Chunk: strconv.Itoa(w.chunk), Timestamp: strconv.FormatUint(at, 10), Payload: f.payload[:f.n]},
	}, writeWithin)
}

func (w *writer) control(c control) error {
	if c.key != 0 {
		return w.write(keyMessage{Event: "dtmf", Stream: w.sid.stream, Sequence: w.next(), DTMF: keyData{"inbound_track", string(c.key)}}, writeWithin)
	}
	return w.write(markMessage{Event: "mark", Sequence: w.next(), Stream: w.sid.stream, Mark: markData{c.mark}}, writeWithin)
}

// bye tells the bot that the talk is over.
func (w *writer) bye() {
	err := w.write(stopMessage{Event: "stop", Sequence: w.next(), Stream: w.sid.stream, Stop: stopData{w.sid.account, w.sid.call}}, byeWithin)
	if err == nil {
		err = w.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(byeWithin))
	}
	if err != nil {
		w.g.log.Debug("a virtual agent did not hear that the talk is over", "err", err)
	}
}
