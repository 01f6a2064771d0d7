package wechat_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/wechat/wechattest"
)

func TestDecode(t *testing.T) {
	who := chat.Person{ID: "oUSER1"}
	yes, no := true, false
	at := func(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }
	message := func(n int, in chat.Incoming) []chat.Event {
		return []chat.Event{{Key: in.ID, At: at(n), From: who, Message: &in}}
	}
	for i, want := range [][]chat.Event{
		message(0, chat.Incoming{ID: "23000000000000001", Kind: chat.Text, Text: "hi", Window: chat.ByMessage}),
		message(1, chat.Incoming{ID: "23000000000000002", Kind: chat.MediaOf, Media: []chat.MediaRef{{Kind: chat.Image, ID: "M1"}}, Window: chat.ByMessage}),
		{
			{Key: "oUSER1:1700000002:subscribe:contact", At: at(2), From: who, Contact: &chat.ContactEvent{Reachable: &yes, Why: "subscribe"}},
			{Key: "oUSER1:1700000002:subscribe", At: at(2), From: who, Message: &chat.Incoming{
				ID: "oUSER1:1700000002:subscribe", Kind: chat.Begin, Window: chat.ByAction,
				Body: chat.Body{Referral: map[string]string{"source": "qr", "ref": "42", "ticket": "T1"}},
			}},
		},
		{{Key: "oUSER1:1700000003:MASSSENDJOBFINISH:1000001625", At: at(3), Account: &chat.AccountEvent{Detail: map[string]string{
			"mass_id": "1000001625", "mass_status": "sendsuccess", "mass_total": "100", "mass_filtered": "80", "mass_sent": "75", "mass_failed": "5",
		}}}},
		message(4, chat.Incoming{
			ID: "23000000000000003", Kind: chat.MediaOf, Text: "hello", Window: chat.ByMessage,
			Media: []chat.MediaRef{{Kind: chat.Audio, ID: "M2", Voice: true, ContentType: "audio/amr"}},
		}),
		message(5, chat.Incoming{ID: "23000000000000004", Kind: chat.MediaOf, Media: []chat.MediaRef{{Kind: chat.Video, ID: "M3", ContentType: "video/mp4"}}, Window: chat.ByMessage}),
		message(6, chat.Incoming{ID: "23000000000000005", Kind: chat.Location, Window: chat.ByMessage, Body: chat.Body{Location: &chat.Place{Latitude: 52.5, Longitude: 13.4, Address: "Berlin"}}}),
		message(7, chat.Incoming{ID: "23000000000000006", Kind: chat.Text, Text: "D", Window: chat.ByMessage, Body: chat.Body{Link: &chat.Link{Title: "T", URL: "https://example.test"}}}),
		{{Key: "oUSER1:1700000008:unsubscribe", At: at(8), From: who, Contact: &chat.ContactEvent{Reachable: &no, Why: "unsubscribe"}}},
		{{Key: "oUSER1:1700000009:SCAN", At: at(9), From: who, Message: &chat.Incoming{
			ID: "oUSER1:1700000009:SCAN", Kind: chat.Begin, Window: chat.ByAction,
			Body: chat.Body{Referral: map[string]string{"source": "qr", "ref": "42", "ticket": "T1"}},
		}}},
		{{Key: "oUSER1:1700000010:CLICK", At: at(10), From: who, Contact: &chat.ContactEvent{Why: "CLICK", Window: chat.ByAction}}},
		{{Key: "oUSER1:1700000011:TEMPLATESENDJOBFINISH:77", At: at(11), From: who, Receipt: &chat.Receipt{
			ID: "77", Status: chat.StatusFailed, Err: &chat.SendError{Verdict: chat.VerdictOptedOut, Code: "template", Detail: "failed:user block"},
		}}},
		message(12, chat.Incoming{ID: "23000000000000007", Kind: chat.Unsupported, Window: chat.ByMessage, Body: chat.Body{Type: "file"}, Raw: raw(fixtures[12])}),
	} {
		for mode, h := range map[string]chat.Hook{
			"clear": clear(string(fixtures[i])), "safe": sealed(wechattest.Seal(wechattest.AESKey, wechattest.AppID, nonce, fixtures[i])),
		} {
			got, err := channel(t).Decode(h)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%d %s: %v\n got %s\nwant %s", i, mode, err, show(got), show(want))
			}
		}
	}
}

