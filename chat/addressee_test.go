package chat_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/messenger/messengertest"
)

// An application of Meta has one hook for all its Pages: what is for another Page of the tenant's reaches that one's account, what is for a
// Page that nobody knows the hook's own.
func TestOneHookForTwoPages(t *testing.T) {
	h := newHouse(t, chat.Messenger)
	own := h.p.Account("https://graph.example.test")
	name, settings := "second", given(own.Settings)
	settings["page_id"] = new("PAGE2")
	second, err := h.s.AddAccount(h.ctx, h.tenant, chat.AccountChange{Channel: chat.Messenger, Name: &name, Queue: &h.queue, Settings: settings, Secrets: given(own.Secrets)})
	h.ok(err)
	mux := http.NewServeMux()
	mux.HandleFunc("/hooks/{channel}/{account}", h.s.ServeHook)
	for n, page := range []string{messengertest.PageID, "PAGE2", "PAGE3"} {
		_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(n), Kind: chattest.Say, Text: "for " + page})
		h.ok(err)
		for _, hook := range h.p.Requests(event) {
			hook.Body = bytes.ReplaceAll(hook.Body, []byte(messengertest.PageID), []byte(page))
			hook = h.p.Sign(hook, false)
			r := httptest.NewRequest(hook.Method, "/hooks/messenger/"+own.Name, bytes.NewReader(hook.Body))
			r.Header = hook.Header
			w := httptest.NewRecorder()
			if mux.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatalf("the hook answers %d", w.Code)
			}
		}
	}
	h.ok(h.s.ReadDue(h.ctx))
	if got := h.count(`SELECT count(*) FROM conversations WHERE account_id = $1 AND last_text = 'for PAGE2'`, second.ID); got != 1 {
		t.Errorf("%d conversations of the second Page", got)
	}
	if got := h.count(`SELECT count(*) FROM conversations WHERE account_id = $1 AND last_text IN ('for PAGE1', 'for PAGE3')`, h.account); got != 2 {
		t.Errorf("%d conversations of the first Page", got)
	}
}
