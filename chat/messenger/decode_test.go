package messenger_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/messenger/messengertest"
	"tandem/chat/meta/metatest"
)

// TestDecode reads each fixture of the reference; a line is what comes of it in short: key, person, and what is said.
func TestDecode(t *testing.T) {
	newRig(t).Reads(suite.Lines(t, "testdata/fixtures.jsonl"), decoded, metatest.Short)
}

const decoded = `
m_A PSID1 choice "hi" message q=m_0 [image https://cdn.example/i map[index:0 mid:m_A]] choice=P
m_A2 PSID1 text "hi" message
m_A3 PSID1 media "" message [image https://scontent.xx.fbcdn.net/image map[index:0 mid:m_A3]] [audio https://scontent.xx.fbcdn.net/audio map[index:1 mid:m_A3]] [video https://scontent.xx.fbcdn.net/video map[index:2 mid:m_A3]] [file https://scontent.xx.fbcdn.net/file map[index:3 mid:m_A3]]
m_A4 PSID1 media "" message [sticker https://scontent.xx.fbcdn.net/s map[index:0 mid:m_A4]]
m_A5 PSID1 media "" message [sticker https://scontent.xx.fbcdn.net/s map[index:0 mid:m_A5]]
m_A6 PSID1 text "https://page.example.test/1" message link=A page
m_A7 PSID1 unsupported "" message type=template raw
m_A8 PSID1 text "from an ad" entry referral=map[ad_id:7 ads_context_data:{"ad_title":"Chat"} ref:x source:ADS type:OPEN_THREAD]
m_P PSID1 choice "Start" message choice=GET_STARTED referral=map[ref:qr1 source:SHORTLINK type:OPEN_THREAD]
referral:PSID1:1700000000109 PSID1 begin "" message referral=map[ref:qr2 source:SHORTLINK type:OPEN_THREAD]
delivered:m_B PSID1 receipt m_B delivered 0
delivered:m_B2 PSID1 receipt m_B2 delivered 0
delivered:PSID1:1700000002000 PSID1 receipt  delivered 1700000002000
delivered:PSID1:1700000002000 PSID1 receipt  delivered 1700000002000
read:PSID1:1700000003000 PSID1 receipt  read 1700000003000
reaction:PSID1:m_B:1700000000113 PSID1 reaction m_B ❤
reaction:PSID1:m_B:1700000000114 PSID1 reaction m_B 😠
reaction:PSID1:m_B:1700000000115 PSID1 reaction m_B 
edit:m_A:1 PSID1 edit m_A "hi there" 1
m_E PSID1 text "sent from Page inbox" echo=999 00000000-0000-0000-0000-000000000000
m_E2 PSID1 text "ours" echo=inbox 6f1f5f0e-3f0a-4a57-9a55-0d6c7a8d3f10
pass_thread_control:PSID1:1700000000119 PSID1 system "" type=pass_thread_control data=map[metadata:m new_owner_app_id:263902037430900]
  account paused spam
optin:PSID1:1700000000121 PSID1 unsupported "" type=optin raw
account_linking:PSID1:1700000000122 PSID1 unsupported "" type=account_linking raw
m_S PSID1 text "for the other program" message standby
`

// The first of each is not all (channels.md 13, 3).
func TestDecodeReadsAllOfARequest(t *testing.T) {
	r := newRig(t)
	var entries []any
	var want []string
	for e := range 3 {
		var items []any
		for i := range 8 {
			mid := fmt.Sprintf("m_%d_%d", e, i)
			want = append(want, mid)
			items = append(items, map[string]any{
				"sender": map[string]string{"id": "PSID1"}, "recipient": map[string]string{"id": "PAGE1"}, "timestamp": 1700000000100,
				"message": map[string]string{"mid": mid, "text": "x"},
			})
		}
		entries = append(entries, map[string]any{"id": "PAGE1", "messaging": items})
	}
	events, err := r.Decode(metatest.Request("", "page", entries))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Message.ID)
		if e.To != "" || !e.At.Equal(time.UnixMilli(1700000000100)) {
			t.Errorf("to %q at %v", e.To, e.At)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDecodeOfOtherPages(t *testing.T) {
	r := newRig(t)
	item := func(page string) []any {
		return []any{map[string]any{
			"sender": map[string]string{"id": "PSID1"}, "recipient": map[string]string{"id": page}, "timestamp": 1, "message": map[string]string{"mid": "m", "text": "x"},
		}}
	}
	events, err := r.Decode(metatest.Request("", "page", []any{
		map[string]any{"id": "PAGE2", "messaging": item("PAGE2")}, map[string]any{"id": "0", "messaging": item("0")},
	}))
	if err != nil || len(events) != 1 || events[0].To != "PAGE2" || events[0].From.ID != "PSID1" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestDecodeRefusesWhatIsNotTheirs(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{``, `[]`, `{`, `{"object":"instagram","entry":[]}`, `{"object":"page","entry":7}`} {
		if _, err := r.Decode(chat.Hook{Method: http.MethodPost, Body: []byte(body)}); err == nil {
			t.Errorf("taken: %s", body)
		}
	}
}

func TestStandbyAndEcho(t *testing.T) {
	r := newRig(t)
	echo := r.Echo(r.ann.ID, map[string]any{"mid": "m_out", "text": "sent elsewhere", "app_id": 999})
	all := r.Events(metatest.Standby(echo), echo)
	if len(all) != 2 {
		t.Fatalf("%d events", len(all))
	}
	for _, e := range all {
		if m := e.Message; m == nil || !m.Echo || m.Via != "999" || m.Window != chat.NoWindow || e.From.ID != r.ann.ID {
			t.Errorf("%+v", e)
		}
	}
	if all[0].Message.Standby == all[1].Message.Standby {
		t.Error("which one is standby?")
	}
}

func FuzzDecode(f *testing.F) {
	for _, item := range suite.Lines(f, "testdata/fixtures.jsonl") {
		f.Add([]byte(`{"object":"page","entry":[{"id":"` + messengertest.PageID + `","time":1,"messaging":[` + string(item) + `],"standby":[` + string(item) + `]}]}`))
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := r.Decode(chat.Hook{Method: http.MethodPost, Body: body})
		if err != nil && events != nil {
			t.Error("both events and an error")
		}
		for _, e := range events {
			if strings.HasSuffix(metatest.Short(e), "nothing") {
				t.Errorf("an event that says nothing: %+v", e)
			}
			if m := e.Message; m != nil && (m.ID == "" || m.Kind == "" || m.Kind == chat.Unsupported && m.Raw == nil) {
				t.Errorf("a message without its id, kind or what came: %+v", m)
			}
		}
	})
}
