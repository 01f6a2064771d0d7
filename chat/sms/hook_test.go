package sms_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/sms"
	"tandem/chat/sms/smstest"
	"tandem/internal/fault"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// opened is the demo account, with some settings changed, on a platform at base.
func opened(t testing.TB, p *smstest.Platform, base string, values ...string) chat.Channel {
	t.Helper()
	c, err := suite.Open(t, sms.Maker(), p, base, append([]string{"media_hosts", "twilio.com,twiliocdn.com"}, values...)...)
	if err != nil {
		t.Fatalf("open the account: %v", err)
	}
	return c
}

func channel(t testing.TB, settings ...string) chat.Channel {
	t.Helper()
	return opened(t, smstest.New(began), "https://api.twilio.com", settings...)
}

// json is a request whose body is signed by its SHA-256 in the URL.
func json(address, body string) chat.Hook {
	sum := sha256.Sum256([]byte(body))
	address += "?bodySHA256=" + hex.EncodeToString(sum[:])
	h := form(address, smstest.Signature(smstest.AuthToken, address, nil), body)
	h.Header.Set("Content-Type", "application/json")
	return h
}

func TestAccept(t *testing.T) {
	const (
		demo  = smstest.HookURL
		body  = "Body=hi&From=%2B14155550100&MessageSid=SM1&To=%2B14155550199"
		other = "another-token"
	)
	sign := func(token, address string) string { return smstest.Signature(token, address, []byte(body)) }
	withPort := strings.Replace(demo, "cc.example.test", "cc.example.test:443", 1)
	doubled := "A=2&A=1&A=2&Body=x&MessageSid=SM1&From=1"
	golden := vector()
	upper := vector()
	upper.Header.Set("X-Twilio-Signature", strings.ToUpper(upper.Header.Get("X-Twilio-Signature")))
	changed := vector()
	changed.Body = []byte(strings.Replace(string(changed.Body), "hello", "hullo", 1))
	forgedJSON := json(demo, `{"MessageSid":"SM1"}`)
	forgedJSON.Body = []byte(`{"MessageSid":"SM2"}`)
	unsigned := json(demo, `{"MessageSid":"SM1"}`)
	unsigned.URL += "&x=1"
	shouted := json(demo, `{"MessageSid":"SM1"}`)
	shouted.Query = url.Values{"bodySHA256": {strings.ToUpper(shouted.Query.Get("bodySHA256"))}}
	for _, c := range []struct {
		name string
		h    chat.Hook
		set  []string
		want fault.Kind
	}{
		{"the vector", golden, []string{"public_url", "https://cc.example.test/hooks/twilio/1"}, ""},
		{"the vector, the address given with a query of its own", golden, []string{"public_url", "https://cc.example.test/hooks/twilio/1?y=2#rc=3"}, ""},
		{"the vector behind a proxy that calls us otherwise", form("http://10.0.0.1:8080/h/1?x=1", golden.Header.Get("X-Twilio-Signature"), string(golden.Body)), []string{"public_url", "https://cc.example.test/hooks/twilio/1"}, ""},
		{"the vector by the installation's address", golden, []string{"public_url", ""}, ""},
		{"at another address", golden, nil, fault.Forbidden},
		{"changed", changed, []string{"public_url", ""}, fault.Forbidden},
		{"upper-case", upper, []string{"public_url", ""}, fault.Forbidden},
		{"signed with the port", form(demo, sign(smstest.AuthToken, withPort), body), nil, ""},
		{"signed without the port", form(demo, sign(smstest.AuthToken, demo), body), []string{"public_url", withPort}, ""},
		{"signed with another port", form(demo, sign(smstest.AuthToken, strings.Replace(withPort, "443", "444", 1)), body), nil, fault.Forbidden},
		{"a port of one's own", form(demo, sign(smstest.AuthToken, "https://cc.example.test:8443/h"), body), []string{"public_url", "https://cc.example.test:8443/h"}, ""},
		{"a port of one's own, left out", form(demo, sign(smstest.AuthToken, "https://cc.example.test/h"), body), []string{"public_url", "https://cc.example.test:8443/h"}, ""},
		{"plain http with its port", form(demo, sign(smstest.AuthToken, "http://cc.example.test:80/h"), body), []string{"public_url", "http://cc.example.test/h"}, ""},
		{"version 6", form(demo, sign(smstest.AuthToken, "https://[2001:db8::1]:443/h"), body), []string{"public_url", "https://[2001:db8::1]/h"}, ""},
		{"nothing", form(demo, "", body), nil, fault.Unauthorized},
		{"another account's token", form(demo, sign(other, demo), body), nil, fault.Forbidden},
		{"the second token", form(demo, sign(other, demo), body), []string{"auth_token_secondary", other}, ""},
		{"the first beside a second", form(demo, sign(smstest.AuthToken, demo), body), []string{"auth_token_secondary", other}, ""},
		{"a field doubled", form(demo, smstest.Signature(smstest.AuthToken, demo, []byte("A=1&A=2&Body=x&MessageSid=SM1&From=1")), doubled), nil, ""},
		{"no form", form(demo, sign(smstest.AuthToken, demo), "%zz"), nil, fault.Forbidden},
		{"JSON", json(demo, `{"MessageSid":"SM1"}`), nil, ""},
		{"JSON, other than signed", forgedJSON, nil, fault.Forbidden},
		{"JSON, at another URL than signed", unsigned, nil, fault.Forbidden},
		{"JSON, its sum in capitals", shouted, nil, fault.Forbidden},
		{"GET", chat.Hook{Method: http.MethodGet}, nil, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := channel(t, c.set...).Accept(c.h)
			if c.want == "" {
				if err != nil || !answer.Events || string(answer.Body) != "<Response/>" || answer.Type != "text/xml" {
					t.Errorf("answered %v %s %q: %v", answer.Events, answer.Type, answer.Body, err)
				}
				return
			}
			if err == nil || fault.KindOf(err) != c.want || answer.Events {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	for name, c := range map[string][]string{
		"no host": {"base_url", "ftp://x"}, "no sender": {"from", ""}, "no token": {"auth_token", ""}, "no account": {"account_sid", ""}, "no address": {"public_url", "hooks"},
	} {
		p := smstest.New(began)
		a := p.Account("https://api.twilio.com")
		if _, secret := a.Secrets[c[0]]; secret {
			a.Secrets[c[0]] = c[1]
		} else {
			a.Settings[c[0]] = c[1]
		}
		var e *fault.Error
		if _, err := sms.Maker().Open(a, chat.Needs{Client: http.DefaultClient, Now: p.Now}); !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
