package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/chat"
	widget "tandem/chat/web"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/queues"
	"tandem/sip"
)

// demo fills in the demo tenant. Each step looks whether its thing is there, so that a first start that was cut off goes on at the next.
type demo struct {
	db      *storage.DB
	auth    *auth.Service
	queues  *queues.Service
	chat    *chat.Service
	crm     *crm.Service
	widget  *widget.Service
	numbers *calls.Numbers
	prompts *calls.Prompts
	trunks  *sip.Directory
	log     *slog.Logger

	tenant uuid.UUID
	users  map[string]uuid.UUID
	tree   map[string]uuid.UUID
}

const (
	demoSlug     = "demo"
	demoPassword = "demo-demo" // known to everybody, which is why the demo listens on loopback only
	demoUAS      = "127.0.0.1:15090"
	benchAgents  = 200
)

// fill makes what is missing and returns the demo tenant.
func (d *demo) fill(ctx context.Context) (uuid.UUID, error) {
	t, err := d.auth.TenantBySlug(ctx, demoSlug)
	fresh := errors.Is(err, auth.ErrNoTenant)
	if fresh {
		t.ID, err = d.auth.AddTenant(ctx, demoSlug, "Demo", "en", "UTC")
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("make the demo tenant: %w", err)
	}
	d.tenant = t.ID
	ctx = auth.With(ctx, auth.System(d.tenant))
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"users", d.fillUsers},
		{"team", d.fillTeam},
		{"global queue settings", d.fillGlobals},
		{"queues", d.fillQueues},
		{"agents", d.fillAgents},
		{"prompts", d.fillPrompts},
		{"numbers", d.fillNumbers},
		{"trunk", d.fillTrunk},
		{"channel accounts", d.fillChannels},
		{"widget", d.fillWidget},
		{"customers", d.fillCRM},
	} {
		if err := step.do(ctx); err != nil {
			return uuid.Nil, fmt.Errorf("make the demo's %s: %w", step.name, err)
		}
	}
	if fresh {
		return d.tenant, d.db.Analyze(ctx)
	}
	return d.tenant, nil
}

func (d *demo) fillUsers(ctx context.Context) error {
	roles, err := d.auth.Roles(ctx)
	if err != nil {
		return err
	}
	byName := map[string]uuid.UUID{}
	for _, r := range roles {
		byName[r.Name] = r.ID
	}
	there, err := d.auth.Users(ctx, "", uuid.Nil, 1000)
	if err != nil {
		return err
	}
	d.users = map[string]uuid.UUID{}
	for _, u := range there {
		d.users[u.Email] = u.ID
	}
	for _, u := range []struct{ email, name, role, extension string }{
		{"admin@demo.test", "Ada Admin", auth.RoleAdministrator, ""},
		{"manager@demo.test", "Mia Manager", auth.RoleManager, ""},
		{"supervisor@demo.test", "Sam Supervisor", auth.RoleSupervisor, ""},
		{"agent1@demo.test", "Anna Agent", auth.RoleAgent, ""},
		{"agent2@demo.test", "Ben Agent", auth.RoleAgent, ""},
		{"8001@demo.test", "Phone 8001", auth.RoleAgent, "8001"},
		{"8002@demo.test", "Phone 8002", auth.RoleAgent, "8002"},
	} {
		if d.users[u.email] != uuid.Nil {
			continue
		}
		password := demoPassword
		change := auth.UserChange{Email: &u.email, Name: &u.name, Password: &password, Roles: &[]uuid.UUID{byName[u.role]}}
		if u.extension != "" {
			change.Extension = &u.extension
		}
		made, err := d.auth.AddUser(ctx, change)
		if err != nil {
			return fmt.Errorf("user %s: %w", u.role, err)
		}
		d.users[u.email] = made.ID
	}
	return nil
}

// fillTeam puts everybody but the administrator into one team, so that scopes can be seen at work.
func (d *demo) fillTeam(ctx context.Context) error {
	teams, err := d.auth.Teams(ctx)
	if err != nil || len(teams) > 0 {
		return err
	}
	var members []uuid.UUID
	for email, id := range d.users {
		if email != "admin@demo.test" {
			members = append(members, id)
		}
	}
	_, err = d.auth.SaveTeam(ctx, auth.Team{Name: "Service", Members: members})
	return err
}

