package mediastream

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Trial is what happened when a bot was tried.
type Trial struct {
	OK     bool         `json:"ok"`
	Events []TrialEvent `json:"events"`
}

// TrialEvent is one thing that happened. Detail is a technical word or two, for who set the bot up.
type TrialEvent struct {
	Kind   TrialKind `json:"kind"`
	AtMS   int       `json:"at_ms"`
	Detail string    `json:"detail,omitempty"`
}

// TrialKind is what happened in a trial.
type TrialKind string

// What can happen in a trial.
const (
	TrialConnected   TrialKind = "connected"   // the WebSocket is open
	TrialUnreachable TrialKind = "unreachable" // it did not open; Detail says why
	TrialStarted     TrialKind = "started"     // connected and start were taken
	TrialAudio       TrialKind = "audio"       // the first audio came
	TrialMessage     TrialKind = "message"     // the first of each other message; Detail is its event
	TrialUnreadable  TrialKind = "unreadable"  // a message that is none; Detail says why
	TrialClosed      TrialKind = "closed"      // the bot closed the connection; Detail is the close code
	TrialQuiet       TrialKind = "quiet"       // nothing was heard while it was listened to
)

const (
	trialListens = 4 * time.Second
	trialEvents  = 20
)

// Try reaches a bot, stored (id) with a change or new (uuid.Nil), as a call does, says nothing for some seconds, and tells what happened.
// It changes nothing. The error is for what cannot be tried at all.
func (s *Service) Try(ctx context.Context, tenant, id uuid.UUID, c BotChange) (t Trial, err error) {
	if c.Name == nil && id == uuid.Nil {
		c.Name = new("Trial")
	}
	var b Bot
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		b, err = s.changed(ctx, tx, id, c)
		return err
	})
	if err != nil {
		return t, err
	}
	began := time.Now()
	note := func(kind TrialKind, detail string) {
		if len(t.Events) < trialEvents {
			t.Events = append(t.Events, TrialEvent{kind, int(time.Since(began).Milliseconds()), detail})
		}
	}
	conn, err := s.connect(ctx, b)
	if err != nil {
		note(TrialUnreachable, plain(err))
		return t, nil
	}
	defer conn.Close()
	note(TrialConnected, "")
	g := &leg{s: s, id: storage.NewID(), log: s.log, target: calls.Target{Tenant: tenant, Call: storage.NewID(), Language: "en"}}
	w := g.writer(conn)
	if err := w.begin(b); err != nil {
		note(TrialUnreachable, plain(err))
		return t, nil
	}
	note(TrialStarted, "")
	t.OK = listenToTrial(conn, w, note)
	return t, nil
}

// listenToTrial plays silence to the bot and notes what it says. It is true unless the bot broke off or wrote what cannot be read.
func listenToTrial(conn *websocket.Conn, w *writer, note func(TrialKind, string)) bool {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		sendSilence(w, stop)
	}()
	defer func() { close(stop); <-done }()
	_ = conn.SetReadDeadline(time.Now().Add(trialListens))
	ok, heard := true, map[string]bool{}
	for {
		_, text, err := conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			note(TrialClosed, fmt.Sprintf("%d", closed.Code))
			return false
		case err != nil && len(heard) == 0:
			note(TrialQuiet, "")
			return ok
		case err != nil:
			return ok
		}
		m, err := read(text)
		switch {
		case errors.Is(err, errUnknownEvent):
		case err != nil:
			ok = false
			note(TrialUnreadable, plain(err))
			continue
		}
		if name := string(m.event); !heard[name] && len(heard) < trialEvents {
			heard[name] = true
			if m.event == eventMedia {
				note(TrialAudio, "")
			} else {
				note(TrialMessage, name)
			}
		}
	}
}

func sendSilence(w *writer, stop chan struct{}) {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	f := heardFrame{n: frameBytes}
	for i := range frameBytes {
		f.payload[i] = ulawSilence
	}
	for {
		select {
		case <-stop:
			w.bye()
			return
		case <-tick.C:
			if w.audio(&f) != nil {
				return
			}
			f.at += frameBytes
		}
	}
}

// plain is an error's sentence without addresses in it: the outermost words.
func plain(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text := []rune(err.Error())
	return string(text[:min(len(text), 200)])
}
