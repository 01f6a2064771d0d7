package queues_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

func (h *house) node(n queues.NewQueue) uuid.UUID {
	h.Helper()
	q, err := h.s.CreateQueue(h.ctx, h.tenant, n)
	h.ok(err)
	return q.ID
}

func TestSettingsAreInherited(t *testing.T) {
	h := quietHouse(t)
	ring := func(n int) queues.OwnSettings { return queues.OwnSettings{RingSeconds: &n} }
	top := h.node(queues.NewQueue{Name: "Top"})
	mid := h.node(queues.NewQueue{Name: "Mid", Parent: top})
	leaf := h.node(queues.NewQueue{Name: "Leaf", Parent: mid})
	expect := func(q uuid.UUID, value int, origin queues.Origin) {
		t.Helper()
		set, err := h.s.Effective(h.ctx, h.tenant, q)
		h.ok(err)
		if set.RingSeconds != (queues.Setting[int]{Value: value, Origin: origin}) {
			t.Errorf("ring seconds %+v, want %d from %s", set.RingSeconds, value, origin)
		}
	}
	change := func(q uuid.UUID, set queues.OwnSettings, reset ...string) {
		t.Helper()
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, q, queues.QueueChange{Set: set, Reset: reset})
		h.ok(err)
	}
	expect(leaf, 20, queues.FromGlobal)
	_, err := h.s.SetGlobal(h.ctx, h.tenant, ring(30), nil)
	h.ok(err)
	expect(leaf, 30, queues.FromGlobal)
	change(top, ring(40))
	expect(leaf, 40, queues.FromParent)
	expect(top, 40, queues.FromOwn)
	change(leaf, ring(50))
	expect(leaf, 50, queues.FromOwn)
	expect(mid, 40, queues.FromParent)
	no := queues.RecordNo
	change(leaf, queues.OwnSettings{Record: &no}, "ring_seconds")
	expect(leaf, 40, queues.FromParent)
	change(top, queues.OwnSettings{}, "ring_seconds")
	expect(leaf, 30, queues.FromGlobal)
	_, err = h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{}, []string{"ring_seconds"})
	h.ok(err)
	expect(leaf, 20, queues.FromGlobal)
	if set, err := h.s.Effective(h.ctx, h.tenant, leaf); err != nil || set.Record.Value != queues.RecordNo || set.Record.Origin != queues.FromOwn {
		t.Errorf("record %+v, %v", set.Record, err)
	}
	other := storagetest.Tenant(t, h.db, "other")
	if _, err := h.s.Effective(h.ctx, other, leaf); !errors.Is(err, queues.ErrNoQueue) {
		t.Errorf("another tenant's queue: %v", err)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	h := quietHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	for name, c := range map[string]struct {
		set   queues.OwnSettings
		reset []string
		code  string
	}{
		"unknown reset":      {reset: []string{"ring"}, code: "setting_unknown"},
		"ring":               {set: queues.OwnSettings{RingSeconds: new(1)}, code: "setting_invalid"},
		"speed":              {set: queues.OwnSettings{Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 2.1}}, code: "setting_invalid"},
		"whisper text":       {set: queues.OwnSettings{Whisper: &queues.Whisper{Mode: queues.WhisperText, Text: " ", Speed: 1}}, code: "setting_invalid"},
		"whisper recording":  {set: queues.OwnSettings{Whisper: &queues.Whisper{Mode: queues.WhisperRecording, Speed: 1}}, code: "setting_invalid"},
		"whisper mode":       {set: queues.OwnSettings{Whisper: &queues.Whisper{Mode: "loud", Speed: 1}}, code: "setting_invalid"},
		"record":             {set: queues.OwnSettings{Record: new(queues.RecordMode("maybe"))}, code: "setting_invalid"},
		"wrap-up":            {set: queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpTimed}}, code: "setting_invalid"},
		"wrap-up mode":       {set: queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: "long"}}, code: "setting_invalid"},
		"missed":             {set: queues.OwnSettings{Missed: &queues.MissedRule{}}, code: "setting_invalid"},
		"announcement":       {set: queues.OwnSettings{Announcement: &queues.Announcement{On: true, EverySeconds: 1}}, code: "setting_invalid"},
		"weight":             {set: queues.OwnSettings{Weights: &map[queues.Channel]queues.Weight{queues.SMS: {}}}, code: "setting_invalid"},
		"algorithm":          {set: queues.OwnSettings{Algorithm: new(queues.Algorithm("dice"))}, code: "setting_invalid"},
		"deflection":         {set: queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectVoicemail}}, code: "deflection_without_greeting"},
		"deflection mode":    {set: queues.OwnSettings{Deflection: &queues.Deflection{Mode: "away"}}, code: "setting_invalid"},
		"length":             {set: queues.OwnSettings{MaxWaiting: new(-1)}, code: "setting_invalid"},
		"menu tries":         {set: queues.OwnSettings{Menu: &queues.MenuRule{WaitSeconds: 5}}, code: "setting_invalid"},
		"menu without queue": {set: queues.OwnSettings{Menu: &queues.MenuRule{WaitSeconds: 5, MaxNoInput: 1, MaxInvalid: 1, Final: queues.MenuQueue, Zero: queues.MenuUp}}, code: "setting_invalid"},
	} {
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, q, queues.QueueChange{Set: c.set, Reset: c.reset})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || f.Field == "" {
			t.Errorf("%s: %v, want %s and a field", name, err, c.code)
		}
	}
}

