package whatsapp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/meta/metatest"
)

// TestDecode reads each fixture of the reference; a line is what comes of it in short: key, person, and what is said.
func TestDecode(t *testing.T) {
	newRig(t).Reads(suite.Lines(t, "testdata/fixtures.jsonl"), decoded, short)
}

const decoded = `
wamid.A 15551230000/US.1349 text "hi" message q=wamid.PREV
wamid.C 15551230000/ media "look" message [image MEDIA1 image/jpeg]
wamid.D 15551230000/ choice "Returns" message q=wamid.B choice=row_2 data=map[description:Send it back]
wamid.D2 15551230000/ choice "Yes" message choice=yes
wamid.D3 15551230000/ choice "Sent" message choice=flow data=map[response:{"flow_token":"t","size":"L"}]
wamid.D4 15551230000/ unsupported "" message type=interactive/call_permission_reply raw
wamid.E 15551230000/ choice "Yes" message choice=P1
wamid.F 15551230000/ reaction wamid.B 👍
wamid.F2 15551230000/ reaction wamid.B 
wamid.G 15551230000/ edit wamid.A "hi there" 0
wamid.G2 15551230000/ edit wamid.C "look here" 1
wamid.H 15551230000/ unsend wamid.A
wamid.I:contact 15559990000/ contact was=15551230000/ user_changed_number map[]
wamid.I 15559990000/ system "changed" type=user_changed_number
wamid.I2:contact /MX.2 contact was=/CO.1 user_changed_user_id map[]
wamid.I2 /MX.2 system "changed" type=user_changed_user_id
wamid.I3 15551230000/ system "changed" type=customer_identity_changed
wamid.J 15551230000/ unsupported "" message type=unsupported data=map[code:131051] raw
wamid.K /US.1349 text "no phone" message
status:wamid.B:failed 15551230000/ receipt wamid.B failed window_closed 131047
status:wamid.B:sent 15551230000/ receipt wamid.B sent 6f1f5f0e-3f0a-4a57-9a55-0d6c7a8d3f10 PMP/free_customer_service/service
status:wamid.B:delivered 15551230000/ receipt wamid.B delivered
status:wamid.B:read 15551230000/ receipt wamid.B read
status:wamid.B:played 15551230000/ receipt wamid.B played
wamid.L 15551230000/ media "" message [audio MEDIA2 audio/ogg; codecs=opus voice]
wamid.M 15551230000/ media "the bill" message [file MEDIA3 application/pdf bill.pdf]
wamid.N 15551230000/ media "" message [sticker MEDIA4 image/webp map[animated:true]]
wamid.N2 15551230000/ media "see" message [video MEDIA5 video/mp4]
wamid.O 15551230000/ location "" message at=52.5,13.4 Shop, Street 1
wamid.P 15551230000/ contacts "" message cards=[{Bob B [+1 555 777 +1555778] [bob@example.test]}]
wamid.Q 15551230000/ order "please" message data=map[catalog_id:CAT] order=[{p1 2 9.5 EUR} {p2 1 3 EUR}]
wamid.R 15551230000/ text "what about this?" message data=map[group_id:G1] forwarded referral=map[catalog_id:CAT product_retailer_id:p1]
wamid.S 15551230000/ text "from an ad" entry referral=map[body:now ctwa_clid:clid headline:Chat image_url:https://ad.example.test/i media_type:image source_id:ad7 source_type:ad source_url:https://ad.example.test welcome_message:{"text":"hey"}]
wamid.T 15551230000/ begin ""
wamid.U 15551230000/ unsupported "" message type=hologram raw
wamid.V 15551230000/US.1349 text "from the telephone" echo=whatsapp_business_app
wamid.V2 15551230000/ edit wamid.V "from my telephone" 0
wamid.V3 15551230000/ unsend wamid.V
message_template_status_update:WABA1:1795341600:12345:REJECTED / template 12345 order_ok en_US REJECTED   PROMOTIONAL
message_template_status_update:WABA1:1795341600:12345:APPROVED / template 12345 order_ok en_US APPROVED   
message_template_quality_update:WABA1:1795341600:12345: / template 12345 order_ok en_US  YELLOW  
template_category_update:WABA1:1795341600:12345: / template 12345 order_ok he   MARKETING 
phone_number_quality_update:WABA1:1795341600::FLAGGED / account  FLAGGED current_limit=TIER_2K max=2000
business_capability_update:WABA1:1795341600:: / account  business_capability_update current_limit= max=10000
account_update:WABA1:1795341600::DISABLED_UPDATE / account paused DISABLED_UPDATE current_limit= max=
account_update:WABA1:1795341600::DISABLED_UPDATE / account ok DISABLED_UPDATE current_limit= max=
account_update:WABA1:1795341600::ACCOUNT_RESTRICTION / account  ACCOUNT_RESTRICTION current_limit= max=
preference:15551230000::marketing_messages:stop:1700000029 15551230000/ contact was=/ User requested to stop marketing messages map[marketing:false]
preference:15551230000::marketing_messages:resume:1700000030 15551230000/ contact was=/  map[marketing:true]
 / account paused locked current_limit= max=
`