func raw(body []byte) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"xml": string(body)}) // a string
	return b
}

func show(v any) string {
	return fmt.Sprintf("%+v %s", v, func() []byte { b, _ := json.Marshal(v); return b }())
}

func TestDecodeSpecial(t *testing.T) {
	const head = "<xml><FromUserName>o1</FromUserName><CreateTime>1700000000</CreateTime>"
	c := channel(t)
	one := func(body string) chat.Event {
		t.Helper()
		events, err := c.Decode(clear(head + body + "</xml>"))
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: %d events, %v", body, len(events), err)
		}
		return events[0]
	}
	e := one("<MsgType>text</MsgType><Content>Yes</Content><bizmsgmenuid>101</bizmsgmenuid><MsgId>5</MsgId>")
	if m := e.Message; m.Kind != chat.Choice || m.Body.Choice == nil || m.Body.Choice.ID != "101" || m.Text != "Yes" {
		t.Errorf("a menu's answer: %+v", m)
	}
	for name, body := range map[string]string{
		"no number":     "<MsgType>location</MsgType><Location_X>NaN</Location_X><Location_Y>1</Location_Y><MsgId>5</MsgId>",
		"off the globe": "<MsgType>location</MsgType><Location_X>91</Location_X><Location_Y>1</Location_Y><MsgId>5</MsgId>",
		"no file":       "<MsgType>image</MsgType><PicUrl>http://x.test</PicUrl><MsgId>5</MsgId>",
		"new type":      "<MsgType>hologram</MsgType><MsgId>5</MsgId>",
	} {
		if m := one(body).Message; m.Kind != chat.Unsupported || len(m.Raw) == 0 || m.ID != "5" || m.Window != chat.ByMessage {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := one("<MsgType>event</MsgType><Event>brand_new</Event>").Message; m == nil || m.Kind != chat.Unsupported || m.Body.Type != "event:brand_new" || m.Window != chat.NoWindow {
		t.Errorf("a new event: %+v", m)
	}
	if r := one("<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>9</MsgID><Status>success</Status>").Receipt; r == nil || r.Status != chat.StatusDelivered || r.Err != nil {
		t.Errorf("a template's success: %+v", r)
	}
	for _, event := range []string{"VIEW", "LOCATION", "kf_close_session", "pic_weixin"} {
		if events, err := c.Decode(clear(head + "<MsgType>event</MsgType><Event>" + event + "</Event></xml>")); err != nil || len(events) != 0 {
			t.Errorf("%s: %d events, %v", event, len(events), err)
		}
	}
	for name, body := range map[string]string{
		"a document type": xxe, "no XML": "{}", "empty": "", "cut off": "<xml><FromUserName>o1", "another root": "<html></html>", "nobody": "<xml><MsgType>text</MsgType></xml>",
		"an entity": "<xml><FromUserName>&x;</FromUserName><MsgType>text</MsgType></xml>",
	} {
		if events, err := c.Decode(clear(body)); err == nil {
			t.Errorf("%s: %+v", name, events)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range fixtures {
		f.Add(b)
	}
	f.Add([]byte(xxe))
	f.Add(sealed(encrypted).Body)
	c := channel(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		h := clear(string(body))
		_, _ = c.Accept(h) // it may not panic
		events, err := c.Decode(h)
		if err != nil && len(events) > 0 {
			t.Errorf("events beside an error: %v", err)
		}
		for _, e := range events {
			if _, err := json.Marshal(e.Message); err != nil {
				t.Errorf("an event that cannot be stored: %v", err)
			}
			if e.Key == "" {
				t.Error("an event without a key")
			}
		}
	})
}
