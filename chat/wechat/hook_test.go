package wechat_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/wechat"
	"tandem/chat/wechat/wechattest"
	"tandem/internal/fault"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// opened is the demo account, with some settings changed, on a platform at base.
func opened(t testing.TB, p *wechattest.Platform, base string, values ...string) chat.Channel {
	t.Helper()
	c, err := suite.Open(t, wechat.Maker(), p, base, append([]string{"media_hosts", "qq.com"}, values...)...)
	if err != nil {
		t.Fatalf("open the account: %v", err)
	}
	return c
}

func channel(t testing.TB, settings ...string) chat.Channel {
	t.Helper()
	return opened(t, wechattest.New(began), "https://api.weixin.qq.com", settings...)
}

// sealed is a request of the safe mode that holds what seal made.
func sealed(part string) chat.Hook {
	return post(url.Values{
		"timestamp": {stamp}, "nonce": {nonce}, "encrypt_type": {"aes"}, "msg_signature": {wechattest.Signature(wechattest.Token, stamp, nonce, part)},
	}, "<xml><ToUserName>gh_acct</ToUserName><Encrypt>"+part+"</Encrypt></xml>")
}

func clear(body string) chat.Hook {
	return post(url.Values{"timestamp": {stamp}, "nonce": {nonce}, "signature": {inClear}}, body)
}

const xxe = `<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><FromUserName>o1</FromUserName><MsgType>text</MsgType><Content>&x;</Content><MsgId>1</MsgId></xml>`

func TestAccept(t *testing.T) {
	text := string(fixtures[0])
	with := func(h chat.Hook, name, value string) chat.Hook {
		h.Query = url.Values{}
		u, _ := url.Parse(h.URL)
		for k, v := range u.Query() {
			h.Query[k] = v
		}
		h.Query.Set(name, value)
		if value == "" {
			h.Query.Del(name)
		}
		return h
	}
	whole := sealed(encrypted)
	for _, c := range []struct {
		name string
		h    chat.Hook
		want fault.Kind // "": accepted
	}{
		{"the vector in the clear", golden()[0], ""},
		{"the encrypted vector", golden()[1], ""},
		{"in the clear, marked raw", with(clear(text), "encrypt_type", "raw"), ""},
		{"not XML, but signed: people look at it", clear("nonsense"), ""},
		{"without a signature", with(clear(text), "signature", ""), fault.Unauthorized},
		{"upper-case hexadecimal", with(clear(text), "signature", strings.ToUpper(inClear)), fault.Forbidden},
		{"another time", with(clear(text), "timestamp", "1700000001"), fault.Forbidden},
		{"another account's token", with(clear(text), "signature", wechattest.Signature("other-token", stamp, nonce)), fault.Forbidden},
		{"a document type", clear(xxe), fault.Invalid},
		{"a document type from a stranger", with(clear(xxe), "signature", ""), fault.Unauthorized},
		{"encrypted without msg_signature", with(whole, "msg_signature", ""), fault.Unauthorized},
		{"encrypted with the signature of the clear", with(whole, "msg_signature", inClear), fault.Forbidden},
		{"said to be encrypted and is not", with(clear(text), "encrypt_type", "aes"), fault.Unauthorized},
		{"a changed byte of the encrypted part", post(whole.Query, strings.Replace(string(whole.Body), "x12/", "x13/", 1)), fault.Forbidden},
		{"another app id", sealed(wechattest.Seal(wechattest.AESKey, "wx0000000000000002", nonce, fixtures[0])), fault.Forbidden},
		{"a longer app id", sealed(wechattest.Seal(wechattest.AESKey, wechattest.AppID+"1", nonce, fixtures[0])), fault.Forbidden},
		{"another key", sealed(wechattest.Seal("A"+wechattest.AESKey[1:], wechattest.AppID, nonce, fixtures[0])), fault.Forbidden},
		{"a document type, encrypted", sealed(wechattest.Seal(wechattest.AESKey, wechattest.AppID, nonce, []byte(xxe))), fault.Invalid},
		{"no base64", sealed("%%%"), fault.Forbidden},
		{"half a block", sealed(base64.StdEncoding.EncodeToString(make([]byte, 40))), fault.Forbidden},
		{"another method", chat.Hook{Method: http.MethodPut}, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := channel(t).Accept(c.h)
			if c.want == "" {
				if err != nil || !answer.Events || string(answer.Body) != "success" {
					t.Errorf("answered %v %q: %v", answer.Events, answer.Body, err)
				}
				return
			}
			if err == nil || fault.KindOf(err) != c.want || answer.Events {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := channel(t, "encryption", "required").Accept(clear(text)); fault.KindOf(err) != fault.Forbidden || err == nil {
		t.Errorf("in the clear where encryption is required: %v", err)
	}
	if _, err := channel(t, "encryption", "required").Accept(golden()[1]); err != nil {
		t.Errorf("encrypted where it is required: %v", err)
	}
	if _, err := channel(t, "aes_key", "").Accept(golden()[1]); fault.KindOf(err) != fault.Forbidden || err == nil {
		t.Errorf("encrypted without a key: %v", err)
	}
}

func TestAddressCheck(t *testing.T) {
	c := channel(t)
	get := func(query url.Values) chat.Hook { return chat.Hook{Method: http.MethodGet, Query: query} }
	answer, err := c.Accept(get(url.Values{"signature": {inClear}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {"<b>5678</b>"}}))
	if err != nil || answer.Events || string(answer.Body) != "<b>5678</b>" || answer.Type != "" {
		t.Errorf("answered %v %q: %v", answer.Events, answer.Body, err)
	}
	answer, err = c.Accept(get(url.Values{"msg_signature": {overEncrypt}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {encrypted}}))
	if err != nil || answer.Events || string(answer.Body) != "<xml><MsgId>1</MsgId></xml>" {
		t.Errorf("encrypted: answered %v %q: %v", answer.Events, answer.Body, err)
	}
	for name, query := range map[string]url.Values{
		"no signature":         {"timestamp": {stamp}, "nonce": {nonce}, "echostr": {"1"}},
		"a wrong one":          {"signature": {overEncrypt}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {"1"}},
		"a wrong one, both":    {"signature": {overEncrypt}, "msg_signature": {overEncrypt}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {encrypted}},
		"encrypted, but other": {"msg_signature": {overEncrypt}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {"1"}},
	} {
		if answer, err := c.Accept(get(query)); err == nil || len(answer.Body) > 0 {
			t.Errorf("%s: answered %q, %v", name, answer.Body, err)
		}
	}
}

func TestOpen(t *testing.T) {
	for name, c := range map[string][]string{
		"no host":             {"base_url", "/x"},
		"a short key":         {"aes_key", "short"},
		"a key of no base64":  {"aes_key", strings.Repeat("*", 43)},
		"no token":            {"token", ""},
		"no secret":           {"secret", ""},
		"required without it": {"aes_key", "", "encryption", "required"},
	} {
		p := wechattest.New(began)
		a := p.Account("https://api.weixin.qq.com")
		for i := 0; i < len(c); i += 2 {
			if _, secret := a.Secrets[c[i]]; secret {
				a.Secrets[c[i]] = c[i+1]
			} else {
				a.Settings[c[i]] = c[i+1]
			}
		}
		var e *fault.Error
		if _, err := wechat.Maker().Open(a, chat.Needs{Client: http.DefaultClient, Now: p.Now}); !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