// fillGlobals switches deflection on, with what callers and customers' pages meet unless a queue says otherwise.
func (d *demo) fillGlobals(ctx context.Context) error {
	there, err := d.queues.Global(ctx, d.tenant)
	if err != nil || there.DeflectionWeb != nil {
		return err
	}
	closed := queues.Prompt{Text: "Thank you for calling. We are closed at the moment. Please call again during our opening hours. Goodbye."}
	_, err = d.queues.SetGlobal(ctx, d.tenant, queues.OwnSettings{
		DeflectCalls: new(true), DeflectChats: new(true), Deflection: &queues.Deflection{Mode: queues.DeflectMessage, Prompt: closed},
		DeflectionWeb: &queues.ClientDeflection{
			Message: "Nobody is here at the moment, but we will gladly get back to you.", ScheduledCall: true, Email: "help@demo.test",
		},
	}, nil)
	return err
}

func (d *demo) fillQueues(ctx context.Context) error {
	hours, err := d.closedHours(ctx)
	if err != nil {
		return err
	}
	there, err := d.queues.Queues(ctx, d.tenant)
	if err != nil {
		return err
	}
	d.tree = map[string]uuid.UUID{}
	for _, q := range there {
		d.tree[q.Name] = q.ID
	}
	quiet := queues.OwnSettings{
		Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, Countdown: new(false), Record: new(queues.RecordNo),
		WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone}, Ticket: new(false),
	}
	phones := quiet
	phones.Record, phones.Ticket = new(queues.RecordYes), new(true)
	served := queues.OwnSettings{
		Whisper: &queues.Whisper{Mode: queues.WhisperQueueName, Speed: 1}, Countdown: new(true), Record: new(queues.RecordYes), Ticket: new(true),
		WrapUp:       &queues.WrapUpRule{Mode: queues.WrapUpTimed, MaxSeconds: 60},
		Dispositions: &[]string{"Resolved", "Call back", "Wrong number"},
		Announcement: &queues.Announcement{On: true, EverySeconds: 30},
		RingSeconds:  new(20),
		// Whoever tries the demo looks for the ticket as soon as the call is over.
		HoldForChoice: new(false),
	}
	night := served
	night.Hours = &hours
	night.Deflection = &queues.Deflection{
		Mode:   queues.DeflectVoicemail,
		Prompt: queues.Prompt{Text: "Thank you for calling the night desk. Nobody is here at the moment. Please leave a message after the tone."},
	}
	for _, q := range []struct {
		parent string
		queues.NewQueue
	}{
		{"", queues.NewQueue{Name: "Main menu"}},
		{"Main menu", queues.NewQueue{Name: "Sales", Key: 1, Settings: served}},
		{"Main menu", queues.NewQueue{Name: "Support", Key: 2, Settings: served}},
		{"Main menu", queues.NewQueue{Name: "Opening hours", Key: 3, Kind: queues.KindMessage, Settings: queues.OwnSettings{
			Greeting: &queues.Prompt{Text: "We are open from Monday to Friday, from nine in the morning to six in the evening."},
		}}},
		{"", queues.NewQueue{Name: "Night desk", Settings: night}},
		{"", queues.NewQueue{Name: "Phones", Settings: phones}},
		{"", queues.NewQueue{Name: "Bench", Settings: quiet}},
	} {
		if d.tree[q.Name] != uuid.Nil {
			continue
		}
		q.Parent = d.tree[q.parent]
		made, err := d.queues.CreateQueue(ctx, d.tenant, q.NewQueue)
		if err != nil {
			return fmt.Errorf("queue %s: %w", q.Name, err)
		}
		d.tree[q.Name] = made.ID
	}
	return nil
}

// closedHours are hours without any: the night desk is closed around the clock.
func (d *demo) closedHours(ctx context.Context) (uuid.UUID, error) {
	const name = "Never"
	all, err := d.queues.AllHours(ctx, d.tenant)
	if err != nil {
		return uuid.Nil, err
	}
	for _, h := range all {
		if h.Name == name {
			return h.ID, nil
		}
	}
	h, err := d.queues.PutHours(ctx, d.tenant, queues.Hours{Name: name, Zone: "UTC"})
	return h.ID, err
}

