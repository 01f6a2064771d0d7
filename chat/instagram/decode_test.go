package instagram_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/instagram/instagramtest"
	"tandem/chat/meta/metatest"
)

// TestDecode reads each fixture of the reference; a line is what comes of it in short: key, person, and what is said.
func TestDecode(t *testing.T) {
	newRig(t).Reads(suite.Lines(t, "testdata/fixtures.jsonl"), decoded, metatest.Short)
}

const decoded = `
aWdf_A IGSID1 text "hi" message
aWdf_A2 IGSID1 text "that" message q=aWdf_0
aWdf_S IGSID1 text "nice!" message referral=map[story_id:178 story_url:https://cdn.example/s.jpg type:story_reply]
unsend:aWdf_D IGSID1 unsend aWdf_D
aWdf_U IGSID1 unsupported "" message type=message raw
aWdf_M IGSID1 media "" message [image https://lookaside.fbsbx.com/m map[index:0 mid:aWdf_M]] referral=map[type:story_mention]
aWdf_R IGSID1 media "" message [video https://lookaside.fbsbx.com/r map[index:0 mid:aWdf_R]] link=A reel
aWdf_G IGSID1 media "" message [image https://lookaside.fbsbx.com/g map[index:0 mid:aWdf_G]] link=A post
aWdf_H IGSID1 media "" message [image https://lookaside.fbsbx.com/h map[index:0 mid:aWdf_H]]
aWdf_I IGSID1 media "" message [image https://lookaside.fbsbx.com/image map[index:0 mid:aWdf_I]] [video https://lookaside.fbsbx.com/video map[index:1 mid:aWdf_I]] [audio https://lookaside.fbsbx.com/audio map[index:2 mid:aWdf_I]] [file https://lookaside.fbsbx.com/file map[index:3 mid:aWdf_I]]
aWdf_Q IGSID1 choice "Yes" message choice=yes
aWdf_E IGSID1 text "from the app" echo=inbox 00000000-0000-0000-0000-000000000000
read:aWdf_B IGSID1 receipt aWdf_B read 0
reaction:IGSID1:aWdf_B:1700000000113 IGSID1 reaction aWdf_B ❤️
reaction:IGSID1:aWdf_B:1700000000114 IGSID1 reaction aWdf_B 
aWdf_P IGSID1 choice "Opening hours?" message choice=ICE
referral:IGSID1:1700000000116 IGSID1 begin "" message referral=map[ref:link1 source:IGME-SOURCE-LINK type:OPEN_THREAD]
aWdf_T IGSID1 text "for the other program" message standby
comment:C1 IGSID2 text "How much?" referral=map[comment_id:C1 media_id:178 media_product_type:FEED type:comment]
comment:C3 IGSID2 text "Hello" referral=map[comment_id:C3 media_id:179 type:comment]
`

// Comments come in two shapes (channels.md 5), and their times in two units.
func TestCommentsInBothPlaces(t *testing.T) {
	r := newRig(t)
	value := map[string]any{"id": "C1", "text": "How much?", "from": map[string]string{"id": "IGSID2", "username": "bob"}, "media": map[string]string{"id": "178"}}
	change := map[string]any{"field": "comments", "value": value}
	at := time.Unix(1700000000, 0)
	for name, entry := range map[string]map[string]any{
		"among changes": {"id": "IG1", "time": 1700000000, "changes": []any{change}},
		"on the entry":  {"id": "IG1", "time": 1700000000000, "field": "comments", "value": value},
	} {
		events, err := r.Decode(metatest.Request("", "instagram", []any{entry}))
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
			continue
		}
		m := events[0].Message
		if m == nil || m.Text != "How much?" || m.Reply != "C1" || !m.ReplyUntil.Equal(at.Add(7*24*time.Hour)) || m.Window != chat.NoWindow || !events[0].At.Equal(at) {
			t.Errorf("%s: %+v", name, events[0])
		}
		if events[0].From.ID != "IGSID2" || events[0].From.Username != "bob" {
			t.Errorf("%s: from %+v", name, events[0].From)
		}
	}
}

func TestConsoleTestIsIgnored(t *testing.T) {
	events, err := newRig(t).Decode(metatest.Request("", "instagram", []any{map[string]any{
		"id": "0", "time": 1, "changes": []any{map[string]any{"field": "comments", "value": map[string]any{"id": "1", "text": "x", "from": map[string]string{"id": "2"}}}},
		"messaging": []any{map[string]any{"sender": map[string]string{"id": "12334"}, "recipient": map[string]string{"id": "23245"}, "timestamp": 1, "message": map[string]string{"mid": "m", "text": "x"}}},
	}}))
	if err != nil || len(events) != 0 {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestDecodeRefusesWhatIsNotTheirs(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{``, `[]`, `{`, `{"object":"page","entry":[]}`, `{"object":"instagram","entry":7}`} {
		if _, err := r.Decode(chat.Hook{Method: http.MethodPost, Body: []byte(body)}); err == nil {
			t.Errorf("taken: %s", body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, item := range suite.Lines(f, "testdata/fixtures.jsonl") {
		f.Add([]byte(`{"object":"instagram","entry":[{"id":"` + instagramtest.AccountID + `","time":1,"messaging":[` + string(item) + `],"changes":[` + string(item) + `]}]}`))
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
