package line_test

import (
	"net/http"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/line"
	"tandem/chat/line/linetest"
)

// The vector of channels.md 1.3.
const (
	vectorBody      = `{"destination":"U00000000000000000000000000000001","events":[]}`
	vectorSignature = "xaMnzbU8ocLFZOoMOJFc3ebA3QgDxewMq77scElmT4g="
)

func post(signature, body string) chat.Hook {
	h := chat.Hook{Method: http.MethodPost, URL: "https://cc.example.test/hooks/line/demo", Header: http.Header{}, Body: []byte(body)}
	if signature != "" {
		h.Header.Set("X-Line-Signature", signature)
	}
	return h
}

const common = `"mode":"active","timestamp":1700000000123,"deliveryContext":{"isRedelivery":false},"source":{"type":"user","userId":"Uabc"},"replyToken":"r1",`

// fixtures are the events of channels.md 7 and 14, and one of each other type.
var fixtures = events(
	`"type":"message","webhookEventId":"01HX01","message":{"id":"444","type":"text","text":"hi","quoteToken":"q1","quotedMessageId":"443","markAsReadToken":"t1"}`,
	`"type":"message","webhookEventId":"01HX02","message":{"type":"image","id":"501","quoteToken":"q","contentProvider":{"type":"line"},"imageSet":{"id":"S1","index":1,"total":2}}`,
	`"type":"message","webhookEventId":"01HX03","message":{"type":"file","id":"502","fileName":"a.pdf","fileSize":2138}`,
	`"type":"message","webhookEventId":"01HX04","message":{"type":"sticker","id":"503","packageId":"446","stickerId":"1988","stickerResourceType":"STATIC","quoteToken":"q","keywords":["ok","yes"]}`,
	`"type":"message","webhookEventId":"01HX05","message":{"type":"video","id":"504","duration":60000,"contentProvider":{"type":"external","originalContentUrl":"https://example.test/a.mp4","previewImageUrl":"https://example.test/a.jpg"}}`,
	`"type":"message","webhookEventId":"01HX06","message":{"type":"audio","id":"505","duration":2500,"contentProvider":{"type":"line"}}`,
	`"type":"message","webhookEventId":"01HX07","message":{"type":"location","id":"506","title":"Shop","address":"Street 1","latitude":35.6,"longitude":139.7}`,
	`"type":"message","webhookEventId":"01HX08","message":{"type":"hologram","id":"507"}`,
	`"type":"messageEdited","webhookEventId":"01HX09","message":{"type":"text","id":"444","text":"hi there"}`,
	`"type":"unsend","webhookEventId":"01HX10","unsend":{"messageId":"501"}`,
	`"type":"follow","webhookEventId":"01HX11","follow":{"isUnblocked":true}`,
	`"type":"unfollow","webhookEventId":"01HX12"`,
	`"type":"postback","webhookEventId":"01HX13","postback":{"data":"action=buy&id=1"}`,
	`"type":"postback","webhookEventId":"01HX14","postback":{"data":"when","params":{"datetime":"2026-11-22T10:00"}}`,
	`"type":"join","webhookEventId":"01HX15"`,
	`"type":"leave","webhookEventId":"01HX16"`,
	`"type":"memberJoined","webhookEventId":"01HX17","joined":{"members":[{"type":"user","userId":"U2"}]}`,
	`"type":"videoPlayComplete","webhookEventId":"01HX18","videoPlayComplete":{"trackingId":"1"}`,
	`"type":"beacon","webhookEventId":"01HX19","beacon":{"hwid":"1","type":"enter"}`,
	`"type":"accountLink","webhookEventId":"01HX20","link":{"result":"ok","nonce":"1"}`,
	`"type":"botSuspended","webhookEventId":"01HX21"`,
	`"type":"botResumed","webhookEventId":"01HX22"`,
	`"type":"delivery","webhookEventId":"01HX23","delivery":{"data":"1"}`,
	`"type":"somethingNew","webhookEventId":"01HX24","something":{"new":true}`,
)

func events(all ...string) [][]byte {
	var out [][]byte
	for _, e := range all {
		out = append(out, []byte("{"+common+e+"}"))
	}
	return out
}

func subject() suite.Subject {
	return suite.Subject{
		Maker:    line.Maker(),
		New:      func(start time.Time) chattest.Platform { return linetest.New(start) },
		Golden:   []chat.Hook{post(vectorSignature, vectorBody)},
		Fixtures: fixtures,
		RetryKey: true,
		States:   []chattest.FileState{chattest.Gone, chattest.Later},
	}
}

func TestConformance(t *testing.T) { suite.Run(t, subject()) }