func (d *demo) fillAgents(ctx context.Context) error {
	there, err := d.queues.Members(ctx, d.tenant, d.tree["Bench"])
	if err != nil || len(there) > 0 {
		return err
	}
	agents := []queues.Agent{
		{ID: d.users["agent1@demo.test"], Name: "Anna Agent", Device: "browser"},
		{ID: d.users["agent2@demo.test"], Name: "Ben Agent", Device: "browser"},
		{ID: d.users["8001@demo.test"], Name: "Phone 8001", Device: "phone:8001", AlwaysAvailable: true},
		{ID: d.users["8002@demo.test"], Name: "Phone 8002", Device: "phone:8002", AlwaysAvailable: true},
	}
	var bench []uuid.UUID
	for i := 1; i <= benchAgents; i++ {
		name := "ag" + strconv.Itoa(i)
		a := queues.Agent{ID: uuid.NewSHA1(d.tenant, []byte(name)), Name: name, Device: "sip:" + name + "@" + demoUAS, AlwaysAvailable: true}
		agents, bench = append(agents, a), append(bench, a.ID)
	}
	if err := d.queues.PutAgents(ctx, d.tenant, agents); err != nil {
		return err
	}
	people := []uuid.UUID{agents[0].ID, agents[1].ID}
	for _, m := range []struct {
		queue  string
		agents []uuid.UUID
	}{
		{"Sales", people},
		{"Support", people},
		{"Night desk", people},
		{"Phones", []uuid.UUID{agents[2].ID, agents[3].ID}},
		{"Bench", bench}, // the last: it says that this step is done
	} {
		if err := d.queues.SetMembers(ctx, d.tenant, d.tree[m.queue], m.agents); err != nil {
			return fmt.Errorf("members of %s: %w", m.queue, err)
		}
	}
	return nil
}

func (d *demo) fillPrompts(ctx context.Context) error {
	there, err := d.prompts.List(ctx, d.tenant)
	if err != nil || len(there) > 0 {
		return err
	}
	_, err = d.prompts.AddMusic(ctx, d.tenant, "Hold music")
	return err
}

func (d *demo) fillNumbers(ctx context.Context) error {
	queue := func(name string) *uuid.UUID { id := d.tree[name]; return &id }
	for _, n := range []calls.Number{
		{Number: "1000", Name: "Menu", Kind: calls.EntryMenu, Queue: queue("Main menu")},
		{Number: "1001", Name: "Support", Kind: calls.EntryQueue, Queue: queue("Support")},
		{Number: "1002", Name: "Night desk", Kind: calls.EntryQueue, Queue: queue("Night desk")},
		{Number: "1003", Name: "Echo", Kind: calls.EntryEcho},
		{Number: "1004", Name: "Hold music", Kind: calls.EntryMusic},
		{Number: "1005", Name: "Phones", Kind: calls.EntryQueue, Queue: queue("Phones")},
		{Number: "1900", Name: "Outside", Kind: calls.EntryAddress, Address: "sip:uas@" + demoUAS},
		{Number: "1901", Name: "Outside, recorded", Kind: calls.EntryAddress, Address: "sip:uas@" + demoUAS, Record: true},
		{Number: "1906", Name: "Bench", Kind: calls.EntryQueue, Queue: queue("Bench")},
	} {
		_, err := d.numbers.Lookup(ctx, d.tenant, n.Number)
		if errors.Is(err, calls.ErrNumberNotFound) {
			_, err = d.numbers.Put(ctx, d.tenant, n)
		}
		if err != nil {
			return fmt.Errorf("number %s: %w", n.Number, err)
		}
	}
	return nil
}

func (d *demo) fillTrunk(ctx context.Context) error {
	there, err := d.trunks.Trunks(ctx, d.tenant)
	if err != nil || len(there) > 0 {
		return err
	}
	_, err = d.trunks.PutTrunk(ctx, d.tenant, sip.Trunk{
		Name: "loopback", Networks: []string{"127.0.0.0/8", "::1/128"}, Trusted: true, Enabled: true, Headers: []string{"x-*", "user-to-user"},
		Outbound: demoUAS,
	}, sip.Passwords{})
	if err != nil {
		return err
	}
	// This trunk leads to loopback, where no call costs anything.
	everywhere := []string{"+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8", "+9"}
	return d.trunks.PutDialRules(ctx, d.tenant, sip.DialRules{Country: "US", Countries: []string{"US"}, Allowed: everywhere, Internal: 15, CallsPerSecond: 100, MaxCalls: 1000})
}

// key makes the demo's API key anew at each start; an older one ends.
func (d *demo) key(ctx context.Context, secret string) (string, error) {
	admin := auth.System(d.tenant)
	admin.User = d.users["admin@demo.test"]
	ctx = auth.With(ctx, admin)
	keys, err := d.auth.APIKeys(ctx, uuid.Nil, 1000)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if k.Name == demoSlug && k.RevokedAt == nil {
			if err := d.auth.RevokeAPIKey(ctx, k.ID); err != nil {
				return "", err
			}
		}
	}
	_, made, err := d.auth.AddAPIKey(ctx, auth.NewAPIKey{Name: demoSlug, Permissions: admin.Permissions, Secret: secret})
	return made, err
}