// short is an event in one line.
func short(e chat.Event) string {
	s := e.Key + " " + e.From.ID + "/" + e.From.Alias + " "
	switch {
	case e.Message != nil:
		return s + message(e.Message)
	case e.Receipt != nil:
		s += fmt.Sprintf("receipt %s %s", e.Receipt.ID, e.Receipt.Status)
		if e.Receipt.Err != nil {
			s += fmt.Sprintf(" %s %s", e.Receipt.Err.Verdict, e.Receipt.Err.Code)
		}
		if p := e.Receipt.Price; p != nil {
			s += fmt.Sprintf(" %s %s/%s/%s", e.Receipt.Local, p["pricing_model"], p["type"], p["category"])
		}
		return s
	case e.Reaction != nil:
		return s + "reaction " + e.Reaction.To + " " + e.Reaction.Emoji
	case e.Edit != nil:
		return s + fmt.Sprintf("edit %s %q %d", e.Edit.Of, e.Edit.Text, len(e.Edit.Media))
	case e.Unsend != nil:
		return s + "unsend " + e.Unsend.Of
	case e.Contact != nil:
		return s + fmt.Sprintf("contact was=%s/%s %s %v", e.Contact.Was.ID, e.Contact.Was.Alias, e.Contact.Why, e.Contact.Consent)
	case e.Template != nil:
		n := e.Template
		return s + strings.Join([]string{"template", n.ID, n.Name, n.Language, n.Status, n.Quality, n.Category, n.Reason}, " ")
	case e.Account != nil:
		d := e.Account.Detail
		return s + fmt.Sprintf("account %s %s current_limit=%s max=%s", e.Account.State, e.Account.Reason, d["current_limit"], d["max_daily_conversations_per_business"])
	}
	return s + "nothing"
}

func message(m *chat.Incoming) string {
	s := fmt.Sprintf("%s %q", m.Kind, m.Text)
	add := func(when bool, format string, values ...any) {
		if when {
			s += " " + fmt.Sprintf(format, values...)
		}
	}
	b := m.Body
	add(m.Window != "", "%s", m.Window)
	add(m.Echo, "echo=%s", m.Via)
	add(m.Quote != "", "q=%s", m.Quote)
	for _, f := range m.Media {
		s += " [" + strings.TrimSpace(strings.Join([]string{string(f.Kind), f.ID, f.ContentType, f.Name}, " "))
		add(f.Voice, "voice")
		add(f.Extra != nil, "%v", f.Extra)
		s += "]"
	}
	add(b.Choice != nil, "choice=%s", func() string {
		if b.Choice == nil {
			return ""
		}
		return b.Choice.ID
	}())
	add(b.Type != "", "type=%s", b.Type)
	add(b.Data != nil, "data=%v", b.Data)
	add(b.Forwarded, "forwarded")
	if b.Location != nil {
		s += fmt.Sprintf(" at=%v,%v %s, %s", b.Location.Latitude, b.Location.Longitude, b.Location.Name, b.Location.Address)
	}
	add(b.Contacts != nil, "cards=%v", b.Contacts)
	add(b.Order != nil, "order=%v", b.Order)
	add(b.Referral != nil, "referral=%v", b.Referral)
	add(m.Raw != nil, "raw")
	return s
}

