package instagram_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
)

// TestSend holds what differs from Messenger to what goes out for it.
func TestSend(t *testing.T) {
	r := newRig(t)
	tagged, quote, offer := r.out(chat.Text, "late"), r.out(chat.Text, "that one"), r.out(chat.Offer, "which?")
	tagged.Tag, quote.Quote = "HUMAN_AGENT", "aWdf_A"
	offer.Body.Options = []chat.Option{{ID: "y", Title: "Yes"}}
	for _, c := range []struct {
		name string
		m    chat.Outgoing
		want string
	}{
		{"text", r.out(chat.Text, "hi"), `{"recipient":{"id":"IGSID000001"},"message":{"text":"hi"}}`},
		{"quote", quote, `{"recipient":{"id":"IGSID000001"},"message":{"text":"that one"}}`},
		{"tag", tagged, `{"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT","recipient":{"id":"IGSID000001"},"message":{"text":"late"}}`},
		{"quick replies", offer, `{"recipient":{"id":"IGSID000001"},"message":{"text":"which?","quick_replies":[{"content_type":"text","title":"Yes","payload":"y"}]}}`},
	} {
		if sent, err := r.Send(t.Context(), c.m); err != nil || sent.ID == "" {
			t.Errorf("%s: %+v, %v", c.name, sent, err)
			continue
		}
		suite.SameJSON(t, c.name, r.LastCall("messages"), c.want)
	}
	react := r.out("", "❤️")
	react.React, react.Reply = "aWdf_A", "C1"
	if _, err := r.Send(t.Context(), react); err != nil {
		t.Fatal(err)
	}
	suite.SameJSON(t, "reaction", r.LastCall("react"), `{"recipient":{"id":"IGSID000001"},"sender_action":"react","payload":{"message_id":"aWdf_A","reaction":"love"}}`)
}

// A thousand bytes, whatever the letters (channels.md 5).
func TestBytesCount(t *testing.T) {
	r := newRig(t)
	for text, good := range map[string]bool{
		strings.Repeat("汉", 333) + "a":  true,
		strings.Repeat("汉", 333) + "ab": false,
		strings.Repeat("👍", 250):        true,
		strings.Repeat("👍", 250) + "a":  false,
	} {
		_, err := r.Send(t.Context(), r.out(chat.Text, text))
		if (err == nil) != good {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

// A comment is answered in private once, and for seven days.
func TestPrivateReply(t *testing.T) {
	r := newRig(t)
	r.Meter(true)
	id, event := r.Comment(r.ann.ID, "How much?")
	in := r.Events(event)[0].Message
	send := func() error {
		m := r.out(chat.Text, "Five euros.")
		m.Reply, m.ReplyUntil = in.Reply, in.ReplyUntil
		_, err := r.Send(t.Context(), m)
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	suite.SameJSON(t, "private reply", r.LastCall("messages"), `{"recipient":{"comment_id":"`+id+`"},"message":{"text":"Five euros."}}`)
	var e *chat.SendError
	if err := send(); !errors.As(err, &e) || e.Verdict != chat.VerdictRejected || e.Code != "100/2534025" {
		t.Errorf("a second one: %v", err)
	}
	r.Advance(8 * 24 * time.Hour)
	if err := send(); !errors.As(err, &e) || e.Verdict != chat.VerdictWindow {
		t.Errorf("after its time it is a message like any other: %v", err)
	}
}

func TestWindow(t *testing.T) {
	r := newRig(t)
	r.Meter(true)
	if _, err := r.Play(chattest.Act{Customer: r.ann.ID, Kind: chattest.Say, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	r.Advance(24*time.Hour + time.Second)
	var e *chat.SendError
	if _, err := r.Send(t.Context(), r.out(chat.Text, "late")); !errors.As(err, &e) || e.Code != "10/2534022" || e.Verdict != chat.VerdictWindow {
		t.Errorf("after 24 h: %v", err)
	}
	m := r.out(chat.Text, "late")
	m.Tag = "HUMAN_AGENT"
	if _, err := r.Send(t.Context(), m); err != nil {
		t.Errorf("with the tag: %v", err)
	}
}

func TestPerson(t *testing.T) {
	r := newRig(t)
	p, err := r.Person(t.Context(), r.ann)
	if err != nil || p.ID != r.ann.ID || p.Name != "Ann Example" || p.Username != "ann.b" {
		t.Errorf("%+v, %v", p, err)
	}
}
