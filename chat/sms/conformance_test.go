package sms_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/sms"
	"tandem/chat/sms/smstest"
)

// fixtures are the forms of channels.md 14, and more.
var fixtures = [][]byte{
	[]byte(`MessageSid=MM1&SmsSid=MM1&SmsMessageSid=MM1&AccountSid=AC1&From=%2B14155550100&To=%2B14155550199&Body=&NumMedia=1&NumSegments=1&MediaContentType0=image%2Fjpeg&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2FAC1%2FMessages%2FMM1%2FMedia%2FME1&ApiVersion=2010-04-01`),
	[]byte(`MessageSid=SM2&AccountSid=AC1&From=%2B14155550100&To=%2B14155550199&Body=STOP&NumMedia=0&OptOutType=STOP`),
	[]byte(`MessageSid=SM3&MessageStatus=undelivered&ErrorCode=30003&To=%2B14155550100&From=%2B14155550199`),
	[]byte(`MessageSid=SM4&SmsStatus=received&From=%2B8613800000000&To=%2B14155550199&Body=%E4%BD%A0%E5%A5%BD&NumMedia=0&FromCountry=CN&Brand%5BNew%5D=field`),
	[]byte(`MessageSid=SM5&MessageStatus=delivered&To=%2B14155550100&From=%2B14155550199`),
}

// vector is the request of channels.md 1.3, whose hook has another path than the demo account's.
func vector() chat.Hook {
	const address = "https://cc.example.test/hooks/twilio/1?x=1"
	return form(address, "was3VnZOAoJl+/aXorm5ltIKtfs=", url.Values{
		"Body": {"hello & bye"}, "From": {"+14155550100"}, "MessageSid": {"SM00000000000000000000000000000001"}, "NumMedia": {"0"}, "To": {"+14155550199"},
	}.Encode())
}

func form(address, signature, body string) chat.Hook {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // a mistake in a test
	}
	h := chat.Hook{Method: http.MethodPost, URL: address, Query: u.Query(), Header: http.Header{}, Body: []byte(body)}
	h.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if signature != "" {
		h.Header.Set("X-Twilio-Signature", signature)
	}
	return h
}

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:    sms.Maker(),
		New:      func(start time.Time) chattest.Platform { return smstest.New(start) },
		Golden:   []chat.Hook{form(smstest.HookURL, smstest.Signature("twilio-auth-token", smstest.HookURL, fixtures[0]), string(fixtures[0]))},
		Fixtures: fixtures,
		Timeless: true,
		States:   []chattest.FileState{chattest.Gone},
	})
}
