package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/crm"
	"tandem/crmsync/rt/rttest"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// A conversation on Telegram is closed while Request Tracker is dead; then it takes the transcript, but the program is killed before it hears
// so. After the next start everything is on one ticket, once: transcript, picture, and the agent's note apart from what customers may see.
func TestConversationOnItsTicket(t *testing.T) {
	t.Parallel()
	s := rttest.Start(t)
	g := newGate(t, s.URL)
	database, dir := storagetest.NewURL(t), t.TempDir()
	first := run(t, database, dir, "TANDEM_HTTP_PUBLIC_URL="+publicURL)
	ps := newPlatforms(t, first.client, open(t, database))
	telegram := ps.all[slices.IndexFunc(ps.all, func(p chattest.Platform) bool { return p.Base().Channel == chat.Telegram })]
	connectRT(first.client, g.url)

	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	for _, act := range []chattest.Act{
		{Kind: chattest.Say, Text: "Where is my order?"},
		{Kind: chattest.Give, File: &chattest.File{Kind: chat.File, Name: "parcel.png", ContentType: "image/png", Data: picture.Bytes()}},
	} {
		act.Customer, act.Name = telegram.Customer(0), "Ann"
		if _, err := telegram.Base().Play(act); err != nil {
			t.Fatal(err)
		}
	}
	ps.deliver(telegram)
	id := ps.conversation(chat.Telegram, telegram.Customer(0))
	ps.write(id, "It is on its way.")
	ps.sent()

	g.set(gateDead)
	if status, answer := first.client.do("POST", "/api/v1/conversations/"+id.String()+"/close", map[string]string{"disposition": "Resolved", "notes": "Rather a pest."}); status > 299 {
		t.Fatalf("closing is answered %d %s", status, answer)
	}
	within(t, time.Minute, "a failed attempt", func() bool {
		return ps.count(`SELECT count(*) FROM crm_outbox WHERE call_id = $1 AND last_error <> ''`, id) == 1
	})
	g.set(gateKeeping)
	connectRT(first.client, g.url) // the administrator saves again, rather than waiting for the next attempt
	select {
	case <-g.held:
	case <-time.After(time.Minute):
		t.Fatal("nothing was attached")
	}
	first.kill()
	g.set(gateOpen)
	err := ps.db.Worker(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE crm_outbox SET leased_until = NULL, next_try_at = $1`, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ps.serve(run(t, database, dir, "TANDEM_HTTP_PUBLIC_URL="+publicURL).client)
	within(t, 2*time.Minute, "everything told", func() bool { return ps.count(`SELECT count(*) FROM crm_outbox`) == 0 })

	var found struct {
		Items []struct{ ID, Filename, Subject string }
	}
	ticket := ps.one(`SELECT ticket FROM crm_call_tickets WHERE call_id = $1`, id)
	if n := ps.count(`SELECT count(*) FROM crm_call_tickets`); n != 1 {
		t.Errorf("%d tickets", n)
	}
	s.Get("/ticket/"+ticket+"/attachments?fields=Filename,Subject&per_page=100", &found)
	var texts, pictures, notes, internal []string
	for _, f := range found.Items {
		content := string(s.Content(f.ID))
		switch {
		case strings.HasPrefix(f.Filename, "conversation-"):
			texts = append(texts, content)
		case strings.HasPrefix(f.Filename, "parcel_"):
			pictures = append(pictures, content)
		case strings.HasPrefix(f.Subject, "Conversation ("):
			notes = append(notes, content)
		case strings.HasPrefix(f.Subject, "Internal notes of the conversation ("):
			internal = append(internal, content)
		}
	}
	if len(texts) != 1 || len(pictures) != 1 || len(notes) != 1 || len(internal) != 1 {
		t.Fatalf("on the ticket: %+v", found.Items)
	}
	for _, words := range []string{"Ann: Where is my order?", "It is on its way.", "(file: parcel_", "Disposition: Resolved", "Result: closed by the agent"} {
		if !strings.Contains(texts[0], words) || !strings.Contains(notes[0], words) {
			t.Errorf("the transcript lacks %q: %s", words, texts[0])
		}
	}
	if strings.Contains(texts[0], "pest") || !strings.Contains(internal[0], "pest") {
		t.Errorf("the agent's note: %s", internal[0])
	}
	if _, err := png.Decode(strings.NewReader(pictures[0])); err != nil {
		t.Errorf("the picture: %v", err)
	}
}

func (ps *platforms) one(sql string, args ...any) (text string) {
	ps.t.Helper()
	ctx := ps.t.Context()
	if err := ps.db.Worker(ctx, func(tx *storage.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(&text) }); err != nil {
		ps.t.Fatal(err)
	}
	return text
}

// TK-1: what a customer says makes a ticket, linked to the conversation and its contact; saying it again makes no second one.
func TestTicketByKeyword(t *testing.T) {
	t.Parallel()
	database := storagetest.NewURL(t)
	p := run(t, database, t.TempDir(), "TANDEM_HTTP_PUBLIC_URL="+publicURL)
	ps := newPlatforms(t, p.client, open(t, database))
	telegram := ps.all[slices.IndexFunc(ps.all, func(p chattest.Platform) bool { return p.Base().Channel == chat.Telegram })]
	status, answer := p.do("PUT", "/api/v1/ticket-settings", map[string]any{
		"survey": "off", "keywords": []map[string]string{{"keyword": "money back", "type": "refund", "priority": "high"}},
	})
	if status > 299 {
		t.Fatalf("keywords are answered %d %s", status, answer)
	}
	for _, words := range []string{"I want my MONEY back, now", "Money back!"} {
		if _, err := telegram.Base().Play(chattest.Act{Kind: chattest.Say, Text: words, Customer: telegram.Customer(0), Name: "Ann"}); err != nil {
			t.Fatal(err)
		}
	}
	ps.deliver(telegram)
	id := ps.conversation(chat.Telegram, telegram.Customer(0))
	within(t, 20*time.Second, "both messages heard", func() bool {
		return ps.count(`SELECT count(*) FROM events e JOIN event_cursors c ON c.follower = 'crm' AND (e.xid, e.seq) <= (c.xid, c.seq) WHERE e.type = 'conversation.message' AND e.subject = $1`, id) == 2
	})
	tickets := ask[list[crm.Ticket]](p.client, "GET", "/api/v1/tickets?conversation="+id.String(), nil).Items
	if len(tickets) != 1 || tickets[0].Type != crm.Refund || tickets[0].Priority != crm.High || tickets[0].Title != "I want my MONEY back, now" || tickets[0].Contact == nil {
		t.Errorf("%+v", tickets)
	}
}