func TestTreeRules(t *testing.T) {
	h := quietHouse(t)
	root := h.node(queues.NewQueue{Name: "Root"})
	var ninth uuid.UUID
	for k := 1; k <= queues.MaxKeys; k++ {
		ninth = h.node(queues.NewQueue{Name: fmt.Sprint("Q", k), Parent: root, Key: k})
	}
	create := func(n queues.NewQueue) error { _, err := h.s.CreateQueue(h.ctx, h.tenant, n); return err }
	update := func(q uuid.UUID, c queues.QueueChange) error {
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, q, c)
		return err
	}
	want := func(what string, err error, is *fault.Error) {
		t.Helper()
		if !errors.Is(err, is) {
			t.Errorf("%s: %v, want %s", what, err, is.Code)
		}
	}
	want("a tenth key", create(queues.NewQueue{Name: "Q10", Parent: root, Key: 10}), queues.ErrLevelFull)
	want("a tenth on a key of the nine", create(queues.NewQueue{Name: "Q10", Parent: root, Key: 3}), queues.ErrLevelFull)
	hidden := h.node(queues.NewQueue{Name: "Hidden", Parent: root})
	want("showing a tenth", update(hidden, queues.QueueChange{Key: new(5)}), queues.ErrLevelFull)
	h.ok(update(ninth, queues.QueueChange{Key: new(0)}))
	want("a key that is taken", update(hidden, queues.QueueChange{Key: new(5)}), queues.ErrKeyTaken)
	h.ok(update(hidden, queues.QueueChange{Key: new(9)}))

	agent := storage.NewID()
	h.ok(h.s.PutAgent(h.ctx, h.tenant, queues.Agent{ID: agent, Name: "A", Device: "phone:8001"}))
	want("agents of a menu", h.s.SetMembers(h.ctx, h.tenant, root, []uuid.UUID{agent}), queues.ErrNotLeaf)
	want("agents nobody knows", h.s.SetMembers(h.ctx, h.tenant, hidden, []uuid.UUID{storage.NewID()}), queues.ErrNoAgent)
	h.ok(h.s.SetMembers(h.ctx, h.tenant, hidden, []uuid.UUID{agent}))
	want("something below agents", create(queues.NewQueue{Name: "Below", Parent: hidden}), queues.ErrHasAgents)
	want("below itself", update(root, queues.QueueChange{Parent: &ninth}), queues.ErrLoop)
	_, err := h.s.Join(h.ctx, h.tenant, root, queues.NewItem{ID: storage.NewID(), Kind: queues.Call})
	want("waiting in a menu", err, queues.ErrNotLeaf)

	copied, err := h.s.CopyQueue(h.ctx, h.tenant, hidden, "Copy")
	h.ok(err)
	members, err := h.s.Members(h.ctx, h.tenant, copied.ID)
	if err != nil || !slices.Equal(members, []uuid.UUID{agent}) || copied.Key != 0 || copied.Parent != root {
		t.Errorf("copy %+v with %v, %v", copied, members, err)
	}
	w, _ := h.join(hidden)
	want("archiving a menu", h.s.ArchiveQueue(h.ctx, h.tenant, root), queues.ErrInUse)
	want("archiving where someone waits", h.s.ArchiveQueue(h.ctx, h.tenant, hidden), queues.ErrInUse)
	want("something below callers", create(queues.NewQueue{Name: "Below", Parent: copied.ID}), queues.ErrHasAgents)
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	h.ok(h.s.ArchiveQueue(h.ctx, h.tenant, hidden))
	want("archiving again", h.s.ArchiveQueue(h.ctx, h.tenant, hidden), queues.ErrNoQueue)
	h.ok(create(queues.NewQueue{Name: "Reuses the key", Parent: root, Key: 9}))
	all, err := h.s.Queues(h.ctx, h.tenant)
	h.ok(err)
	var names []string
	for _, q := range all {
		names = append(names, q.Name)
	}
	if want := []string{"Root", "Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Reuses the key", "Copy", "Q9"}; !slices.Equal(names, want) {
		t.Errorf("tree %q, want %q", names, want)
	}
	if all[0].Leaf || !all[1].Leaf {
		t.Error("the root is a leaf, or its first queue is none")
	}
}

