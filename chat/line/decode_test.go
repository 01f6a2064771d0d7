package line_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tandem/chat"
)

func body(events ...[]byte) string {
	var all []string
	for _, e := range events {
		all = append(all, string(e))
	}
	return `{"destination":"U0","events":[` + strings.Join(all, ",") + `]}`
}

func TestDecode(t *testing.T) {
	at := time.UnixMilli(1700000000123).UTC()
	yes, no := true, false
	// said is a message with what the fixtures have in common.
	said := func(key, id string, m chat.Incoming) chat.Event {
		m.ID, m.Reply, m.ReplyUntil = id, "r1", at.Add(50*time.Second)
		if m.Window == "" {
			m.Window = chat.ByMessage
		}
		return chat.Event{Key: key, At: at, From: chat.Person{ID: "Uabc"}, Message: &m}
	}
	told := func(key string, e chat.Event) chat.Event {
		e.Key, e.At, e.From = key, at, chat.Person{ID: "Uabc"}
		return e
	}
	media := func(r chat.MediaRef) chat.Incoming {
		return chat.Incoming{Kind: chat.MediaOf, Media: []chat.MediaRef{r}}
	}
	image := media(chat.MediaRef{Kind: chat.Image, ID: "501"})
	image.Album, image.QuoteToken = "S1", "q"
	sticker := media(chat.MediaRef{Kind: chat.Sticker, ID: "1988", ContentType: "image/png", Extra: map[string]string{"package": "446", "resource": "STATIC"}})
	sticker.Text, sticker.QuoteToken = "ok, yes", "q"
	const outside = "https://example.test/a.mp4"
	want := []chat.Event{
		said("01HX01", "444", chat.Incoming{Kind: chat.Text, Text: "hi", Quote: "443", QuoteToken: "q1", ReadToken: "t1"}),
		said("01HX02", "501", image),
		said("01HX03", "502", media(chat.MediaRef{Kind: chat.File, ID: "502", Name: "a.pdf", Bytes: 2138})),
		said("01HX04", "503", sticker),
		said("01HX05", "504", chat.Incoming{Kind: chat.Text, Text: outside, Body: chat.Body{Link: &chat.Link{URL: outside}}}),
		said("01HX06", "505", media(chat.MediaRef{Kind: chat.Audio, ID: "505", Seconds: 2.5, Voice: true})),
		said("01HX07", "506", chat.Incoming{Kind: chat.Location, Body: chat.Body{Location: &chat.Place{Latitude: 35.6, Longitude: 139.7, Name: "Shop", Address: "Street 1"}}}),
		said("01HX08", "507", chat.Incoming{Kind: chat.Unsupported, Body: chat.Body{Type: "hologram"}}),
		told("01HX09", chat.Event{Edit: &chat.Edit{Of: "444", Text: "hi there"}}),
		told("01HX10", chat.Event{Unsend: &chat.Unsend{Of: "501"}}),
		told("01HX11:contact", chat.Event{Contact: &chat.ContactEvent{Reachable: &yes, Why: "follow"}}),
		said("01HX11", "01HX11", chat.Incoming{Kind: chat.Begin, Window: chat.ByAction, Body: chat.Body{Referral: map[string]string{"source": "follow", "unblocked": "true"}}}),
		told("01HX12", chat.Event{Contact: &chat.ContactEvent{Reachable: &no, Why: "unfollow"}}),
		said("01HX13", "01HX13", chat.Incoming{Kind: chat.Choice, Text: "action=buy&id=1", Body: chat.Body{Choice: &chat.Chosen{ID: "action=buy&id=1", Title: "action=buy&id=1"}}}),
		said("01HX14", "01HX14", chat.Incoming{Kind: chat.Choice, Text: "2026-11-22T10:00", Body: chat.Body{Choice: &chat.Chosen{ID: "when", Title: "2026-11-22T10:00"}}}),
		said("01HX15", "01HX15", chat.Incoming{Kind: chat.Begin, Window: chat.ByAction, Body: chat.Body{Referral: map[string]string{"source": "join"}}}),
		told("01HX16", chat.Event{Contact: &chat.ContactEvent{Reachable: &no, Why: "leave"}}),
		told("01HX17", chat.Event{Contact: &chat.ContactEvent{Why: "memberJoined"}}),
		told("01HX18", chat.Event{Contact: &chat.ContactEvent{Why: "videoPlayComplete"}}),
		told("01HX19", chat.Event{Contact: &chat.ContactEvent{Why: "beacon"}}),
		told("01HX20", chat.Event{Contact: &chat.ContactEvent{Why: "accountLink"}}),
		told("01HX21", chat.Event{Account: &chat.AccountEvent{State: chat.AccountPaused, Reason: "LINE has suspended the account."}}),
		told("01HX22", chat.Event{Account: &chat.AccountEvent{State: chat.AccountOK, Reason: "LINE has resumed the account."}}),
		told("01HX23", chat.Event{Contact: &chat.ContactEvent{Why: "delivery"}}),
		said("01HX24", "01HX24", chat.Incoming{Kind: chat.Unsupported, Window: chat.ByAction, Body: chat.Body{Type: "somethingNew"}}),
	}
	got, err := silent(t).Decode(post("", body(fixtures...)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(chat.Incoming{}, "Raw")); diff != "" {
		t.Error(diff)
	}
	for _, e := range got {
		if e.Message != nil && len(e.Message.Raw) == 0 {
			t.Errorf("%s: nothing raw", e.Key)
		}
	}
}

// Standby means that somebody else answers; a redelivered event is the same one; in a group the group is written to.
func TestDecodeFrames(t *testing.T) {
	for _, c := range []struct {
		name, event string
		check       func(chat.Event) bool
	}{
		{
			"standby", `{"type":"message","mode":"standby","webhookEventId":"1","timestamp":1,"source":{"userId":"U1"},"message":{"type":"text","id":"1","text":"x"}}`,
			func(e chat.Event) bool { return e.Message.Standby && e.Message.Reply == "" },
		},
		{
			"redelivery", `{"type":"message","mode":"active","webhookEventId":"01HX01","deliveryContext":{"isRedelivery":true},"timestamp":1,"source":{"userId":"U1"},"message":{"type":"text","id":"1"}}`,
			func(e chat.Event) bool { return e.Key == "01HX01" },
		},
		{
			"no event id", `{"type":"message","timestamp":1,"source":{"userId":"U1"},"message":{"type":"text","id":"7"}}`,
			func(e chat.Event) bool { return e.Key == "message:7" },
		},
		{
			"a group", `{"type":"message","source":{"type":"group","groupId":"C1","userId":"U1"},"message":{"type":"text","id":"1"}}`,
			func(e chat.Event) bool { return e.From.ID == "C1" },
		},
		{
			"our own option", `{"type":"postback","source":{"userId":"U1"},"postback":{"data":"option?id=a%26b&title=A+%26+B"}}`,
			func(e chat.Event) bool { return *e.Message.Body.Choice == chat.Chosen{ID: "a&b", Title: "A & B"} },
		},
		{
			"another shape", `{"type":"message","webhookEventId":"9","timestamp":1,"source":{"userId":"U1"},"message":"odd"}`,
			func(e chat.Event) bool {
				return e.Key == "9" && e.From.ID == "U1" && e.Message.Kind == chat.Unsupported
			},
		},
	} {
		got, err := silent(t).Decode(post("", body([]byte(c.event))))
		if err != nil || len(got) != 1 || !c.check(got[0]) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for _, bad := range []string{"", "[]", `"x"`, `{"events":1}`} {
		if _, err := silent(t).Decode(post("", bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(vectorBody))
	f.Add([]byte(body(fixtures...)))
	for _, e := range fixtures {
		f.Add([]byte(body(e)))
	}
	c := silent(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := c.Decode(post("", string(b)))
		if err != nil && len(events) > 0 {
			t.Error("events beside an error")
		}
		for _, e := range events {
			if e.Message == nil && e.Edit == nil && e.Unsend == nil && e.Contact == nil && e.Account == nil {
				t.Errorf("an event that says nothing: %+v", e)
			}
		}
	})
}
