package mediastream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestRead(t *testing.T) {
	queue := uuid.MustParse("0192d1f0-0000-7000-8000-000000000001")
	for _, c := range []struct {
		name, text string
		event      event
		want       func(said) bool
		bad        bool
	}{
		{name: "media", text: `{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}`, event: eventMedia, want: func(s said) bool { return bytes.Equal(s.audio, []byte{0xFF, 0xFF}) }},
		{name: "media with Twilio's other fields", text: `{"event":"media","media":{"track":"outbound","chunk":"1","timestamp":"5","payload":"AA=="}}`, event: eventMedia, want: func(s said) bool { return len(s.audio) == 1 }},
		{name: "empty media", text: `{"event":"media","media":{"payload":""}}`, event: eventMedia, want: func(s said) bool { return len(s.audio) == 0 }},
		{name: "media without media", text: `{"event":"media"}`, bad: true},
		{name: "no base64", text: `{"event":"media","media":{"payload":"*"}}`, bad: true},
		{name: "payload is a number", text: `{"event":"media","media":{"payload":7}}`, bad: true},
		{name: "mark", text: `{"event":"mark","mark":{"name":"a b"}}`, event: eventMark, want: func(s said) bool { return s.mark == "a b" }},
		{name: "mark without a mark", text: `{"event":"mark"}`, bad: true},
		{name: "mark that is too long", text: `{"event":"mark","mark":{"name":"` + strings.Repeat("x", 257) + `"}}`, bad: true},
		{name: "clear", text: `{"event":"clear","streamSid":"MZ1"}`, event: eventClear},
		{name: "stop", text: `{"event":"stop"}`, event: eventStop},
		{name: "keys", text: `{"event":"dtmf","dtmf":{"digits":"12#a"}}`, event: eventKeys, want: func(s said) bool { return s.keys == "12#A" }},
		{name: "one key", text: `{"event":"dtmf","dtmf":{"digit":"5"}}`, event: eventKeys, want: func(s said) bool { return s.keys == "5" }},
		{name: "no keys", text: `{"event":"dtmf","dtmf":{"digits":""}}`, bad: true},
		{name: "keys of no telephone", text: `{"event":"dtmf","dtmf":{"digits":"12x"}}`, bad: true},
		{name: "data", text: `{"event":"data","reserved":{"reserved_bad_actor":true},"data":{"a":"1","b":null}}`, event: eventData, want: func(s said) bool {
			return *s.hand.Reserved.BadActor && s.hand.Reserved.VerifiedCustomer == nil && *s.hand.Data["a"] == "1" && s.hand.Data["b"] == nil && len(s.hand.Data) == 2
		}},
		{name: "data that is no text", text: `{"event":"data","data":{"a":1}}`, bad: true},
		{name: "bare handover", text: `{"event":"handover"}`, event: eventHandOver, want: func(s said) bool { return s.hand.Queue == uuid.Nil }},
		{name: "handover", text: `{"event":"handover","handover":{"queue":"` + queue.String() + `","summary":"S","reserved":{"reserved_verified_customer":false},"data":{"a":"1"}}}`, event: eventHandOver, want: func(s said) bool {
			return s.hand.Queue == queue && s.hand.Summary == "S" && !*s.hand.Reserved.VerifiedCustomer && *s.hand.Data["a"] == "1"
		}},
		{name: "handover to no queue", text: `{"event":"handover","handover":{"queue":"sales"}}`, bad: true},
		{name: "hangup", text: `{"event":"hangup"}`, event: eventHangUp},
		{name: "a list", text: `[]`, bad: true},
		{name: "null", text: `null`, bad: true},
		{name: "nothing", text: ``, bad: true},
		{name: "cut off", text: `{"event":"clear"`, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read([]byte(c.text))
			switch {
			case (err != nil) != c.bad:
				t.Fatalf("read %s: %v", c.text, err)
			case c.bad:
				return
			case got.event != c.event || c.want != nil && !c.want(got):
				t.Fatalf("read %s as %+v", c.text, got)
			}
		})
	}
	if _, err := read([]byte(`{"event":"user-started-speaking"}`)); !errors.Is(err, errUnknownEvent) {
		t.Errorf("an event of a framework: %v, want errUnknownEvent", err)
	}
}

// What a bot writes never makes us fall over, and what is taken keeps within the limits.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"event":"media","media":{"payload":"//8="}}`, `{"event":"mark","mark":{"name":"a"}}`, `{"event":"dtmf","dtmf":{"digits":"1"}}`,
		`{"event":"handover","handover":{"queue":"0192d1f0-0000-7000-8000-000000000001","data":{"a":null}}}`, `{"event":"data","reserved":{"reserved_bad_actor":true}}`, `{"event":3}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := read(text)
		if err != nil {
			return
		}
		if len(m.audio) > len(text) || len(m.mark) > maxMark || len(m.keys) > maxKeys || strings.Trim(m.keys, "0123456789*#ABCD") != "" {
			t.Errorf("%q is read as %+v", text, m)
		}
	})
}

func TestSIDs(t *testing.T) {
	id := uuid.MustParse("0192d1f0-1111-7222-8333-444455556666")
	if got := sid("CA", id); got != "CA0192d1f0111172228333444455556666" {
		t.Errorf("sid is %q", got)
	}
	b, err := json.Marshal(mediaMessage{Event: "media", Media: mediaData{Payload: []byte{0xFF, 0x7F}}})
	if err != nil || !strings.Contains(string(b), `"payload":"/38="`) {
		t.Errorf("a payload is written as %s, %v", b, err)
	}
}

// Worked out by the recipe of Twilio's "Validating requests", with another program.
func TestSignature(t *testing.T) {
	if got := signature("wss://bot.example.com/stream", "12345"); got != "nRraROnBuFhfeBCqFvQuye6ZML8=" {
		t.Errorf("signature is %q", got)
	}
}