func TestMenu(t *testing.T) {
	h := quietHouse(t)
	greeting := queues.Prompt{Text: "Press 1 for sales."}
	root := h.node(queues.NewQueue{Name: "Main", Settings: queues.OwnSettings{Greeting: &greeting}})
	sales := h.node(queues.NewQueue{Name: "Sales", Parent: root, Key: 1})
	support := h.node(queues.NewQueue{Name: "Support", Parent: root, Key: 2})
	h.node(queues.NewQueue{Name: "Printers", Parent: support, Key: 1})
	hours := queues.Prompt{Text: "We open at nine."}
	msg := h.node(queues.NewQueue{Name: "Hours", Kind: queues.KindMessage, Parent: root, Key: 3, Settings: queues.OwnSettings{Greeting: &hours}})
	h.node(queues.NewQueue{Name: "Secret", Parent: root})
	h.node(queues.NewQueue{Name: "Web only", Parent: root, Key: 4, Off: []queues.Channel{queues.IVR}})
	m, err := h.s.Menu(h.ctx, h.tenant, root)
	h.ok(err)
	want := []queues.MenuOption{
		{Key: 1, Queue: sales, Name: "Sales", Kind: queues.OptionQueue},
		{Key: 2, Queue: support, Name: "Support", Kind: queues.OptionMenu},
		{Key: 3, Queue: msg, Name: "Hours", Kind: queues.OptionMessage, Prompt: hours},
	}
	if !slices.Equal(m.Options, want) || m.Prompt != greeting || m.Name != "Main" || m.Parent != uuid.Nil {
		t.Errorf("menu %+v", m)
	}
	if o, ok := m.Option(2); !ok || o.Queue != support {
		t.Errorf("key 2 leads to %+v", o)
	}
	if _, ok := m.Option(4); ok {
		t.Error("key 4 leads somewhere")
	}
	for _, c := range []struct {
		final queues.MenuAction
		queue uuid.UUID
		want  uuid.UUID
	}{
		{queues.MenuFirst, uuid.Nil, sales},
		{queues.MenuLast, uuid.Nil, msg},
		{queues.MenuQueue, support, support},
		{queues.MenuVoicemail, uuid.Nil, root},
		{queues.MenuHangUp, uuid.Nil, uuid.Nil},
	} {
		rule := queues.MenuRule{WaitSeconds: 3, MaxNoInput: 2, MaxInvalid: 4, Final: c.final, FinalQueue: c.queue, Zero: queues.MenuNothing}
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, root, queues.QueueChange{Set: queues.OwnSettings{Menu: &rule}})
		h.ok(err)
		m, err := h.s.Menu(h.ctx, h.tenant, root)
		h.ok(err)
		if action, q := m.Last(); action != c.final || q != c.want || !reflect.DeepEqual(m.Rule, rule) {
			t.Errorf("%s: %s %s, rule %+v", c.final, action, q, m.Rule)
		}
	}
	// Menus below inherit the rule; a leaf is no menu.
	if m, err := h.s.Menu(h.ctx, h.tenant, support); err != nil || m.Rule.MaxInvalid != 4 || m.Parent != root {
		t.Errorf("menu below %+v, %v", m, err)
	}
	if _, err := h.s.Menu(h.ctx, h.tenant, sales); !errors.Is(err, queues.ErrNoMenu) {
		t.Errorf("a leaf's menu: %v", err)
	}
}

