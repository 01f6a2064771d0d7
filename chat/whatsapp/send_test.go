package whatsapp_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
)

func upload(kind chat.MediaKind, name, contentType string) *chat.OutgoingMedia {
	data := []byte("a file of the type " + contentType)
	return &chat.OutgoingMedia{
		Kind: kind, Name: name, ContentType: contentType, Bytes: int64(len(data)), Voice: kind == chat.Audio,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// TestSend holds each kind of message to what goes out for it.
func TestSend(t *testing.T) {
	r := newRig(t)
	quote := r.out(chat.Text, "see https://shop.example.test")
	quote.Quote = "wamid.PREV"
	chosen := r.out(chat.Offer, "which one?")
	chosen.Body.Options = []chat.Option{{ID: "y", Title: "Yes"}, {ID: "n", Title: "No"}}
	many := r.out(chat.Offer, "which one?")
	many.Body.Options = list(4, "a title of 24 letters ok")
	chinese := many
	chinese.To.Language = "zh-CN"
	chinese.Body.Options = list(3, strings.Repeat("选", 21))
	place := r.out(chat.Location, "")
	place.Body.Location = &chat.Place{Latitude: 52.5, Longitude: 13.4, Name: "Shop", Address: "Street 1"}
	cards := r.out(chat.Contacts, "")
	cards.Body.Contacts = []chat.Card{{Name: "Bob", Phones: []string{"+1555"}, Emails: []string{"bob@example.test"}}}
	react := r.out("", "👍")
	react.React, react.Quote = "wamid.A", "wamid.A"
	unreact := r.out("", "")
	unreact.React = "wamid.A"
	nameless := r.out(chat.Text, "no phone")
	nameless.To.ID = ""
	file := func(kind chat.MediaKind, name, contentType, text string) chat.Outgoing {
		m := r.out(chat.MediaOf, text)
		m.Media = upload(kind, name, contentType)
		return m
	}
	for _, c := range []struct {
		name string
		m    chat.Outgoing
		want string // beside product, recipient and our id
	}{
		{"text", r.out(chat.Text, "hi"), `{"type":"text","text":{"body":"hi","preview_url":false}}`},
		{"quote and link", quote, `{"type":"text","text":{"body":"see https://shop.example.test","preview_url":true},"context":{"message_id":"wamid.PREV"}}`},
		{"buttons", chosen, `{"type":"interactive","interactive":{"type":"button","body":{"text":"which one?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}},{"type":"reply","reply":{"id":"n","title":"No"}}]}}}`},
		{"list", many, `{"type":"interactive","interactive":{"type":"list","body":{"text":"which one?"},"action":{"button":"Options","sections":[{"rows":[{"id":"o0","title":"a title of 24 letters ok"},{"id":"o1","title":"a title of 24 letters ok"},{"id":"o2","title":"a title of 24 letters ok"},{"id":"o3","title":"a title of 24 letters ok"}]}]}}}`},
		{"list, because buttons are shorter", chinese, `{"type":"interactive","interactive":{"type":"list","body":{"text":"which one?"},"action":{"button":"选项","sections":[{"rows":[{"id":"o0","title":"` + strings.Repeat("选", 21) + `"},{"id":"o1","title":"` + strings.Repeat("选", 21) + `"},{"id":"o2","title":"` + strings.Repeat("选", 21) + `"}]}]}}}`},
		{"location", place, `{"type":"location","location":{"latitude":52.5,"longitude":13.4,"name":"Shop","address":"Street 1"}}`},
		{"contacts", cards, `{"type":"contacts","contacts":[{"name":{"formatted_name":"Bob","first_name":"Bob"},"phones":[{"phone":"+1555"}],"emails":[{"email":"bob@example.test"}]}]}`},
		{"reaction", react, `{"type":"reaction","reaction":{"message_id":"wamid.A","emoji":"👍"}}`},
		{"reaction taken back", unreact, `{"type":"reaction","reaction":{"message_id":"wamid.A","emoji":""}}`},
		{"user id", nameless, `{"type":"text","text":{"body":"no phone","preview_url":false},"to":null,"recipient":"US.134915551230000"}`},
		{"image", file(chat.Image, "a.png", "image/png", "look"), `{"type":"image","image":{"id":"UPLOAD","caption":"look"}}`},
		{"document", file(chat.File, "a.pdf", "application/pdf", "the bill"), `{"type":"document","document":{"id":"UPLOAD","caption":"the bill","filename":"a.pdf"}}`},
		{"voice", file(chat.Audio, "a.ogg", "audio/ogg", ""), `{"type":"audio","audio":{"id":"UPLOAD","voice":true}}`},
		{"voice with words", file(chat.Audio, "a.ogg", "audio/ogg", "listen"), `{"type":"document","document":{"id":"UPLOAD","caption":"listen","filename":"a.ogg"}}`},
		{"sticker", file(chat.Sticker, "a.webp", "image/webp", ""), `{"type":"sticker","sticker":{"id":"UPLOAD"}}`},
		{"video", file(chat.Video, "a.mp4", "video/mp4", ""), `{"type":"video","video":{"id":"UPLOAD"}}`},
	} {
		sent, err := r.Send(t.Context(), c.m)
		if err != nil || sent.ID == "" || sent.Status != chat.StatusSent {
			t.Errorf("%s: %+v, %v", c.name, sent, err)
			continue
		}
		got := r.LastCall("messages")
		if got["messaging_product"] != "whatsapp" || got["recipient_type"] != "individual" || got["biz_opaque_callback_data"] != c.m.ID.String() {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.m.To.ID != "" {
			if got["to"] != c.m.To.ID {
				t.Errorf("%s: goes to %v", c.name, got["to"])
			}
			delete(got, "to")
		} else {
			got["to"] = nil
		}
		for _, name := range []string{"messaging_product", "recipient_type", "biz_opaque_callback_data"} {
			delete(got, name)
		}
		if kind, _ := got["type"].(string); c.m.Media != nil {
			f := got[kind].(map[string]any)
			if id, _ := f["id"].(string); !strings.HasPrefix(id, "UPLOAD") {
				t.Errorf("%s: file %v", c.name, f["id"])
			}
			f["id"] = "UPLOAD"
		}
		suite.SameJSON(t, c.name, got, c.want)
	}
}

// What the platform would refuse is refused here, before anything goes out.
func TestOptionsThatDoNotFit(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name    string
		text    string
		options []chat.Option
		good    bool
	}{
		{"3 buttons", "x", list(3, strings.Repeat("b", 20)), true},
		{"10 rows", "x", list(10, strings.Repeat("b", 24)), true},
		{"11 rows", "x", list(11, "b"), false},
		{"a row of 25", "x", list(4, strings.Repeat("b", 25)), false},
		{"a nameless row", "x", list(4, ""), false},
		{"an id of 201 in a list", "x", append(list(4, "b"), chat.Option{ID: strings.Repeat("i", 201), Title: "b"}), false},
		{"an id of 256 on a button", "x", []chat.Option{{ID: strings.Repeat("i", 256), Title: "b"}}, true},
		{"an id of 257 on a button", "x", []chat.Option{{ID: strings.Repeat("i", 257), Title: "b"}}, false},
		{"1024 letters above", strings.Repeat("汉", 1024), list(2, "b"), true},
		{"1025 letters above", strings.Repeat("汉", 1025), list(2, "b"), false},
		{"nothing above", "", list(2, "b"), false},
	} {
		before := len(r.Log())
		m := r.out(chat.Offer, c.text)
		m.Body.Options = c.options
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if c.good && err != nil || !c.good && (!errors.As(err, &e) || e.Verdict != chat.VerdictRejected || len(r.Log()) != before) {
			t.Errorf("%s: %v, %d calls", c.name, err, len(r.Log())-before)
		}
	}
}

func TestSendsThatCannotBe(t *testing.T) {
	r := newRig(t)
	edit, unsend, nobody := r.out(chat.Text, "x"), r.out(chat.Text, "x"), r.out(chat.Text, "x")
	edit.Edit, unsend.Unsend, nobody.To = "wamid.A", "wamid.A", chat.Person{}
	for name, m := range map[string]chat.Outgoing{"edit": edit, "unsend": unsend, "nobody": nobody, "nothing": r.out(chat.Note, "")} {
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != chat.VerdictRejected || e.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.Log()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestSignals(t *testing.T) {
	r := newRig(t)
	now := r.Now()
	for _, c := range []struct {
		s    chat.Signal
		want string // "": nothing goes out
	}{
		{chat.Signal{Kind: chat.SignalRead, Message: "wamid.A", LastAt: now}, `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.A"}`},
		{chat.Signal{Kind: chat.SignalTyping, Message: "wamid.A"}, `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.A","typing_indicator":{"type":"text"}}`},
		{chat.Signal{Kind: chat.SignalQuiet, Message: "wamid.A"}, ""},
		{chat.Signal{Kind: chat.SignalTyping}, ""},
		{chat.Signal{Kind: chat.SignalRead, Message: "wamid.A", LastAt: now.Add(-31 * 24 * time.Hour)}, ""},
	} {
		before := len(r.Log())
		if err := r.Signal(t.Context(), c.s); err != nil {
			t.Errorf("%+v: %v", c.s, err)
		}
		if (len(r.Log()) > before) != (c.want != "") {
			t.Errorf("%+v: %d calls", c.s, len(r.Log())-before)
		} else if c.want != "" {
			suite.SameJSON(t, string(c.s.Kind), r.LastCall("read"), c.want)
		}
	}
}

// The window and the pair's bucket, as the platform counts them (channels.md 13, 6 and 7).
func TestWindowAndPairRate(t *testing.T) {
	r := newRig(t)
	r.Meter(true)
	verdict := func(m chat.Outgoing) chat.Verdict {
		t.Helper()
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		if e == nil {
			return ""
		}
		return e.Verdict
	}
	if v := verdict(r.out(chat.Text, "uninvited")); v != chat.VerdictWindow {
		t.Errorf("uninvited: %s", v)
	}
	if _, err := r.Play(chattest.Act{Customer: r.ann.ID, Kind: chattest.Say, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	for i := range 45 {
		if v := verdict(r.out(chat.Text, "one more")); v != "" {
			t.Fatalf("message %d: %s", i, v)
		}
	}
	if v := verdict(r.out(chat.Text, "too many")); v != chat.VerdictPair {
		t.Errorf("the 46th: %s", v)
	}
	r.Advance(6 * time.Second)
	if v := verdict(r.out(chat.Text, "after a while")); v != "" {
		t.Errorf("6 s later: %s", v)
	}
	r.Advance(24*time.Hour - 6*time.Second)
	if v := verdict(r.out(chat.Text, "in time")); v != "" {
		t.Errorf("24 h later: %s", v)
	}
	r.Advance(time.Second)
	if v := verdict(r.out(chat.Text, "late")); v != chat.VerdictWindow {
		t.Errorf("24 h and 1 s later: %s", v)
	}
	m := r.out(chat.Templated, "")
	m.Body.Template = &chat.TemplateSend{Name: "order_ok", Language: "zh_CN", Values: map[string]string{"body.1": "陈晨", "body.2": "星期一"}}
	if v := verdict(m); v != "" {
		t.Errorf("a template: %s", v)
	}
}
