package viber_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tandem/chat"
)

func TestDecode(t *testing.T) {
	yes, no := true, false
	ann := chat.Person{ID: "01AB==", Name: "Ann", Avatar: "https://media-direct.cdn.viber.com/a", Country: "DE", Language: "de"}
	at := func(ms int64) time.Time { return time.UnixMilli(1700000000000 + ms).UTC() }
	said := func(m chat.Incoming) chat.Event {
		m.ID, m.Window = "5741311803571721087", chat.ByMessage
		return chat.Event{Key: "message:" + m.ID, At: at(123), From: ann, Message: &m}
	}
	media := func(text string, r chat.MediaRef) chat.Event {
		return said(chat.Incoming{Kind: chat.MediaOf, Text: text, Media: []chat.MediaRef{r}})
	}
	const host = "https://dl-media.viber.com/"
	bare := chat.Person{ID: "01AB=="}
	want := []chat.Event{
		said(chat.Incoming{Kind: chat.Text, Text: "hi"}),
		media("look", chat.MediaRef{Kind: chat.Image, URL: host + "1.jpg"}),
		media("", chat.MediaRef{Kind: chat.Video, URL: host + "1.mp4", Bytes: 10000, Seconds: 10}),
		media("", chat.MediaRef{Kind: chat.File, URL: host + "1.pdf", Name: "a.pdf", Bytes: 10000}),
		media("", chat.MediaRef{Kind: chat.Sticker, URL: host + "s.png", ID: "46105"}),
		said(chat.Incoming{Kind: chat.Unsupported, Body: chat.Body{Type: "sticker"}}),
		said(chat.Incoming{Kind: chat.Contacts, Body: chat.Body{Contacts: []chat.Card{{Name: "Bob", Phones: []string{"+4915112345678"}}}}}),
		said(chat.Incoming{Kind: chat.Text, Text: "https://example.test/page", Body: chat.Body{Link: &chat.Link{URL: "https://example.test/page"}}}),
		said(chat.Incoming{Kind: chat.Location, Body: chat.Body{Location: &chat.Place{Latitude: 50.5, Longitude: 8.5}}}),
		said(chat.Incoming{Kind: chat.Unsupported, Body: chat.Body{Type: "hologram"}}),
		said(chat.Incoming{Kind: chat.Choice, Text: "Yes, please", Body: chat.Body{Choice: &chat.Chosen{ID: "yes", Title: "Yes, please"}}}),
		{
			Key: "conversation_started:5741311803571721088", At: at(123), From: chat.Person{ID: "01AB==", Name: "Ann", Country: "DE", Language: "de"},
			Message: &chat.Incoming{ID: "5741311803571721088", Kind: chat.Begin, Body: chat.Body{Referral: map[string]string{"ref": "ad_7", "type": "open"}}},
		},
		{
			Key: "failed:5741311803571721089", At: at(124), From: bare,
			Receipt: &chat.Receipt{ID: "5741311803571721089", Status: chat.StatusFailed, Err: &chat.SendError{Verdict: chat.VerdictRejected, Code: "failed", Detail: "failure description"}},
		},
		{Key: "unsubscribed:5741311803571721090", At: at(125), From: bare, Contact: &chat.ContactEvent{Reachable: &no, Why: "unsubscribed"}},
		{Key: "subscribed:5741311803571721091", At: at(126), From: chat.Person{ID: "01AB==", Name: "Ann"}, Contact: &chat.ContactEvent{Reachable: &yes, Why: "subscribed"}},
		{Key: "delivered:5741311803571721092", At: at(127), From: bare, Receipt: &chat.Receipt{ID: "5741311803571721092", Status: chat.StatusDelivered}},
		{Key: "seen:5741311803571721092", At: at(128), Receipt: &chat.Receipt{ID: "5741311803571721092", Status: chat.StatusRead}},
		{Key: "something_new:5741311803571721093", At: at(129), From: bare, Message: &chat.Incoming{ID: "5741311803571721093", Kind: chat.Unsupported, Body: chat.Body{Type: "something_new"}}},
		{
			Key: "message:5741311803571721094", From: bare,
			Message: &chat.Incoming{ID: "5741311803571721094", Kind: chat.Unsupported, Window: chat.ByMessage, Body: chat.Body{Type: "malformed"}},
		},
	}
	var got []chat.Event
	for _, f := range fixtures {
		events, err := silent(t).Decode(post("", string(f)))
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		got = append(got, events...)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(chat.Incoming{}, "Raw")); diff != "" {
		t.Error(diff)
	}
	if events, err := silent(t).Decode(post("", vectorBody)); err != nil || len(events) > 0 {
		t.Errorf("the platform's trial: %v, %v", events, err)
	}
	for _, bad := range []string{"", "null", "[]", "{}", `{"event":1}`} {
		if _, err := silent(t).Decode(post("", bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(vectorBody))
	for _, e := range fixtures {
		f.Add(e)
	}
	c := silent(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := c.Decode(post("", string(b)))
		if err != nil && len(events) > 0 {
			t.Error("events beside an error")
		}
		for _, e := range events {
			if e.Message == nil && e.Receipt == nil && e.Contact == nil {
				t.Errorf("an event that says nothing: %+v", e)
			}
		}
	})
}
