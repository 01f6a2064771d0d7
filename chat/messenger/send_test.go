package messenger_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
)

func list(n int, title string) []chat.Option {
	var all []chat.Option
	for i := range n {
		all = append(all, chat.Option{ID: fmt.Sprintf("o%d", i), Title: title})
	}
	return all
}

// TestSend holds each kind of message to what goes out for it.
func TestSend(t *testing.T) {
	r := newRig(t)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		_, _ = io.WriteString(w, "%PDF")
	}))
	t.Cleanup(files.Close)
	quote := r.out(chat.Text, "that one")
	quote.Quote = "m_A"
	tagged := r.out(chat.Text, "late")
	tagged.Tag = "HUMAN_AGENT"
	bot := r.out(chat.Text, "from a bot")
	bot.Author = chat.ByBot
	offer := r.out(chat.Offer, "which?")
	offer.Body.Options = []chat.Option{{ID: "y", Title: "Yes"}}
	file := r.out(chat.MediaOf, "")
	file.Media = &chat.OutgoingMedia{Kind: chat.File, Name: "a.pdf", ContentType: "application/pdf", URL: files.URL + "/a.pdf"}
	image := file
	image.Media = &chat.OutgoingMedia{Kind: chat.Image, URL: files.URL + "/a.png"}
	place := r.out(chat.Location, "")
	place.Body.Location = &chat.Place{Latitude: 52.5, Longitude: 13.4, Name: "Shop"}
	for _, c := range []struct {
		name string
		m    chat.Outgoing
		want string // ID stands for our own id
	}{
		{"text", r.out(chat.Text, "hi"), `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"text":"hi","metadata":"ID"}}`},
		{"quote", quote, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"reply_to":{"mid":"m_A"},"message":{"text":"that one","metadata":"ID"}}`},
		{"tag", tagged, `{"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT","recipient":{"id":"PSID000001"},"message":{"text":"late","metadata":"ID"}}`},
		{"a bot", bot, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"text":"from a bot","metadata":"ID"}}`},
		{"quick replies", offer, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"text":"which?","metadata":"ID","quick_replies":[{"content_type":"text","title":"Yes","payload":"y"}]}}`},
		{"file", file, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"metadata":"ID","attachment":{"type":"file","payload":{"url":"URL/a.pdf"}}}}`},
		{"image", image, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"metadata":"ID","attachment":{"type":"image","payload":{"url":"URL/a.png"}}}}`},
		{"place", place, `{"messaging_type":"RESPONSE","recipient":{"id":"PSID000001"},"message":{"metadata":"ID","text":"Shop\nhttps://www.openstreetmap.org/?mlat=52.5&mlon=13.4"}}`},
	} {
		sent, err := r.Send(t.Context(), c.m)
		if err != nil || sent.ID == "" || sent.Status != chat.StatusSent {
			t.Errorf("%s: %+v, %v", c.name, sent, err)
			continue
		}
		suite.SameJSON(t, c.name, r.LastCall("messages"), strings.NewReplacer("ID\"}", c.m.ID.String()+"\"}", `"ID"`, `"`+c.m.ID.String()+`"`, "URL", files.URL).Replace(c.want))
	}
}

func TestReactions(t *testing.T) {
	r := newRig(t)
	for sign, want := range map[string]string{
		"👍":  `{"recipient":{"id":"PSID000001"},"sender_action":"react","payload":{"message_id":"m_A","reaction":"like"}}`,
		"❤":  `{"recipient":{"id":"PSID000001"},"sender_action":"react","payload":{"message_id":"m_A","reaction":"love"}}`,
		"❤️": `{"recipient":{"id":"PSID000001"},"sender_action":"react","payload":{"message_id":"m_A","reaction":"love"}}`,
		"🎉":  `{"recipient":{"id":"PSID000001"},"sender_action":"react","payload":{"message_id":"m_A","reaction":"🎉"}}`,
		"":   `{"recipient":{"id":"PSID000001"},"sender_action":"unreact","payload":{"message_id":"m_A"}}`,
	} {
		m := r.out("", sign)
		m.React = "m_A"
		if _, err := r.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", sign, err)
			continue
		}
		operation := "react"
		if sign == "" {
			operation = "unreact"
		}
		suite.SameJSON(t, sign, r.LastCall(operation), want)
	}
}

func TestSendsThatCannotBe(t *testing.T) {
	r := newRig(t)
	edit, unsend, nobody, file := r.out(chat.Text, "x"), r.out(chat.Text, "x"), r.out(chat.Text, "x"), r.out(chat.MediaOf, "")
	edit.Edit, unsend.Unsend, nobody.To = "m_A", "m_A", chat.Person{}
	file.Media = &chat.OutgoingMedia{Kind: chat.Image}
	many, long, silent := r.out(chat.Offer, "x"), r.out(chat.Offer, "x"), r.out(chat.Offer, "")
	many.Body.Options, long.Body.Options, silent.Body.Options = list(14, "b"), list(1, strings.Repeat("b", 21)), list(1, "b")
	for name, m := range map[string]chat.Outgoing{
		"edit": edit, "unsend": unsend, "nobody": nobody, "a file without an address": file, "nothing": r.out(chat.Note, ""), "14 options": many, "21 letters": long, "no text": silent,
	} {
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != chat.VerdictRejected || e.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.Log()); n != 0 {
		t.Errorf("%d calls", n)
	}
	most := r.out(chat.Offer, "x")
	most.Body.Options = list(13, strings.Repeat("汉", 20))
	if _, err := r.Send(t.Context(), most); err != nil {
		t.Errorf("13 options of 20 letters: %v", err)
	}
}

func TestSignals(t *testing.T) {
	r := newRig(t)
	for kind, action := range map[chat.SignalKind]string{chat.SignalTyping: "typing_on", chat.SignalQuiet: "typing_off", chat.SignalRead: "mark_seen"} {
		if err := r.Signal(t.Context(), chat.Signal{To: r.ann, Kind: kind}); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		suite.SameJSON(t, action, r.LastCall(action), `{"recipient":{"id":"PSID000001"},"sender_action":"`+action+`"}`)
	}
}

// The window, as the platform counts it (channels.md 13, 6).
func TestWindow(t *testing.T) {
	r := newRig(t)
	r.Meter(true)
	if _, err := r.Play(chattest.Act{Customer: r.ann.ID, Kind: chattest.Say, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	passed := time.Duration(0)
	for _, c := range []struct {
		after time.Duration
		tag   string
		want  chat.Verdict
	}{
		{24*time.Hour - time.Second, "", ""},
		{24 * time.Hour, "", ""},
		{24*time.Hour + time.Second, "", chat.VerdictWindow},
		{24*time.Hour + time.Second, "HUMAN_AGENT", ""},
		{24*time.Hour + time.Second, "ACCOUNT_UPDATE", chat.VerdictRejected},
		{7*24*time.Hour - time.Minute, "HUMAN_AGENT", ""},
		{7*24*time.Hour + time.Second, "HUMAN_AGENT", chat.VerdictWindow},
	} {
		r.Advance(c.after - passed)
		passed = c.after
		m := r.out(chat.Text, "x")
		m.Tag = c.tag
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &e) || e.Verdict != c.want) {
			t.Errorf("after %v with %q: %v, want %q", c.after, c.tag, err, c.want)
		}
	}
}

func TestPerson(t *testing.T) {
	r := newRig(t)
	p, err := r.Person(t.Context(), r.ann)
	if err != nil || p.ID != r.ann.ID || p.Name != "Ann Example" || p.Avatar == "" {
		t.Errorf("%+v, %v", p, err)
	}
	r.Next("", chattest.Behaviour{Misdeed: chattest.Refuse, Code: "230"})
	if p, err = r.Person(t.Context(), r.ann); err != nil || p != r.ann {
		t.Errorf("a customer of whom nothing is told: %+v, %v", p, err)
	}
	r.Next("", chattest.Behaviour{Misdeed: chattest.Down})
	if _, err = r.Person(t.Context(), r.ann); err == nil {
		t.Error("trouble on the way is nothing")
	}
}

func TestFetch(t *testing.T) {
	r := newRig(t)
	file := chattest.File{Kind: chat.File, ContentType: "application/pdf", Data: []byte("%PDF-1.4")}
	_, event, err := r.Act(chattest.Act{Customer: r.ann.ID, Kind: chattest.Give, File: &file})
	if err != nil {
		t.Fatal(err)
	}
	ref := r.Events(event)[0].Message.Media[0]
	read := func() (string, error) {
		m, err := r.Fetch(t.Context(), ref)
		if err != nil {
			return "", err
		}
		defer m.Body.Close()
		data, err := io.ReadAll(m.Body)
		return string(data), err
	}
	if got, err := read(); got != "%PDF-1.4" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	r.ExpireAddresses()
	if got, err := read(); got != "%PDF-1.4" || err != nil {
		t.Errorf("expired, so asked again: %q, %v", got, err)
	}
	r.ExpireAddresses()
	r.Next("", chattest.Behaviour{}, chattest.Behaviour{Misdeed: chattest.Down})
	if _, err := read(); err == nil || errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("trouble while asking again: %v", err)
	}
	ref.Extra = nil
	if _, err := read(); !errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("expired, and nobody to ask: %v", err)
	}
}
