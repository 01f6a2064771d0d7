package main

import (
	"testing"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// A menu asks for the language first, speaks it from then on, and plays the translation of a prompt to who chose it (V1.4).
func TestLanguageMenu(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	original := ask[calls.Prompt](c, "POST", "/api/v1/prompts", map[string]any{"name": "Notice", "text": "Closed.", "language": "en"})
	translation := ask[calls.Prompt](c, "POST", "/api/v1/prompts", map[string]any{
		"name": "Notice (zh)", "text": "我们现在不营业,请您明天上午九点以后再次来电,谢谢您的理解与支持。", "language": "zh", "translation_of": original.ID,
	})
	if translation.Seconds < original.Seconds+2 {
		t.Fatalf("the prompts have %.1f s and %.1f s", original.Seconds, translation.Seconds)
	}
	if status, b := c.do("POST", "/api/v1/prompts", map[string]any{"name": "Again", "text": "再次", "language": "zh", "translation_of": original.ID}); status != 409 {
		t.Errorf("a second translation into a language: %d %s", status, b)
	}
	a.languageMenu(t, c, original)
	for _, r := range []struct {
		caller, key, language string
		prompt                calls.Prompt
	}{{"+49305401001", "1", "en", original}, {"+49305401002", "2", "zh", translation}, {"+49305401003", "7", "en", original}} {
		notes := a.followAll(t)
		p := siptest.New(t, r.caller)
		v := siptest.NewVoice(t, codec.PCMU)
		call := p.Invite(a.sipAddr(), "5401", p.SDP(v.Port(), "", "0"))
		v.Send(string(call.Response(200).Body()), 0)
		call.Ack("")
		notes.await(t, "call.started")
		pressed(call, r.key)
		notes.await(t, "call.menu")
		v.Forget()
		pressed(call, "1")
		farewell(t, call)
		row := a.ended(t, r.caller)
		if row.Language != r.language || row.Reason != calls.ReasonClosed {
			t.Errorf("key %s: language %q, reason %s", r.key, row.Language, row.Reason)
		}
		if heard := float64(len(v.Heard())) / 8000; heard < r.prompt.Seconds-0.5 || heard > r.prompt.Seconds+1.9 {
			t.Errorf("key %s: heard %.1f s, the prompt has %.1f s", r.key, heard, r.prompt.Seconds)
		}
	}
}

// languageMenu is the number 5401: English or Chinese, then key 1 for a queue that is closed and says so with a prompt.
func (a *app) languageMenu(t *testing.T, c client, notice calls.Prompt) {
	t.Helper()
	never, err := a.queues.PutHours(t.Context(), a.tenant, queues.Hours{Name: "Never", Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	root, err := a.queues.CreateQueue(t.Context(), a.tenant, queues.NewQueue{Name: "World", Settings: queues.OwnSettings{Menu: &queues.MenuRule{
		WaitSeconds: 5, MaxNoInput: 3, MaxInvalid: 3, Final: queues.MenuHangUp, Zero: queues.MenuUp,
		Languages: []queues.MenuLanguage{{Key: 1, Language: "en"}, {Key: 2, Language: "zh"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.queues.CreateQueue(t.Context(), a.tenant, queues.NewQueue{Name: "Shop", Parent: root.ID, Key: 1, Settings: queues.OwnSettings{
		Hours: &never.ID, Deflection: &queues.Deflection{Mode: queues.DeflectMessage, Prompt: queues.Prompt{ID: notice.ID}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask[calls.Number](c, "POST", "/api/v1/numbers", map[string]any{"number": "5401", "kind": "menu", "queue_id": root.ID})
}