func TestOpenByQueue(t *testing.T) {
	h := quietHouse(t)
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	never, err := h.s.PutHours(h.ctx, h.tenant, queues.Hours{Name: "Never", Zone: "UTC"})
	h.ok(err)
	days := queues.Hours{Name: "Days", Zone: "UTC"}
	days.Week[time.Monday] = []queues.Period{{From: 9 * 60, To: 17 * 60}}
	days, err = h.s.PutHours(h.ctx, h.tenant, days)
	h.ok(err)
	say := queues.Deflection{Mode: queues.DeflectVoicemail, Prompt: queues.Prompt{Text: "Closed."}}
	on := true
	_, err = h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{DeflectCalls: &on, Deflection: &queues.Deflection{Mode: queues.DeflectMessage, Prompt: queues.Prompt{Text: "Bye."}}}, nil)
	h.ok(err)
	always := h.queue("Always", queues.OwnSettings{})
	night := h.queue("Night", queues.OwnSettings{Hours: &never.ID, Deflection: &say})
	day := h.queue("Day", queues.OwnSettings{Hours: &days.ID, Deflection: &queues.Deflection{Mode: queues.DeflectOff}})
	for _, c := range []struct {
		q    uuid.UUID
		at   time.Time
		open bool
		mode queues.DeflectionMode
	}{
		{always, at, true, queues.DeflectOff},
		{h.queue("As all", queues.OwnSettings{Hours: &never.ID}), at, false, queues.DeflectMessage},
		{night, at, false, queues.DeflectVoicemail},
		{day, at, true, queues.DeflectOff},
		{day, at.Add(6 * time.Hour), false, queues.DeflectOff},
	} {
		open, d, err := h.s.Open(h.ctx, h.tenant, c.q, c.at)
		if err != nil || open != c.open || d.Mode != c.mode {
			t.Errorf("%s at %s: %v %+v %v", c.q, c.at, open, d, err)
		}
	}
	all, err := h.s.AllHours(h.ctx, h.tenant)
	if err != nil || len(all) != 2 || all[0].Name != "Days" || all[0].Week[1][0].To != 17*60 {
		t.Errorf("hours %+v, %v", all, err)
	}
	if _, err := h.s.PutHours(h.ctx, h.tenant, queues.Hours{ID: storage.NewID(), Name: "x", Zone: "UTC"}); !errors.Is(err, queues.ErrNoHours) {
		t.Errorf("changing hours that do not exist: %v", err)
	}
}

func TestViews(t *testing.T) {
	h := newHouse(t)
	q, other := h.queue("Q", queues.OwnSettings{}), h.queue("Other", queues.OwnSettings{})
	agents := h.staff(5, q)
	for _, a := range agents[1:] {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, a, queues.Away, ""))
	}
	w, _ := h.join(q)
	o := h.offer(w)
	h.serve(o)
	var order []uuid.UUID
	for range 7 {
		_, id := h.join(q)
		order = append(order, id)
	}
	_, apart := h.join(other)
	var seen []uuid.UUID
	f := queues.QueuedFilter{Queue: q, Limit: 3}
	for {
		page, err := h.s.Queued(h.ctx, h.tenant, f)
		h.ok(err)
		for _, it := range page.Items {
			seen = append(seen, it.ID)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if !slices.Equal(seen, order) || slices.Contains(seen, apart) {
		t.Errorf("seen %v, want %v", seen, order)
	}
	var names []string
	af := queues.AgentFilter{Queue: q, Limit: 2}
	for {
		page, err := h.s.Agents(h.ctx, h.tenant, af)
		h.ok(err)
		for _, a := range page.Items {
			names = append(names, a.Name)
		}
		if af.Cursor = page.Next; af.Cursor == "" {
			break
		}
	}
	if fmt.Sprint(names) != "[Agent 1 Agent 2 Agent 3 Agent 4 Agent 5]" {
		t.Errorf("agents %v", names)
	}
	if page, err := h.s.Agents(h.ctx, h.tenant, queues.AgentFilter{Presence: queues.Available}); err != nil || len(page.Items) != 1 {
		t.Errorf("available: %+v, %v", page, err)
	}
	if _, err := h.s.Queued(h.ctx, h.tenant, queues.QueuedFilter{Cursor: "%"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a cursor that is none: %v", err)
	}
	cs, err := h.s.Counters(h.ctx, h.tenant)
	h.ok(err)
	if len(cs) != 2 || cs[1].Queue != q || cs[1].Waiting != 7 || cs[1].Agents != 5 || cs[1].Available != 1 || cs[1].Ready != 0 || cs[1].Talking != 1 || cs[1].Oldest == nil || cs[0].Waiting != 1 {
		t.Errorf("counters %+v", cs)
	}
	if v, err := h.s.Agent(h.ctx, h.tenant, agents[0]); err != nil || v.State != queues.Interacting || v.Used != 100 {
		t.Errorf("agent %+v, %v", v, err)
	}
}

func TestHandledWithoutInteractionLeavesNobodyStuck(t *testing.T) {
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	w, _ := h.join(q)
	o := h.offer(w)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(w.Leave(h.ctx, queues.LeftHandled))
	h.ok(h.s.Ended(h.ctx, o.ID))
	if a := h.agent(agent); a.State != queues.Idle || a.Used != 0 {
		t.Errorf("agent %+v", a)
	}
}
