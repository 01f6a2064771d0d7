package meta_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tandem/chat"
	"tandem/chat/meta"
	"tandem/chat/meta/metatest"
	"tandem/internal/fault"
)

func demo() chat.Account { return metatest.Account("https://graph.facebook.com", map[string]string{}) }

func TestGoldenSignature(t *testing.T) {
	golden := metatest.Golden()
	if got, want := meta.Sign(metatest.AppSecret, golden.Body), golden.Header.Get(meta.SignatureHeader); got != want {
		t.Fatalf("signature %s, want %s", got, want)
	}
	answer, err := meta.Accept(golden, demo())
	if err != nil || !answer.Events || answer.Body != nil {
		t.Fatalf("the vector: %+v, %v", answer, err)
	}
}

func TestHooksThatAreRefused(t *testing.T) {
	golden := metatest.Golden()
	good := golden.Header.Get(meta.SignatureHeader)
	body := string(golden.Body)
	for _, c := range []struct {
		name, signature, body string
		kind                  fault.Kind
	}{
		{"missing", "", body, fault.Unauthorized},
		{"upper-case hex", "sha256=" + strings.ToUpper(strings.TrimPrefix(good, "sha256=")), body, fault.Forbidden},
		{"no prefix", strings.TrimPrefix(good, "sha256="), body, fault.Forbidden},
		{"prefix alone", "sha256=", body, fault.Forbidden},
		{"other algorithm", "sha1=" + strings.TrimPrefix(good, "sha256="), body, fault.Forbidden},
		{"cut", good[:len(good)-1], body, fault.Forbidden},
		{"space after it", good + " ", body, fault.Forbidden},
		{"one byte changed", good, strings.Replace(body, "page", "pagf", 1), fault.Forbidden},
		{"another application's secret", meta.Sign("another", golden.Body), body, fault.Forbidden},
		{"spacing changed", good, `{"object": "page", "entry": []}`, fault.Forbidden},
		{"escaped anew", good, `{"object":"p\u0061ge","entry":[]}`, fault.Forbidden},
		{"empty body", good, "", fault.Forbidden},
	} {
		h := chat.Hook{Method: http.MethodPost, Header: http.Header{}, Body: []byte(c.body)}
		if c.signature != "" {
			h.Header.Set(meta.SignatureHeader, c.signature)
		}
		answer, err := meta.Accept(h, demo())
		if err == nil || fault.KindOf(err) != c.kind || answer.Events {
			t.Errorf("%s: %+v, %v, want %s", c.name, answer, err, c.kind)
		}
	}
}

func TestEscapedTextIsSignedAsItCame(t *testing.T) {
	h := metatest.Sign(metatest.Request("", "page", []any{map[string]string{"id": "你好 👍"}}), false)
	if strings.Contains(string(h.Body), "你") || !json.Valid(h.Body) {
		t.Fatalf("the fake does not escape: %s", h.Body)
	}
	if _, err := meta.Accept(h, demo()); err != nil {
		t.Errorf("escaped: %v", err)
	}
	var tree any
	if err := json.Unmarshal(h.Body, &tree); err != nil {
		t.Fatal(err)
	}
	h.Body = metatest.JSON(tree)
	if _, err := meta.Accept(h, demo()); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("written anew without escapes: %v", err)
	}
}

func TestAnAccountWithoutSecretsAcceptsNothing(t *testing.T) {
	a := demo()
	a.Secrets = map[string]string{}
	h := metatest.Golden()
	h.Header.Set(meta.SignatureHeader, meta.Sign("", h.Body))
	if _, err := meta.Accept(h, a); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("signed with nothing: %v", err)
	}
	if _, err := meta.Accept(metatest.Subscribe("", " ", "1"), a); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("subscribed with nothing: %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	answer, err := meta.Accept(metatest.Subscribe("https://cc.example.test/hooks/messenger/demo", metatest.VerifyToken, "1158201444"), demo())
	if err != nil || string(answer.Body) != "1158201444" || answer.Type != "text/plain" || answer.Events {
		t.Fatalf("%+v, %v", answer, err)
	}
	for name, c := range map[string]struct {
		query url.Values
		kind  fault.Kind
	}{
		"nothing":     {url.Values{}, fault.Unauthorized},
		"wrong token": {url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {"verify-you"}, "hub.challenge": {"1"}}, fault.Forbidden},
		"token cut":   {url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {"verify-m"}, "hub.challenge": {"1"}}, fault.Forbidden},
		"no mode":     {url.Values{"hub.verify_token": {metatest.VerifyToken}, "hub.challenge": {"1"}}, fault.Forbidden},
	} {
		answer, err := meta.Accept(chat.Hook{Method: http.MethodGet, Query: c.query}, demo())
		if fault.KindOf(err) != c.kind || answer.Body != nil {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
}
