package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/api"
	"tandem/calls"
	"tandem/chat"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/media/sound"
	"tandem/mediastream"
	"tandem/queues"
	"tandem/sip"
	"tandem/webhooks"
)

// document is what the walk needs of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	ID         string `json:"operationId"`
	Permission string `json:"x-permission"`
	Body       struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	Minimum    float64           `json:"minimum"`
	MinItems   int               `json:"minItems"`
	MinLength  int               `json:"minLength"`
	Items      *schema           `json:"items"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
}

func load(t *testing.T) document {
	t.Helper()
	s, err := api.New(api.Config{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(s.Document(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// each calls f for every operation, in a fixed order.
func (d document) each(f func(method, path string, op operation)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			f(strings.ToUpper(method), path, d.Paths[path][method])
		}
	}
}

// example makes the smallest value that fits a schema.
func (d document) example(s schema) any {
	if s.Ref != "" {
		s = d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	kind, _ := s.Type.(string)
	switch kind {
	case "object":
		o := map[string]any{}
		for _, name := range s.Required {
			o[name] = d.example(s.Properties[name])
		}
		return o
	case "array":
		list := []any{}
		for range s.MinItems {
			list = append(list, d.example(*s.Items))
		}
		return list
	case "integer", "number":
		return max(s.Minimum, 1)
	case "boolean":
		return true
	}
	switch s.Format {
	case "uuid":
		return uuid.NewString()
	case "date-time":
		return "2030-01-01T00:00:00Z"
	}
	return "browser" // a name, a text, an agent's device
}

func (d document) body(t *testing.T, op operation) string {
	t.Helper()
	if _, file := op.Body.Content["audio/mpeg"]; file {
		return "no MP3"
	}
	content, ok := op.Body.Content["application/json"]
	if !ok {
		return ""
	}
	v := d.example(content.Schema)
	// What no schema can say.
	if o, ok := v.(map[string]any); ok {
		switch op.ID {
		case "put-number":
			o["kind"], o["number"] = "echo", "4711"
		case "put-trunk":
			o["networks"] = []string{"192.0.2.0/24"}
		case "put-presence":
			o["colour"] = "#b86e00"
		case "put-hours":
			o["zone"] = "UTC"
		case "put-widget":
			o["color"], o["languages"] = "#2f6f4f", []string{"en"}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// things are one of each noun of a tenant, by the place where its id stands in a path.
func (s *site) things(t *testing.T) map[string]uuid.UUID {
	t.Helper()
	ctx := s.system()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	queue, err := s.w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: "leaf"})
	must(err)
	hours, err := s.w.Queues.PutHours(ctx, s.tenant, queues.Hours{Name: "always", Zone: "UTC"})
	must(err)
	agent := s.user(t, uuid.NewString()+"@agents.test", auth.RoleAgent)
	must(s.w.Queues.PutAgent(ctx, s.tenant, queues.Agent{ID: agent.ID, Name: "An agent", Device: "browser"}))
	presence, err := s.w.Queues.PutWord(ctx, s.tenant, queues.Word{Name: "lunch", Presence: queues.Away, Colour: "#b86e00"})
	must(err)
	skill, err := s.w.Queues.PutSkill(ctx, s.tenant, uuid.Nil, "German")
	must(err)
	group, err := s.w.Queues.PutGroup(ctx, s.tenant, queues.Group{Name: "North"})
	must(err)
	number, err := s.w.Numbers.Put(ctx, s.tenant, calls.Number{Number: "1", Kind: calls.EntryEcho})
	must(err)
	trunk, err := s.w.Trunks.PutTrunk(ctx, s.tenant, sip.Trunk{Name: "t", Networks: []string{"192.0.2.1"}}, sip.Passwords{})
	must(err)
	bot, err := s.w.Bots.AddBot(ctx, s.tenant, mediastream.BotChange{Name: new("bot"), URL: new("wss://bot.example.com/stream")})
	must(err)
	hook, err := s.w.Webhooks.AddEndpoint(ctx, s.tenant, webhooks.EndpointChange{URL: new("https://example.com/hook"), Events: &[]string{"call.ended"}})
	must(err)
	must(s.w.Webhooks.Ping(ctx, s.tenant, hook.ID))
	deliveries, err := s.w.Webhooks.Deliveries(ctx, s.tenant, hook.ID, "", uuid.Nil, 1)
	must(err)
	prompt, err := s.w.Prompts.AddMusic(ctx, s.tenant, "music")
	must(err)
	role, err := s.w.Auth.SaveRole(ctx, auth.Role{Name: "custom", Permissions: auth.Permissions{}})
	must(err)
	acting := auth.System(s.tenant)
	acting.User = s.admin.ID
	key, _, err := s.w.Auth.AddAPIKey(auth.With(ctx, acting), auth.NewAPIKey{Name: "k", Permissions: auth.Permissions{}})
	must(err)
	mp3, err := os.ReadFile("../notify/testdata/tone.mp3")
	must(err)
	tone, err := s.w.Notify.AddTone(ctx, s.tenant, "tone", bytes.NewReader(mp3))
	must(err)
	callback, err := s.w.Queues.RequestCallback(ctx, s.tenant, queues.NewCallback{Queue: queue.ID, Number: "+4930123"})
	must(err)
	mail := s.voicemail(t, queue.ID)
	contact, err := s.w.CRM.CreateContact(ctx, s.tenant, crm.ContactChange{})
	must(err)
	other, err := s.w.CRM.CreateContact(ctx, s.tenant, crm.ContactChange{})
	must(err)
	attribute, err := s.w.CRM.AddAttribute(ctx, s.tenant, crm.Attribute{Key: "plan", Label: "Plan", Type: crm.AttributeText})
	must(err)
	list, err := s.w.CRM.AddList(ctx, s.tenant, "customers", nil)
	must(err)
	remark, err := s.w.CRM.AddContactNote(ctx, s.tenant, contact.ID, "a remark")
	must(err)
	ticket, err := s.w.CRM.CreateTicket(ctx, s.tenant, crm.NewTicket{Title: "broken", Contact: &contact.ID})
	must(err)
	file, err := s.w.CRM.Attach(ctx, s.tenant, ticket.ID, "a.wav", "audio/wav", strings.NewReader(string(sound.HoldMusic().WAV())))
	must(err)
	call := s.call(t, queue.ID, agent.ID)
	talk := s.conversation(t, queue.ID)
	widget, err := s.w.Chat.AddAccount(ctx, s.tenant, chat.AccountChange{Channel: chat.Web, Name: new("shop-" + uuid.NewString()[:8])})
	must(err)
	canned, err := s.w.Chat.PutCannedResponse(ctx, s.tenant, s.admin.ID, chat.CannedResponse{Shortcut: "hello", Text: "Hello!"})
	must(err)
	view, err := s.w.Chat.PutSavedView(ctx, s.tenant, s.admin.ID, chat.SavedView{Name: "mine"})
	must(err)
	kind, err := s.w.CRM.AddTicketType(ctx, s.tenant, "Warranty", nil)
	must(err)
	tickets, err := s.w.CRM.AddView(ctx, s.tenant, s.admin.ID, crm.ViewOfTickets, crm.View{Name: "mine"})
	must(err)
	contacts, err := s.w.CRM.AddView(ctx, s.tenant, s.admin.ID, crm.ViewOfContacts, crm.View{Name: "mine"})
	must(err)
	return map[string]uuid.UUID{
		"ticket-types": uuid.MustParse(string(kind.Type)), "ticket-views": tickets.ID, "contact-views": contacts.ID,
		"conversations": talk.id, "message": talk.message, "attachments": talk.file, "channels": widget.ID, "canned-responses": canned.ID, "saved-views": view.ID,
		"callbacks": callback.ID, "voicemails": mail, "queues": queue.ID, "presences": presence.ID, "skills": skill.ID, "agent-groups": group.ID, "hours": hours.ID, "agents": agent.ID, "users": agent.ID, "numbers": number.ID, "trunks": trunk.ID, "prompts": prompt.ID,
		"contact-attributes": attribute.ID, "contact-lists": list.ID, "other": other.ID, "note": remark.ID,
		"roles": role.ID, "teams": s.team, "api-keys": key.ID, "contacts": contact.ID, "tickets": ticket.ID, "attachment": file.ID, "ringtones": tone.ID, "bots": bot.ID, "webhooks": hook.ID, "delivery": deliveries[0].ID,
		"calls": call, "items": call, "recordings": s.stuckRecording(t), "sip-bans": s.ban(t), "actions": s.action(t, call), "customer": call,
	}
}

// named puts ids into a path: the thing's own by the path's first word, and those of what belongs to it.
func named(path string, ids map[string]uuid.UUID) string {
	place := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")[0]
	return strings.NewReplacer("{id}", ids[place].String(), "{attachment}", ids["attachment"].String(), "{message}", ids["message"].String(), "{delivery}", ids["delivery"].String(), "{n}", "1", "{token}", noToken, "{item}", ids["calls"].String(),
		"{other}", ids["other"].String(), "{contact}", ids["contacts"].String(), "{note}", ids["note"].String(), "{merge}", ids["other"].String()).Replace(path)
}

// call writes a live call's row, as a node would.
func (s *site) call(t *testing.T, queue, agent uuid.UUID) uuid.UUID {
	t.Helper()
	now := s.w.DB.Now()
	r := calls.Record{ID: storage.NewID(), Direction: calls.Inbound, State: calls.StateTalking, Number: "1001", Caller: calls.Party{Number: "+15550100"}, StartedAt: now, Queue: &queue, Agent: &agent}
	body, err := json.Marshal(r)
	if err == nil {
		err = s.w.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO calls (call_id, tenant_id, node, state, direction, started_at, queue_id, agent_id, number, caller, record)
				VALUES ($1, $2, 'test', $3, $4, $5, $6, $7, $8, $9, $10)`, r.ID, s.tenant, r.State, r.Direction, now, queue, agent, r.Number, r.Caller.Number, body)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// ban is a user name that is refused.