// The first of each is not all (channels.md 13, 3): 3 entries with 2 changes each of 4 messages, and 5 statuses.
func TestDecodeReadsAllOfARequest(t *testing.T) {
	r := newRig(t)
	var entries []any
	n := 0
	for range 3 {
		var changes []any
		for range 2 {
			var messages []any
			for range 4 {
				messages = append(messages, map[string]any{"from": "15551230000", "id": fmt.Sprintf("wamid.%d", n), "timestamp": "1700000000", "type": "text", "text": map[string]string{"body": "x"}})
				n++
			}
			value := map[string]any{"metadata": map[string]string{"phone_number_id": "PN1"}, "messages": messages}
			if len(entries) == 2 && len(changes) == 1 {
				var statuses []any
				for _, s := range []string{"sent", "delivered", "read", "played", "failed"} {
					statuses = append(statuses, map[string]string{"id": "wamid.out", "status": s, "timestamp": "1700000001", "recipient_id": "15551230000"})
				}
				value["statuses"] = statuses
			}
			changes = append(changes, map[string]any{"field": "messages", "value": value})
		}
		entries = append(entries, map[string]any{"id": "WABA1", "changes": changes})
	}
	events, err := r.Decode(metatest.Request("", "whatsapp_business_account", entries))
	if err != nil || len(events) != 29 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events[:24] {
		if e.Key != fmt.Sprintf("wamid.%d", i) || e.To != "" {
			t.Errorf("event %d is %s to %q", i, e.Key, e.To)
		}
	}
	for _, e := range events[24:] {
		if e.Receipt == nil {
			t.Errorf("%s is no receipt", e.Key)
		}
	}
}

func TestDecodeNamesTheOtherNumber(t *testing.T) {
	e := newRig(t).one(`{"metadata":{"phone_number_id":"PN2"},"messages":[{"from":"15551230000","id":"wamid.A","timestamp":"1700000000","type":"text","text":{"body":"hi"}}]}`)
	if e.To != "PN2" {
		t.Errorf("to %q", e.To)
	}
}

func TestDecodeKnowsPeople(t *testing.T) {
	e := newRig(t).one(string(suite.Lines(t, "testdata/fixtures.jsonl")[0]))
	want := chat.Person{ID: "15551230000", Alias: "US.1349", Phone: "+15551230000", Name: "Ann", Username: "ann.b", Country: "US"}
	if e.From != want {
		t.Errorf("%+v, want %+v", e.From, want)
	}
	if !e.At.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("at %v", e.At)
	}
	e = newRig(t).one(`{"contacts":[{"profile":{"name":"Bob"},"wa_id":"1"},{"profile":{"name":"Ann"},"wa_id":"2","user_id":"US.2"}],"messages":[{"from":"2","id":"wamid.A","timestamp":"1","type":"text","text":{"body":"hi"}}]}`)
	if e.From.Name != "Ann" || e.From.Alias != "US.2" {
		t.Errorf("another contact's: %+v", e.From)
	}
}

func TestDecodeRefusesWhatIsNotTheirs(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{``, `[]`, `{`, `{"object":"page","entry":[]}`, `{"object":"whatsapp_business_account","entry":7}`} {
		if _, err := r.Decode(chat.Hook{Method: http.MethodPost, Body: []byte(body)}); err == nil {
			t.Errorf("taken: %s", body)
		}
	}
}

func TestCoexistence(t *testing.T) {
	r := newRig(t)
	id, event := r.Echo(r.ann.ID, "from the telephone")
	all := r.Events(event)
	if len(all) != 1 || all[0].Message == nil || all[0].Message.ID != id || !all[0].Message.Echo || all[0].From.ID != r.ann.ID || all[0].Message.Window != chat.NoWindow {
		t.Fatalf("%+v", all)
	}
}

func FuzzDecode(f *testing.F) {
	for _, change := range suite.Lines(f, "testdata/fixtures.jsonl") {
		f.Add([]byte(`{"object":"whatsapp_business_account","entry":[{"id":"W","time":1,"changes":[{"field":"messages","value":` + string(change) + `},` + string(change) + `]}]}`))
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := r.Decode(chat.Hook{Method: http.MethodPost, Body: body})
		if err != nil && events != nil {
			t.Error("both events and an error")
		}
		for _, e := range events {
			if strings.HasSuffix(short(e), "nothing") {
				t.Errorf("an event that says nothing: %+v", e)
			}
			if e.Message != nil && (e.Message.ID == "" || e.Message.Kind == chat.Unsupported && e.Message.Raw == nil) {
				t.Errorf("a message without its id or what came: %+v", e.Message)
			}
		}
	})
}
