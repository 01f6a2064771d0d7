package telegram_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tandem/chat"
)

func TestDecode(t *testing.T) {
	yes := false
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	nine := chat.Person{ID: "9"}
	ann := chat.Person{ID: "9", Name: "Ann", Username: "ann", Language: "en"}
	shop := chat.Person{ID: "BC1/9", Name: "Ann", Username: "ann", Language: "en"}
	named := func(id string) chat.Person { return chat.Person{ID: id, Name: "Ann"} }
	event := func(key string, when int64, from chat.Person, e chat.Event) chat.Event {
		e.Key, e.From = key, from
		if when != 0 {
			e.At = at(when)
		}
		if e.Message != nil && e.Message.Window == "" && !e.Message.Echo {
			e.Message.Window = chat.ByMessage
		}
		return e
	}
	said := func(key string, when int64, from chat.Person, m chat.Incoming) chat.Event {
		return event(key, when, from, chat.Event{Message: &m})
	}
	media := func(id, text string, r chat.MediaRef) chat.Incoming {
		return chat.Incoming{ID: id, Kind: chat.MediaOf, Text: text, Media: []chat.MediaRef{r}}
	}
	album := media("9/9", "two", chat.MediaRef{Kind: chat.Image, ID: "L", ContentType: "image/jpeg", Bytes: 90000})
	album.Album = "G1"
	phone := ann
	phone.Phone = "+4915112345678"
	echo := chat.Incoming{ID: "BC1/9/21", Kind: chat.Text, Text: "from the shop", Echo: true, Via: "telegram"}
	unsupported := func(id, text, kind string) chat.Incoming {
		return chat.Incoming{ID: id, Kind: chat.Unsupported, Text: text, Body: chat.Body{Type: kind}}
	}
	first := chat.Person{ID: "987654321", Name: "Ann", Username: "ann", Language: "en"}
	quiet := unsupported("update/25", "", "something_new")
	odd := unsupported("update/27", "", "message")
	want := []chat.Event{
		said("10001", 1700000000, first, chat.Incoming{ID: "987654321/7", Kind: chat.Text, Text: "hi", Quote: "987654321/6"}),
		event("2", 1700000050, nine, chat.Event{Edit: &chat.Edit{Of: "9/7", Text: "hi!"}}),
		said("3", 0, named("9"), chat.Incoming{ID: "callback/77", Kind: chat.Choice, Text: "Forty-two", Quote: "9/8", Body: chat.Body{Choice: &chat.Chosen{ID: "k:42", Title: "Forty-two"}}}),
		event("4", 1700000002, named("9"), chat.Event{Contact: &chat.ContactEvent{Reachable: &yes, Why: "kicked"}}),
		said("5", 1700000003, nine, album),
		said("6", 1700000004, nine, chat.Incoming{ID: "9/10", Kind: chat.Begin, Body: chat.Body{Referral: map[string]string{"ref": "ad_7"}}}),
		said("7", 1700000005, ann, media("9/11", "", chat.MediaRef{Kind: chat.Audio, ID: "v", ContentType: "audio/ogg", Bytes: 5, Seconds: 3, Voice: true})),
		said("8", 1700000006, ann, media("9/12", "", chat.MediaRef{Kind: chat.Video, ID: "a", ContentType: "video/mp4", Seconds: 3})),
		said("9", 1700000007, ann, media("9/13", "👍", chat.MediaRef{Kind: chat.Sticker, ID: "st", ContentType: "video/webm"})),
		said("10", 1700000008, ann, chat.Incoming{ID: "9/14", Kind: chat.Location, Body: chat.Body{Location: &chat.Place{Latitude: 1.5, Longitude: 2.5, Name: "Shop", Address: "Street 1"}}}),
		said("11", 1700000009, phone, chat.Incoming{ID: "9/15", Kind: chat.Contacts, Body: chat.Body{Contacts: []chat.Card{{Name: "Ann", Phones: []string{"4915112345678"}}}}}),
		said("12", 1700000010, ann, unsupported("9/16", "Which?", "poll")),
		said("13", 1700000011, ann, unsupported("9/17", "🎲 4", "dice")),
		event("14", 1700000012, ann, chat.Event{Contact: &chat.ContactEvent{Why: "service"}}),
		event("15", 1700000013, chat.Person{ID: "-1005", Name: "Family"}, chat.Event{Contact: &chat.ContactEvent{Was: chat.Person{ID: "-5"}, Why: "migrate"}}),
		event("16", 1700000014, named("9"), chat.Event{Reaction: &chat.Reaction{To: "9/8", Emoji: "👍"}}),
		event("17", 1700000015, chat.Person{}, chat.Event{Account: &chat.AccountEvent{Detail: map[string]string{"business": "true"}}}),
		said("18", 1700000016, shop, chat.Incoming{ID: "BC1/9/20", Kind: chat.Text, Text: "to the shop"}),
		said("19", 1700000017, named("BC1/9"), echo),
		event("20", 1700000020, shop, chat.Event{Edit: &chat.Edit{Of: "BC1/9/20", Text: "to the shop!"}}),
		event("21", 0, named("BC1/9"), chat.Event{Unsend: &chat.Unsend{Of: "BC1/9/20"}}),
		event("21:1", 0, named("BC1/9"), chat.Event{Unsend: &chat.Unsend{Of: "BC1/9/21"}}),
		said("22", 1700000018, ann, chat.Incoming{ID: "9/22", Kind: chat.Text, Text: "see here", Body: chat.Body{Forwarded: true, Link: &chat.Link{Title: "here", URL: "https://example.test/x"}}}),
		event("23", 1700000030, ann, chat.Event{Contact: &chat.ContactEvent{Why: "live_location"}}),
		said("24", 1700000019, ann, unsupported("9/24", "", "hologram")),
		{Key: "25", From: nine, Message: &quiet},
		{Key: "27", From: nine, Message: &odd},
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
	for _, e := range got {
		if e.Message != nil && len(e.Message.Raw) == 0 {
			t.Errorf("%s: nothing raw", e.Key)
		}
	}
	for _, bad := range []string{"", "null", "[]", "{}", `{"update_id":"x"}`} {
		if _, err := silent(t).Decode(post("", bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, u := range fixtures {
		f.Add(u)
	}
	c := silent(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := c.Decode(post("", string(b)))
		if err != nil && len(events) > 0 {
			t.Error("events beside an error")
		}
		for _, e := range events {
			if e.Key == "" || e.Message != nil && e.Message.ID == "" {
				t.Errorf("an event without a name: %+v", e)
			}
		}
	})
}
