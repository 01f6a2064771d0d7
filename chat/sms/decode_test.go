package sms_test

import (
	stdjson "encoding/json"
	"net/url"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/sms/smstest"
)

func decode(t *testing.T, body string) []chat.Event {
	t.Helper()
	events, err := channel(t).Decode(form(smstest.HookURL, "", body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return events
}

func TestDecode(t *testing.T) {
	who := chat.Person{ID: "+14155550100", Phone: "+14155550100"}
	for i, want := range [][]chat.Event{
		{{Key: "MM1", From: who, Message: &chat.Incoming{ID: "MM1", Kind: chat.MediaOf, Window: chat.ByMessage, Media: []chat.MediaRef{
			{Kind: chat.Image, URL: "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", ContentType: "image/jpeg"},
		}}}},
		{
			{Key: "SM2", From: who, Message: &chat.Incoming{ID: "SM2", Kind: chat.Text, Text: "STOP", Window: chat.ByMessage}},
			{Key: "SM2:consent", From: who, Contact: &chat.ContactEvent{Why: "STOP", Consent: map[string]bool{"messages": false}}},
		},
		{{Key: "SM3:undelivered", From: who, Receipt: &chat.Receipt{
			ID: "SM3", Status: chat.StatusFailed, Err: &chat.SendError{Verdict: chat.VerdictRetry, Code: "30003", Detail: "undelivered"},
		}}},
		{{Key: "SM4", From: chat.Person{ID: "+8613800000000", Phone: "+8613800000000", Country: "CN"}, Message: &chat.Incoming{
			ID: "SM4", Kind: chat.Text, Text: "你好", Window: chat.ByMessage,
		}}},
		{{Key: "SM5:delivered", From: who, Receipt: &chat.Receipt{ID: "SM5", Status: chat.StatusDelivered}}},
	} {
		if got := decode(t, string(fixtures[i])); !reflect.DeepEqual(got, want) {
			t.Errorf("%d:\n got %+v\nwant %+v", i, got, want)
		}
	}
}

func TestConsent(t *testing.T) {
	for _, c := range []struct {
		words, optOut string
		want          []bool // the consent told; none: nothing is
	}{
		{" stop\n", "", []bool{false}},
		{"StopAll", "", []bool{false}},
		{"UNSUBSCRIBE", "", []bool{false}},
		{"cancel", "", []bool{false}},
		{"End", "", []bool{false}},
		{"QUIT", "", []bool{false}},
		{"start", "", []bool{true}},
		{"yes", "", []bool{true}},
		{"UNSTOP", "", []bool{true}},
		{"HELP", "HELP", nil},
		{"stop", "HELP", nil},
		{"INFO", "", nil},
		{"please stop calling", "", nil},
		{"", "", nil},
		{"退订", "STOP", []bool{false}},
		{"订阅", "START", []bool{true}},
	} {
		events := decode(t, url.Values{"MessageSid": {"SM1"}, "From": {"+14155550100"}, "Body": {c.words}, "NumMedia": {"0"}, "OptOutType": {c.optOut}}.Encode())
		var got []bool
		for _, e := range events {
			if e.Contact != nil {
				got = append(got, e.Contact.Consent["messages"])
			}
		}
		if !reflect.DeepEqual(got, c.want) || events[0].Message == nil || events[0].Message.Text != c.words {
			t.Errorf("%q %s: consent %v, want %v", c.words, c.optOut, got, c.want)
		}
	}
}

func TestCallbacks(t *testing.T) {
	for said, want := range map[string]chat.Status{
		"queued": chat.StatusQueued, "accepted": chat.StatusQueued, "scheduled": chat.StatusQueued, "sending": chat.StatusQueued, "sent": chat.StatusSent,
		"delivered": chat.StatusDelivered, "partially_delivered": chat.StatusDelivered, "read": chat.StatusRead,
		"undelivered": chat.StatusFailed, "failed": chat.StatusFailed, "canceled": chat.StatusFailed,
	} {
		events := decode(t, "MessageSid=SM1&MessageStatus="+said+"&To=%2B14155550100&From=%2B14155550199")
		if len(events) != 1 || events[0].Receipt == nil || events[0].Receipt.Status != want || (events[0].Receipt.Err != nil) != (want == chat.StatusFailed) {
			t.Errorf("%s: %+v", said, events)
		}
	}
	if events := decode(t, "MessageSid=SM1&MessageStatus=teleported&To=%2B14155550100"); len(events) != 0 {
		t.Errorf("a new status: %+v", events)
	}
	id := uuid.New()
	events, err := channel(t).Decode(form(smstest.HookURL+"?local="+id.String(), "", "MessageSid=SM1&MessageStatus=sent&To=%2B14155550100"))
	if err != nil || len(events) != 1 || events[0].Receipt.Local != id {
		t.Errorf("our id: %+v, %v", events, err)
	}
}

func TestDecodeSpecial(t *testing.T) {
	many := url.Values{"SmsSid": {"MM1"}, "From": {"12345"}, "Body": {"look"}, "NumMedia": {"4"}}
	for i, kind := range []string{"video/3gpp", "audio/amr", "text/vcard", ""} {
		many.Set("MediaUrl"+string(rune('0'+i)), "https://api.twilio.com/"+kind)
		many.Set("MediaContentType"+string(rune('0'+i)), kind)
	}
	m := decode(t, many.Encode())[0]
	var kinds []chat.MediaKind
	for _, f := range m.Message.Media {
		kinds = append(kinds, f.Kind)
	}
	if !reflect.DeepEqual(kinds, []chat.MediaKind{chat.Video, chat.Audio, chat.File, chat.File}) || m.Message.Text != "look" || m.From.Phone != "" || m.Message.ID != "MM1" {
		t.Errorf("%+v", m.Message)
	}
	if m := decode(t, "MessageSid=SM1&From=1&NumMedia=999999999&Body=x")[0].Message; m.Kind != chat.Text || len(m.Media) != 0 {
		t.Errorf("media that are not there: %+v", m)
	}
	events, err := channel(t).Decode(json(smstest.HookURL, `{"MessageSid":"SM1","From":"+14155550100","Body":"hi","New":{"x":1}}`))
	if err != nil || len(events) != 1 || events[0].Message.Text != "hi" {
		t.Errorf("JSON: %+v, %v", events, err)
	}
	for _, body := range []string{"", "%zz", "Body=x&From=1", "MessageSid=SM1&Body=x"} {
		if events, err := channel(t).Decode(form(smstest.HookURL, "", body)); err == nil {
			t.Errorf("%q: %+v", body, events)
		}
	}
	if _, err := channel(t).Decode(json(smstest.HookURL, "[]")); err == nil {
		t.Error("JSON that is no object is read")
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range fixtures {
		f.Add(b, false)
	}
	f.Add([]byte(`{"MessageSid":"SM1","From":"1"}`), true)
	c := channel(f)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		h := form(smstest.HookURL, "x", string(body))
		if asJSON {
			h.Header.Set("Content-Type", "application/json")
		}
		if _, err := c.Accept(h); err == nil {
			t.Error("accepted")
		}
		events, err := c.Decode(h)
		if err != nil && len(events) > 0 {
			t.Errorf("events beside an error: %v", err)
		}
		for _, e := range events {
			if _, err := stdjson.Marshal(e.Message); err != nil || e.Key == "" || e.Message == nil && e.Contact == nil && e.Receipt == nil {
				t.Errorf("%+v: %v", e, err)
			}
		}
	})
}
