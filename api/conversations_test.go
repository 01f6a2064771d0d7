package api_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/telegram/telegramtest"
	"tandem/internal/audit"
	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/queues"
)

// talk is a conversation with a customer's photo that is not fetched yet, and an answer with a picture.
type talk struct {
	id, account   uuid.UUID
	message, file uuid.UUID // of the answer
}

// bot makes an account on Telegram whose customers wait in queue.
func (s *site) bot(t *testing.T, queue uuid.UUID) uuid.UUID {
	t.Helper()
	v, err := s.w.Chat.AddAccount(s.system(), s.tenant, chat.AccountChange{
		Channel: chat.Telegram, Name: new("bot-" + uuid.NewString()[:8]), Queue: &queue, Settings: map[string]*string{"base_url": new(s.w.bots)},
		Secrets: map[string]*string{"bot_token": new(telegramtest.BotToken), "secret_token": new(telegramtest.SecretToken)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// writes has the account's n-th customer write, and returns their conversation.
func (s *site) writes(t *testing.T, account uuid.UUID, n int, text string, media ...chat.MediaRef) (conversation uuid.UUID) {
	t.Helper()
	customer := strconv.Itoa(1000 + n)
	err := s.w.Chat.Receive(t.Context(), s.tenant, account, chat.Event{
		Key: uuid.NewString(), At: s.w.DB.Now(), From: chat.Person{ID: customer, Name: "Customer " + customer},
		Message: &chat.Incoming{ID: customer + ":" + uuid.NewString(), Kind: chat.Text, Text: text, Media: media, Window: chat.ByMessage},
	})
	if err == nil {
		err = s.w.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT conversation_id FROM conversations JOIN chat_people p USING (person_id) WHERE p.account_id = $1 AND key = $2 AND state <> 'closed'`,
				account, customer).Scan(&conversation)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return conversation
}

// picture is a small PNG.
func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 800, 600))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s *site) conversation(t *testing.T, queue uuid.UUID) talk {
	t.Helper()
	c := talk{account: s.bot(t, queue)}
	c.id = s.writes(t, c.account, 0, "It looks like this", chat.MediaRef{Kind: chat.Image, ID: "photo"})
	file, err := s.w.Media.Upload(s.system(), s.tenant, chat.Uploader{ID: s.admin.ID}, "tent.png", bytes.NewReader(picture(t)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.w.Chat.Send(s.system(), s.tenant, c.id, chat.NewMessage{Text: "Like that one?", Attachments: []uuid.UUID{file.ID}})
	if err != nil {
		t.Fatal(err)
	}
	c.message, c.file = m.ID, file.ID
	return c
}

// give makes an agent, who is there, the owner of a conversation.
func (s *site) give(t *testing.T, conversation, agent uuid.UUID) {
	t.Helper()
	ctx := auth.With(context.Background(), auth.System(s.tenant))
	if err := s.w.Queues.SetPresence(ctx, s.tenant, agent, queues.Available, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.w.Chat.Take(ctx, s.tenant, conversation, agent); err != nil {
		t.Fatal(err)
	}
}

// scene is two agents, two queues, and who looks after the one agent's team: "served" is the one that anna's team serves.
type scene struct {
	anna, ben     auth.User
	red           uuid.UUID // anna's team
	served, other uuid.UUID
}

func (s *site) scene(t *testing.T) scene {
	t.Helper()
	ctx := s.system()
	red, err := s.w.Auth.SaveTeam(ctx, auth.Team{Name: "red"})
	if err != nil {
		t.Fatal(err)
	}
	c := scene{anna: s.user(t, "anna@one.test", auth.RoleAgent, red.ID), ben: s.user(t, "ben@one.test", auth.RoleAgent), red: red.ID}
	for name, id := range map[string]*uuid.UUID{"served": &c.served, "other": &c.other} {
		q, err := s.w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		*id = q.ID
	}
	for _, u := range []auth.User{c.anna, c.ben} {
		if err := s.w.Queues.PutAgent(ctx, s.tenant, queues.Agent{ID: u.ID, Name: u.Name, Device: "browser"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.w.Queues.SetMembers(ctx, s.tenant, c.served, []uuid.UUID{c.anna.ID}); err != nil {
		t.Fatal(err)
	}
	return c
}

// Agents see their own conversations, those that they work on or are mentioned in, and those that wait where they serve; supervisors their team's;
// a manager ends those of their teams alone, once; whoever reads others' is in the audit log.
func TestConversationsReach(t *testing.T) {
	w := newWorld(t)
	s := w.one
	c := s.scene(t)
	manager, analyst := s.user(t, "mia@one.test", auth.RoleManager, c.red), s.user(t, "al@one.test", auth.RoleAnalyst)
	here, there := s.bot(t, c.served), s.bot(t, c.other)
	annas, waits := s.writes(t, here, 1, "one"), s.writes(t, here, 2, "two")
	bens, shared, mentioned := s.writes(t, there, 3, "three"), s.writes(t, there, 4, "four"), s.writes(t, there, 5, "five")
	s.give(t, annas, c.anna.ID)
	for _, id := range []uuid.UUID{bens, shared, mentioned} {
		s.give(t, id, c.ben.ID)
	}
	if err := w.Chat.SetCollaborators(s.system(), s.tenant, shared, []uuid.UUID{c.anna.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Chat.AddNote(s.system(), s.tenant, mentioned, nil, "Ben", "look", []uuid.UUID{c.anna.ID}); err != nil {
		t.Fatal(err)
	}
	all := []uuid.UUID{annas, waits, bens, shared, mentioned}
	anna, ben, mia, al := s.signIn(t, c.anna.Email), s.signIn(t, c.ben.Email), s.signIn(t, manager.Email), s.signIn(t, analyst.Email)
	one := func(id uuid.UUID) string { return "/api/v1/conversations/" + id.String() }
	for _, r := range []struct {
		who    string
		client *http.Client
		sees   []uuid.UUID
	}{{"anna", anna, []uuid.UUID{annas, waits, shared, mentioned}}, {"ben", ben, []uuid.UUID{bens, shared, mentioned}}, {"the manager", mia, []uuid.UUID{annas, waits}}, {"the analyst", al, all}} {
		list := w.ask(t, r.client, "GET", "/api/v1/conversations", "").body
		for _, id := range all {
			should, status := slices.Contains(r.sees, id), 404
			if should {
				status = 200
			}
			if strings.Contains(list, id.String()) != should || w.ask(t, r.client, "GET", one(id), "").status != status || w.ask(t, r.client, "GET", one(id)+"/messages", "").status != status {
				t.Errorf("%s and conversation %d: want it seen: %v", r.who, slices.Index(all, id)+1, should)
			}
		}
	}
	const hello = `{"text":"hello"}`
	w.run(t, []row{
		{"one's own", anna, "POST", one(annas) + "/messages", hello, nil, 200, []string{`"queued"`}},
		{"one works on it", anna, "POST", one(shared) + "/messages", hello, nil, 200, nil},
		{"nobody's yet", anna, "POST", one(waits) + "/messages", hello, nil, 409, []string{"conversation_not_yours"}},
		{"nobody's yet, a note", anna, "POST", one(waits) + "/notes", hello, nil, 409, []string{"conversation_not_yours"}},
		{"another's", anna, "POST", one(bens) + "/messages", hello, nil, 404, []string{"conversation_not_found"}},
		{"an analyst writes nothing", al, "POST", one(annas) + "/messages", hello, nil, 403, nil},
		{"an agent ends nothing", ben, "POST", one(bens) + "/end", `{"reason":"x"}`, nil, 403, nil},
		{"nor watches", ben, "POST", one(bens) + "/watch", `{"on":true}`, nil, 403, nil},
		{"a manager of another team does not end it", mia, "POST", one(bens) + "/end", `{"reason":"x"}`, nil, 404, nil},
		{"nor watches it", mia, "POST", one(bens) + "/watch", `{"on":true}`, nil, 404, nil},
		{"nor gives it away", mia, "POST", one(bens) + "/assign", `{"agent_id":"` + c.anna.ID.String() + `"}`, nil, 404, nil},
		{"their team's is watched", mia, "POST", one(annas) + "/watch", `{"on":true,"why":"training"}`, nil, 204, nil},
		{"ended", mia, "POST", one(annas) + "/end", `{"reason":"abuse"}`, nil, 204, nil},
		{"ended twice", mia, "POST", one(annas) + "/end", `{"reason":"abuse"}`, nil, 204, nil},
		{"what is over takes nothing", mia, "POST", one(annas) + "/messages", hello, nil, 409, []string{"conversation_closed"}},
	})
	s.audits(t, "conversation.closed", map[uuid.UUID]int{manager.ID: 1})
	s.audits(t, "conversation.watched", map[uuid.UUID]int{manager.ID: 3, analyst.ID: 5, c.anna.ID: 1}) // the manager looked at two, and watched one
}

// audits waits until the audit log has all rows of an action, and compares how many each person has.
func (s *site) audits(t *testing.T, action string, want map[uuid.UUID]int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- audit.Follow(s.w.DB, s.w.bus, slog.New(slog.DiscardHandler)).Run(ctx) }()
	defer func() { stop(); <-done }()
	sum := 0
	for _, n := range want {
		sum += n
	}
	var got map[uuid.UUID]int
	for ctx.Err() == nil {
		rows, err := audit.List(t.Context(), s.w.DB, s.tenant, audit.Filter{Action: action, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		got = map[uuid.UUID]int{}
		for _, r := range rows {
			if r.Actor != nil {
				got[*r.Actor]++
			}
		}
		if len(rows) >= sum {
			break
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the audit log has %v of %s, want %v", got, action, want)
	}
}

// Texts and views: agents change their own; everybody's are changed by those who may write in others' conversations.
func TestCannedResponsesAndViews(t *testing.T) {
	w := newWorld(t)
	s := w.one
	c := s.scene(t)
	anna, ben := s.signIn(t, c.anna.Email), s.signIn(t, c.ben.Email)
	id := func(client *http.Client, path, body string) string {
		t.Helper()
		a := w.ask(t, client, "POST", path, body)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		return path + "/" + a.field(t, "id")
	}
	const texts, views = "/api/v1/canned-responses", "/api/v1/saved-views"
	everybodys := id(s.client, texts, `{"shortcut":"hours","text":"Nine to five"}`)
	annas := id(anna, texts, `{"shortcut":"hi","text":"Hi!","own":true}`)
	view := id(anna, views, `{"name":"sms","filter":{"channel":"sms"}}`)
	w.run(t, []row{
		{"agents make none for everybody", anna, "POST", texts, `{"shortcut":"x","text":"x"}`, nil, 403, []string{"canned_responses_shared"}},
		{"nor change one", anna, "PUT", everybodys, `{"shortcut":"hours","text":"x"}`, nil, 403, []string{"canned_responses_shared"}},
		{"nor take it", anna, "PUT", everybodys, `{"shortcut":"hours","text":"x","own":true}`, nil, 403, []string{"canned_responses_shared"}},
		{"nor remove it", anna, "DELETE", everybodys, "", nil, 403, []string{"canned_responses_shared"}},
		{"another's text", ben, "PUT", annas, `{"shortcut":"hi","text":"x","own":true}`, nil, 404, nil},
		{"is not removed", ben, "DELETE", annas, "", nil, 404, nil},
		{"one's own", anna, "PUT", annas, `{"shortcut":"hi","text":"Hello!","own":true}`, nil, 200, []string{"Hello!"}},
		{"another's view", ben, "PUT", view, `{"name":"x","filter":{}}`, nil, 404, nil},
		{"is not removed either", ben, "DELETE", view, "", nil, 404, nil},
		{"nor listed by", ben, "GET", "/api/v1/conversations?view=" + view[strings.LastIndex(view, "/")+1:], "", nil, 404, []string{"saved_view_not_found"}},
		{"one's own view", anna, "GET", "/api/v1/conversations?view=" + view[strings.LastIndex(view, "/")+1:], "", nil, 200, nil},
		{"no such view", anna, "GET", "/api/v1/conversations?view=x", "", nil, 400, []string{"view_unknown"}},
	})
	if list := w.ask(t, ben, "GET", texts, "").body; strings.Contains(list, "Hello!") || !strings.Contains(list, "Nine to five") {
		t.Errorf("ben has the texts %s", list)
	}
}

// upload sends a file as a page does.
func (w *world) upload(t *testing.T, client *http.Client, name string, data []byte) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(data)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	return w.send(t, client, "POST", "/api/v1/attachments", &b, "Content-Type", form.FormDataContentType())
}

// Files: what could run in a browser is only ever downloaded, and who may not read the conversation gets none of it.
func TestFilesOfConversations(t *testing.T) {
	w := newWorld(t)
	s := w.one
	c := s.scene(t)
	anna, ben := s.signIn(t, c.anna.Email), s.signIn(t, c.ben.Email)
	conversation := s.writes(t, s.bot(t, c.served), 1, "one")
	s.give(t, conversation, c.anna.ID)
	for name, data := range map[string]string{"x.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "x.html": "<html><script>alert(1)</script></html>"} {
		a := w.upload(t, anna, name, []byte(data))
		if a.status != 200 {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		f := w.ask(t, anna, "GET", "/api/v1/attachments/"+a.field(t, "id"), "")
		h := f.header
		if f.status != 200 || h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v", name, f.status, h)
		}
	}
	if a := w.upload(t, anna, "large.bin", make([]byte, maxFile+1)); a.status != 413 {
		t.Errorf("a file that is too large: %d %s", a.status, a.body)
	}
	a := w.upload(t, anna, "tent.png", picture(t))
	file := "/api/v1/attachments/" + a.field(t, "id")
	send := "/api/v1/conversations/" + conversation.String() + "/messages"
	body := `{"text":"","attachments":["` + a.field(t, "id") + `"]}`
	w.run(t, []row{
		{"before it is sent it is its uploader's", anna, "GET", file, "", nil, 200, nil},
		{"and nobody else's", ben, "GET", file, "", nil, 404, []string{"attachment_not_found"}},
		{"sent", anna, "POST", send, body, nil, 200, nil},
		{"sent twice", anna, "POST", send, body, nil, 422, []string{"attachment_not_ready"}},
		{"its conversation's", anna, "GET", file + "/preview", "", nil, 200, nil},
		{"another's conversation", ben, "GET", file, "", nil, 404, []string{"attachment_not_found"}},
		{"its preview", ben, "GET", file + "/preview", "", nil, 404, []string{"attachment_not_found"}},
	})
}

// What accounts are set up with in secret is in no answer and in no log, and a tenant has one WeChat account unless it says otherwise.
func TestChannels(t *testing.T) {
	w := newWorld(t)
	s := w.one
	c := s.scene(t)
	const secret = "canary-of-the-channel"
	wechat := `{"channel":"wechat","name":"shop","settings":{"appid":"wx1"},"secrets":{"secret":"` + secret + `","token":"` + secret + `","aes_key":"` + strings.Repeat("a", 43) + `"}}`
	w.run(t, []row{
		{"an agent sets up nothing", s.signIn(t, c.anna.Email), "POST", "/api/v1/channels", wechat, nil, 403, nil},
		{"the first", s.client, "POST", "/api/v1/channels", wechat, nil, 200, []string{`"secrets_stored"`}},
		{"the second", s.client, "POST", "/api/v1/channels", strings.Replace(wechat, "shop", "other", 1), nil, 409, []string{"channel_one_only"}},
		{"its name", s.client, "POST", "/api/v1/channels", `{"channel":"web","name":"Not A Name"}`, nil, 400, []string{"channel_name_invalid"}},
		{"no such kind", s.client, "POST", "/api/v1/channels", `{"channel":"pigeon","name":"x"}`, nil, 400, []string{"channel_unknown"}},
		{"a token in no form of the platform's", s.client, "POST", "/api/v1/channels", `{"channel":"telegram","name":"x","secrets":{"bot_token":"abc","secret_token":"word"}}`, nil, 400, []string{"telegram_bot_token", `"field":"bot_token"`}},
	})
	bot := s.bot(t, c.served)
	w.run(t, []row{
		{"such a token for an account that is", s.client, "PATCH", "/api/v1/channels/" + bot.String(), `{"secrets":{"bot_token":"abc"}}`, nil, 400, []string{"telegram_bot_token"}},
		{"its name alone", s.client, "PATCH", "/api/v1/channels/" + bot.String(), `{"label":"Trails"}`, nil, 200, []string{"Trails"}},
	})
	w.ask(t, s.client, "POST", "/api/v1/channels/"+bot.String()+"/check", "")
	answers := w.ask(t, s.client, "GET", "/api/v1/channels", "").body + w.ask(t, s.client, "GET", "/api/v1/channels/"+bot.String(), "").body + w.log.String()
	for _, word := range []string{secret, telegramtest.BotToken, telegramtest.SecretToken} {
		if strings.Contains(answers, word) {
			t.Errorf("%q is shown or logged", word)
		}
	}
}