func (s *site) ban(t *testing.T) uuid.UUID {
	t.Helper()
	id := storage.NewID()
	err := s.w.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO sip_bans (ban_id, tenant_id, source, username, fails, since, until, changed_at) VALUES ($1, $2, '', $3, 11, $4, $5, $4)`,
			id, s.tenant, id.String(), tx.Now, tx.Now.Add(time.Hour))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *site) stuckRecording(t *testing.T) uuid.UUID {
	t.Helper()
	id := storage.NewID()
	err := s.w.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO recordings (tenant_id, recording_id, kind, call_id, node, state, started_at, deadline)
			VALUES ($1, $2, 'call', $3, 'test', 'quarantined', $4, $5)`, s.tenant, id, uuid.New(), tx.Now, tx.Now.Add(time.Hour))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// voicemail is a message that the CRM has.
func (s *site) voicemail(t *testing.T, queue uuid.UUID) uuid.UUID {
	t.Helper()
	ctx := t.Context()
	id, tape := storage.NewID(), storage.NewID()
	ticket, err := s.w.CRM.CreateTicket(s.system(), s.tenant, crm.NewTicket{Title: "mail"})
	if err == nil {
		_, err = s.w.CRM.Attach(s.system(), s.tenant, ticket.ID, "rec.wav", "audio/wav", bytes.NewReader(sound.Tone{Hz: []float64{440}, On: time.Second, Level: -20}.PCM(8000).WAV()))
	}
	if err != nil {
		t.Fatal(err)
	}
	err = s.w.DB.Tenant(ctx, s.tenant, func(tx *storage.Tx) error {
		for _, insert := range []string{
			`INSERT INTO recordings (tenant_id, recording_id, kind, call_id, node, state, started_at, deadline, ticket) VALUES ($1, $2, 'voicemail', $3, 'x', 'destroyed', $4, $4, $5)`,
			`INSERT INTO recording_parts (tenant_id, recording_id, part, state, next_try_at, deadline, payload_offset, payload, size, sha256, name)
				SELECT $1, $2, 1, 'confirmed', $4, $4, 0, 0, 16044, '', 'rec.wav' WHERE $3::uuid IS NOT NULL AND $5::text IS NOT NULL`,
			`INSERT INTO voicemails (voicemail_id, tenant_id, recording_id, queue_id, number, withheld, why, seconds, left_at, state, changed_at)
				SELECT $3, $1, $2, $6, '+4930123', false, 'after_hours', 1, $4, 'unread', $4 WHERE $5::text IS NOT NULL`,
		} {
			args := []any{s.tenant, tape, id, tx.Now, "own:" + ticket.ID.String()}
			if strings.Contains(insert, "$6") {
				args = append(args, queue)
			}
			if _, err := tx.Exec(ctx, insert, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// state is a fingerprint of all that a tenant has.
func (s *site) state(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.w.DB.Worker(t.Context(), func(tx *storage.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE a.attname = 'tenant_id' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, table := range tables {
			var sum string
			err := tx.QueryRow(t.Context(), `SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM `+pgx.Identifier{table}.Sanitize()+` t WHERE tenant_id = $1`, s.tenant).Scan(&sum)
			if err != nil {
				return err
			}
			all[table] = sum
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *site) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	for table, sum := range s.state(t) {
		if before[table] != sum {
			t.Errorf("table %s of the other tenant has changed", table)
		}
	}
}

// Every operation of the document that names something, with the ids of another tenant: 404, and nothing has changed there.
func TestAnotherTenantsIDs(t *testing.T) {
	w := newWorld(t)
	d := load(t)
	mine, theirs := w.one.things(t), w.two.things(t)
	before := w.two.state(t)
	walked := 0
	d.each(func(method, path string, op operation) {
		if !strings.Contains(path, "{") {
			return
		}
		walked++
		place := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")[0]
		if _, ok := theirs[place]; !ok {
			t.Fatalf("the test knows nothing of %s: add one to things", place)
		}
		target := named(path, theirs)
		a := w.ask(t, w.one.client, method, target, d.body(t, op))
		if a.status != http.StatusNotFound || a.code() == "route_not_found" {
			t.Errorf("%s %s (%s) with another tenant's id is %d, want 404: %s", method, path, op.ID, a.status, a.body)
		}
	})
	// With the own ids the same questions are answered: it was the tenant that made the difference.
	d.each(func(method, path string, op operation) {
		if method != "GET" || !strings.Contains(path, "{") {
			return
		}
		target := named(path, mine)
		if a := w.ask(t, w.one.client, method, target, ""); a.status != 200 && a.code() != "queue_no_menu" {
			t.Errorf("%s %s with the own id is %d: %s", method, path, a.status, a.body)
		}
	})
	if walked < 30 {
		t.Errorf("only %d operations were walked", walked)
	}
	w.two.unchanged(t, before)
}

// Ids of another tenant inside bodies and filters.
func TestAnotherTenantsIDsInside(t *testing.T) {
	w := newWorld(t)
	mine, theirs := w.one.things(t), w.two.things(t)
	before := w.two.state(t)
	c := w.one.client
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/queues", `{"name":"x","parent":"{queues}"}`},
		{"PUT", "/sla-policies", `{"priority":"low","response_seconds":0,"resolution_seconds":60,"hours_id":"{hours}"}`},
		{"PUT", "/sla-policies", `{"priority":"low","response_seconds":0,"resolution_seconds":60,"escalate_to":"{users}"}`},
		{"POST", "/queues", `{"name":"x","settings":{"hours":"{hours}"}}`},
		{"POST", "/queues", `{"name":"x","settings":{"greeting":{"id":"{prompts}"}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"hold_music":{"id":"{prompts}"}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"menu":{"wait_seconds":5,"max_no_input":3,"max_invalid":3,"final":"queue","final_queue":"{queues}","zero":"up"}}}`},
		{"PATCH", "/queue-settings", `{"set":{"notification":{"call":{"tone":"{ringtones}","every_seconds":0},"chat":{"tone":"","every_seconds":0},"message":{"tone":"","every_seconds":0},"text":"off"}}}`},
		{"POST", "/queues/" + mine["queues"].String() + "/whisper-preview", `{"whisper":{"mode":"recording","prompt":"{prompts}","speed":1}}`},
		{"PATCH", "/queue-settings", `{"set":{"whisper":{"mode":"recording","prompt":"{prompts}","speed":1}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"deflection":{"mode":"queue","queue":"{queues}"}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"deflection_mobile":{"message":"m","queue":"{queues}"}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"hours_overrides":[{"channel":"web","hours":"{hours}"}]}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"overcapacity":[{"ahead":1,"do":{"mode":"message","prompt":{"id":"{prompts}"}}}]}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"empty":{"join":{"when":"nobody_signed_in","do":{"mode":"queue","queue":"{queues}"}},"leave":{"when":"never","do":{"mode":"off"}}}}}`},
		{"PATCH", "/queues/" + mine["queues"].String(), `{"set":{"announcement":{"on":true,"every_seconds":30,"order":[{"play":"prompt","prompt":{"id":"{prompts}"}}]}}}`},
		{"PUT", "/queues/" + mine["queues"].String() + "/members", `{"agents":["{agents}"]}`},
		{"PUT", "/queues/" + mine["queues"].String() + "/members", `{"agents":[],"members":[{"agent":"{agents}","priority":0,"delay_seconds":0}]}`},
		{"POST", "/agent-groups", `{"name":"x","agents":["{agents}"]}`},
		{"PUT", "/agents/" + mine["agents"].String() + "/skills", `{"skills":[{"skill":"{skills}","level":3}]}`},
		{"PATCH", "/queue-settings", `{"set":{"skills":{"match":"all","required":[{"skill":"{skills}","level":3}]}}}`},
		{"PATCH", "/queue-settings", `{"set":{"shares":[{"group":"{agent-groups}","percent":100}]}}`},
		{"PATCH", "/queue-settings", `{"set":{"rings":[{"after_seconds":0,"groups":["{agent-groups}"],"lower_skills":0}]}}`},
		{"POST", "/numbers", `{"number":"7","kind":"queue","queue_id":"{queues}"}`},
		{"POST", "/numbers", `{"number":"7","kind":"message","prompt_id":"{prompts}"}`},
		{"POST", "/users", `{"email":"x@one.test","name":"x","password":"long enough","roles":["{roles}"]}`},
		{"POST", "/users", `{"email":"x@one.test","name":"x","password":"long enough","roles":[],"teams":["{teams}"]}`},
		{"POST", "/teams", `{"name":"x","members":["{users}"]}`},
		{"POST", "/tickets", `{"title":"x","contact_id":"{contacts}"}`},
		{"POST", "/tickets", `{"title":"x","assignee":"{users}"}`},
		{"POST", "/tickets", `{"title":"x","call_id":"{calls}"}`},
		{"POST", "/actions", `{"kind":"text","call_id":"{calls}"}`},
		{"POST", "/actions", `{"kind":"text","conversation_id":"{conversations}"}`},
		{"POST", "/channels", `{"channel":"web","name":"x","queue_id":"{queues}"}`},
		{"POST", "/canned-responses", `{"shortcut":"x","text":"x","queue_id":"{queues}"}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/messages", `{"text":"x","attachments":["{attachments}"]}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/messages", `{"text":"x","quote_id":"{message}"}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/notes", `{"text":"x","mentions":["{users}"]}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/transfer", `{"queue_id":"{queues}"}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/transfer", `{"agent_id":"{agents}"}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/assign", `{"agent_id":"{agents}"}`},
		{"POST", "/conversations/" + mine["conversations"].String() + "/ticket", `{"ticket_id":"{tickets}"}`},
		{"PUT", "/conversations/" + mine["conversations"].String() + "/collaborators", `{"agents":["{users}"]}`},
		{"PATCH", "/channels/" + mine["channels"].String(), `{"queue_id":"{queues}"}`},
		{"PATCH", "/tickets/" + mine["tickets"].String(), `{"contact_id":"{contacts}"}`},
		{"POST", "/tickets/" + mine["tickets"].String() + "/merge", `{"into":"{tickets}"}`},
		{"POST", "/contacts", `{"owner":"{users}"}`},
		{"POST", "/contacts/" + mine["contacts"].String() + "/merge", `{"other":"{contacts}"}`},
		{"GET", "/contacts/" + mine["contacts"].String() + "/merge-preview/" + theirs["contacts"].String(), ""},
		{"GET", "/contacts?list=" + theirs["contact-lists"].String(), ""},
		{"PUT", "/contact-lists/" + mine["contact-lists"].String() + "/contacts/" + theirs["contacts"].String(), ""},
		{"POST", "/tickets/" + mine["tickets"].String() + "/links", `{"call_id":"{calls}"}`},
		{"POST", "/tickets/" + mine["tickets"].String() + "/links", `{"conversation_id":"{conversations}"}`},
	} {
		body := r.body
		for noun, id := range theirs {
			body = strings.ReplaceAll(body, "{"+noun+"}", id.String())
		}
		a := w.ask(t, c, r.method, "/api/v1"+r.path, body)
		if a.status != 404 && a.status != 400 && a.code() != "attachment_not_ready" {
			t.Errorf("%s %s %s is %d: %s", r.method, r.path, r.body, a.status, a.body)
		}
	}
	for _, path := range []string{"/tickets?contact={contacts}", "/tickets?call={calls}", "/calls?queue={queues}", "/calls?agent={agents}", "/agents?queue={queues}", "/audit?subject={users}", "/conversations?contact_id={contacts}", "/conversations?account_id={channels}", "/conversations?queue_id={queues}"} {
		for noun, id := range theirs {
			path = strings.ReplaceAll(path, "{"+noun+"}", id.String())
		}
		if a := w.ask(t, c, "GET", "/api/v1"+path, ""); a.status != 200 || !strings.Contains(a.body, `"items":[]`) {
			t.Errorf("%s is %d %s", path, a.status, a.body)
		}
	}
	w.two.unchanged(t, before)
}

// Whoever is nobody gets 401, and whoever may nothing 403, everywhere but where the table says otherwise.
func TestEveryOperationIsGuarded(t *testing.T) {
	w := newWorld(t)
	d := load(t)
	mine := w.one.things(t)
	roles := []uuid.UUID{}
	helpless := w.one.user(t, "helpless@one.test", auth.RoleAgent)
	if _, err := w.Auth.ChangeUser(w.one.system(), helpless.ID, auth.UserChange{Roles: &roles}); err != nil {
		t.Fatal(err)
	}
	client := w.one.signIn(t, helpless.Email)
	d.each(func(method, path string, op operation) {
		target := named(path, mine)
		if op.Permission == "public" {
			return
		}
		if a := w.ask(t, nil, method, target, d.body(t, op)); a.status != http.StatusUnauthorized {
			t.Errorf("%s %s asked by nobody is %d", method, path, a.status)
		}
		if op.Permission == "self" {
			return
		}
		verb, resource, ok := strings.Cut(op.Permission, ":")
		if !ok || !slices.Contains(auth.Resources()[resource], verb) {
			t.Errorf("%s %s needs %q, which no role can be granted", method, path, op.Permission)
		}
		if a := w.ask(t, client, method, target, d.body(t, op)); a.status != http.StatusForbidden {
			t.Errorf("%s %s asked by somebody without rights is %d", method, path, a.status)
		}
	})
}

// Own and team: an agent sees their own calls, a supervisor those of the team and of its queues, an analyst all.
func TestReach(t *testing.T) {
	w := newWorld(t)
	s := w.one
	ctx := s.system()
	red, err := w.Auth.SaveTeam(ctx, auth.Team{Name: "red"})
	if err != nil {
		t.Fatal(err)
	}
	anna, ben := s.user(t, "anna@one.test", auth.RoleAgent, red.ID), s.user(t, "ben@one.test", auth.RoleAgent)
	supervisor, analyst := s.user(t, "sam@one.test", auth.RoleSupervisor, red.ID), s.user(t, "al@one.test", auth.RoleAnalyst)
	served, err := w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: "served"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []auth.User{anna, ben} {
		if err := w.Queues.PutAgent(ctx, s.tenant, queues.Agent{ID: u.ID, Name: u.Name, Device: "browser"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Queues.SetMembers(ctx, s.tenant, served.ID, []uuid.UUID{anna.ID}); err != nil {
		t.Fatal(err)
	}
	annas, bens, waiting := s.call(t, other.ID, anna.ID), s.call(t, other.ID, ben.ID), s.call(t, served.ID, uuid.Nil)
	for _, c := range []struct {
		who  auth.User
		sees []uuid.UUID
		not  []uuid.UUID
	}{
		{anna, []uuid.UUID{annas}, []uuid.UUID{bens, waiting}},
		{supervisor, []uuid.UUID{annas, waiting}, []uuid.UUID{bens}},
		{analyst, []uuid.UUID{annas, bens, waiting}, nil},
	} {
		client := s.signIn(t, c.who.Email)
		list := w.ask(t, client, "GET", "/api/v1/calls?state=live", "").body
		for _, id := range c.sees {
			if !strings.Contains(list, id.String()) || w.ask(t, client, "GET", "/api/v1/calls/"+id.String(), "").status != 200 {
				t.Errorf("%s does not see a call within reach", c.who.Email)
			}
		}
		for _, id := range c.not {
			if strings.Contains(list, id.String()) || w.ask(t, client, "GET", "/api/v1/calls/"+id.String(), "").status != 404 {
				t.Errorf("%s sees a call beyond reach", c.who.Email)
			}
		}
	}
	annasClient, samsClient := s.signIn(t, anna.Email), s.signIn(t, supervisor.Email)
	presence := func(u auth.User) string { return fmt.Sprintf("/api/v1/agents/%s/presence", u.ID) }
	w.run(t, []row{
		{"an agent's own presence", annasClient, "PUT", presence(anna), `{"presence":"AVAILABLE"}`, nil, 204, nil},
		{"another agent's presence", annasClient, "PUT", presence(ben), `{"presence":"AWAY"}`, nil, 404, nil},
		{"a supervisor sets their team's", samsClient, "PUT", presence(anna), `{"presence":"AWAY","reason":"lunch"}`, nil, 204, nil},
		{"but not another's", samsClient, "PUT", presence(ben), `{"presence":"AWAY"}`, nil, 404, nil},
		{"the list is the team", samsClient, "GET", "/api/v1/agents", "", nil, 200, []string{anna.ID.String()}},
	})
	if a := w.ask(t, samsClient, "GET", "/api/v1/agents", ""); strings.Contains(a.body, ben.ID.String()) {
		t.Error("a supervisor sees another team's agent")
	}
}

// What people send through the API does not reach the log.
func TestNothingPersonalIsLogged(t *testing.T) {
	w := newWorld(t)
	d := load(t)
	mine := w.one.things(t)
	const number, mail, sentence = "+4915512345678", "canary.person@example.test", "the canary sings at dawn"
	for _, r := range []struct{ path, body string }{
		{"/login", `{"email":"` + mail + `","password":"` + sentence + `"}`},
		{"/login", `{"email":"` + mail + `","password":"` + sentence},
		{"/contacts", `{"email":"` + mail + `","phone":"` + number + `","first_name":"` + sentence + `"}`},
		{"/contacts", `{"email":"` + mail + ` ` + sentence + `"}`},
		{"/users", `{"email":"` + mail + `","name":"` + sentence + `","password":"` + sentence + `","roles":[]}`},
		{"/numbers", `{"number":"` + number + `","kind":"echo","name":"` + sentence + `"}`},
		{"/trunks", `{"name":"` + sentence + `","username":"` + mail + `","password":"` + sentence + `","enabled":true}`},
	} {
		w.ask(t, w.one.client, "POST", "/api/v1"+r.path, r.body)
	}
	d.each(func(method, path string, op operation) {
		if op.ID == "logout" || method == "DELETE" {
			return
		}
		target := named(path, mine)
		w.ask(t, w.one.client, method, target+"?search="+url.QueryEscape(sentence), strings.ReplaceAll(d.body(t, op), `"browser"`, `"`+sentence+`"`))
	})
	var rows string
	err := w.DB.Worker(context.Background(), func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT coalesce(string_agg(data::text, ' '), '') FROM audit`).Scan(&rows)
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := w.ask(t, nil, "GET", "/metrics", "").body
	for _, canary := range []string{number, mail, sentence, number[1:], password} {
		for place, text := range map[string]string{"log": w.log.String(), "audit log": rows, "metrics": metrics} {
			if strings.Contains(text, canary) {
				t.Errorf("the %s holds %q", place, canary)
			}
		}
	}
}
