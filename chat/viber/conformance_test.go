package viber_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/viber"
	"tandem/chat/viber/vibertest"
)

// The vector of channels.md 1.3.
const (
	vectorBody      = `{"event":"webhook","timestamp":1700000000000,"message_token":1234567890123456789}`
	vectorSignature = "d9e37a985194041dda37f619635eec20d3be3970d1c27355b8fe180c0fb775b2"
)

func post(signature, body string) chat.Hook {
	h := chat.Hook{Method: http.MethodPost, URL: "https://cc.example.test/hooks/viber/demo", Query: url.Values{}, Header: http.Header{}, Body: []byte(body)}
	if signature != "" {
		h.Header.Set("X-Viber-Content-Signature", signature)
	}
	return h
}

const sender = `"timestamp":1700000000123,"message_token":5741311803571721087,"chat_hostname":"SN-1","sender":{"id":"01AB==","name":"Ann","avatar":"https://media-direct.cdn.viber.com/a","country":"DE","language":"de","api_version":10},"silent":false`

// fixtures are the events of channels.md 9 and 14, and one of each other type.
var fixtures = events(
	`{"event":"message",`+sender+`,"message":{"type":"text","text":"hi","tracking_data":"x"}}`,
	`{"event":"message",`+sender+`,"message":{"type":"picture","media":"https://dl-media.viber.com/1.jpg","thumbnail":"https://dl-media.viber.com/t.jpg","text":"look"}}`,
	`{"event":"message",`+sender+`,"message":{"type":"video","media":"https://dl-media.viber.com/1.mp4","size":10000,"duration":10}}`,
	`{"event":"message",`+sender+`,"message":{"type":"file","media":"https://dl-media.viber.com/1.pdf","file_name":"a.pdf","size":10000}}`,
	`{"event":"message",`+sender+`,"message":{"type":"sticker","sticker_id":46105,"media":"https://dl-media.viber.com/s.png"}}`,
	`{"event":"message",`+sender+`,"message":{"type":"sticker","sticker_id":46105}}`,
	`{"event":"message",`+sender+`,"message":{"type":"contact","contact":{"name":"Bob","phone_number":"+4915112345678"}}}`,
	`{"event":"message",`+sender+`,"message":{"type":"url","media":"https://example.test/page"}}`,
	`{"event":"message",`+sender+`,"message":{"type":"location","location":{"lat":50.5,"lon":8.5}}}`,
	`{"event":"message",`+sender+`,"message":{"type":"hologram"}}`,
	`{"event":"message",`+sender+`,"message":{"type":"text","text":"yes","tracking_data":"{\"options\":{\"yes\":\"Yes, please\"}}"}}`,
	`{"event":"conversation_started","timestamp":1700000000123,"message_token":5741311803571721088,"type":"open","context":"ad_7","user":{"id":"01AB==","name":"Ann","language":"de","country":"DE","api_version":10},"subscribed":false}`,
	`{"event":"failed","timestamp":1700000000124,"message_token":5741311803571721089,"user_id":"01AB==","desc":"failure description"}`,
	`{"event":"unsubscribed","timestamp":1700000000125,"user_id":"01AB==","message_token":5741311803571721090}`,
	`{"event":"subscribed","timestamp":1700000000126,"message_token":"5741311803571721091","user":{"id":"01AB==","name":"Ann"}}`,
	`{"event":"delivered","timestamp":1700000000127,"message_token":5741311803571721092,"user_id":"01AB=="}`,
	`{"event":"seen","timestamp":1700000000128,"message_token":"5741311803571721092"}`,
	`{"event":"something_new","timestamp":1700000000129,"message_token":5741311803571721093,"user_id":"01AB=="}`,
	`{"event":"message","timestamp":"odd","message_token":5741311803571721094,"sender":{"id":"01AB=="},"message":"odd"}`,
)

func events(all ...string) [][]byte {
	var out [][]byte
	for _, e := range all {
		out = append(out, []byte(e))
	}
	return out
}

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:    viber.Maker(),
		New:      func(start time.Time) chattest.Platform { return vibertest.New(start) },
		Golden:   []chat.Hook{post(vectorSignature, vectorBody)},
		Fixtures: fixtures,
		States:   []chattest.FileState{chattest.Gone},
	})
}
