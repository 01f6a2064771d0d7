package queues_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// Where nothing comes between acceptance and talk, both are one step: the offers to others end, and the call has left its queue.
func TestTalksAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := queues.OfferAll
	q := h.queue("Q", queues.OwnSettings{OfferMode: &all})
	agents := h.staff(2, q)
	w, _ := h.join(q)
	o := h.offer(w)
	h.ok(h.s.Interacting(h.ctx, o.With[0].ID))
	h.ok(h.s.Interacting(h.ctx, o.With[0].ID)) // said twice
	if err := h.s.Interacting(h.ctx, o.ID); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("the second to talk: %v", err)
	}
	if a, b := h.agent(agents[0]), h.agent(agents[1]); a.State != queues.Idle || a.Missed != 0 || b.State != queues.Interacting {
		t.Errorf("%+v, %+v", a, b)
	}
	if got := h.log("offer.ended", "item.left"); !slices.Equal(got, []string{"offer.ended taken", "item.left handled"}) {
		t.Errorf("%q", got)
	}
}

// Of two agents to whom a call is offered at once the first to accept has it; the other is free for the next, and is not blamed.
func TestFirstToAcceptHasIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := queues.OfferAll
	q := h.queue("Q", queues.OwnSettings{OfferMode: &all})
	agents := h.staff(3, q)
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[2], queues.Busy, ""))
	w, item := h.join(q)
	o := h.offer(w)
	if o.Agent != agents[0] || len(o.With) != 1 || o.With[0].Agent != agents[1] || o.With[0].Item != item {
		t.Fatalf("offered %+v", o)
	}
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAlerting))
	h.ok(h.s.Offered(h.ctx, o.With[0].ID, queues.OfferAccepted))
	if err := h.s.Offered(h.ctx, o.ID, queues.OfferAccepted); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("the second to accept: %v", err)
	}
	if a := h.agent(agents[0]); a.State != queues.Idle || a.Missed != 0 || a.Used != 0 {
		t.Errorf("the other one: %+v", a)
	}
	if got := h.log("offer.ended"); !slices.Equal(got, []string{"offer.ended taken"}) {
		t.Errorf("%q", got)
	}
	h.ok(h.s.Interacting(h.ctx, o.With[0].ID))
	ds, err := h.s.Decisions(h.ctx, h.tenant, item)
	h.ok(err)
	if len(ds) != 2 || ds[0].AtOnce != 2 {
		t.Errorf("decisions %+v", ds)
	}
	next, _ := h.join(q)
	if o := h.offer(next); o.Agent != agents[0] || len(o.With) != 0 {
		t.Errorf("the next is offered as %+v", o)
	}
	// A caller who leaves takes all offers along.
	h.ok(next.Leave(h.ctx, queues.LeftAbandoned))
	if a := h.agent(agents[0]); a.State != queues.Idle {
		t.Errorf("after the caller has left: %s", a.State)
	}
}

func TestWordsLimitsAndWhatIsNext(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none})
	agent := h.staff(1, q)[0]
	lunch, err := h.s.PutWord(h.ctx, h.tenant, queues.Word{Name: " Lunch ", Presence: queues.Away, Colour: "#b86e00", MaxMinutes: 30})
	h.ok(err)
	if _, err := h.s.PutWord(h.ctx, h.tenant, queues.Word{Name: "lunch", Presence: queues.Busy, Colour: "#b86e00"}); !errors.Is(err, queues.ErrWordTaken) {
		t.Errorf("the same name again: %v", err)
	}
	for _, bad := range []queues.Word{{Name: "", Presence: queues.Away, Colour: "#000000"}, {Name: "x", Presence: queues.Offline, Colour: "#000000"}, {Name: "x", Presence: queues.Away, Colour: "red"}} {
		if _, err := h.s.PutWord(h.ctx, h.tenant, bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	w, _ := h.join(q)
	o := h.offer(w)
	h.serve(o)
	h.ok(h.s.SetNextPresence(h.ctx, h.tenant, agent, queues.Away, "lunch"))
	if a := h.agent(agent); a.Presence != queues.Available || a.Next != queues.Away || a.NextReason != "lunch" {
		t.Fatalf("in the talk: %+v", a)
	}
	behind, _ := h.join(q) // is not offered to somebody who goes to lunch
	h.ok(h.s.Ended(h.ctx, o.ID))
	a := h.agent(agent)
	if a.Presence != queues.Away || a.Reason != "lunch" || a.Next != "" || a.Until == nil || a.Until.Sub(a.PresenceAt) != 30*time.Minute {
		t.Fatalf("after the talk: %+v", a)
	}
	h.worker(`UPDATE queue_agents SET presence_until = now() - interval '1 second' WHERE agent_id = $1`, agent)
	h.eventually("the overrun is told", func() bool { return len(h.log("agent.presence_overrun")) == 1 })
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Available, ""))
	h.offer(behind)
	if a := h.agent(agent); a.Until != nil {
		t.Errorf("back: %+v", a)
	}
	if n := len(h.log("agent.presence_overrun")); n != 1 {
		t.Errorf("told %d times", n)
	}
	h.ok(h.s.DeleteWord(h.ctx, h.tenant, lunch.ID))
	if ws, err := h.s.Words(h.ctx, h.tenant); err != nil || len(ws) != 0 {
		t.Errorf("%v %v", ws, err)
	}
}

func TestWrapUpAskedForAndExtended(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	codes := []string{"sold"}
	rule := queues.WrapUpRule{Mode: queues.WrapUpRequested, MaxSeconds: 60, ExtendSeconds: 30, MaxExtensions: 1, DispositionForced: true, NotesForced: true}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &rule, Dispositions: &codes})
	agent := h.staff(1, q)[0]
	talk := func(ask bool) queues.Offer {
		w, item := h.join(q)
		o := h.offer(w)
		h.serve(o)
		if ask {
			h.ok(h.s.RequestWrapUp(h.ctx, h.tenant, agent, item, true))
		}
		h.ok(h.s.Ended(h.ctx, o.ID))
		return o
	}
	talk(false)
	if a := h.agent(agent); a.State != queues.Idle {
		t.Fatalf("nobody asked, but the agent is %s", a.State)
	}
	o := talk(true)
	before := h.agent(agent).Items[0]
	if before.State != queues.WrapUp || before.WrapUntil == nil {
		t.Fatalf("%+v", before)
	}
	h.ok(h.s.ExtendWrapUp(h.ctx, h.tenant, agent, o.ID))
	if after := h.agent(agent).Items[0]; after.WrapUntil.Sub(*before.WrapUntil) != 30*time.Second || after.Extended != 1 {
		t.Errorf("extended from %v to %v", before.WrapUntil, after.WrapUntil)
	}
	if err := h.s.ExtendWrapUp(h.ctx, h.tenant, agent, o.ID); !errors.Is(err, queues.ErrNoExtension) {
		t.Errorf("extended again: %v", err)
	}
	for _, c := range []struct {
		note queues.WrapUpNote
		want error
	}{
		{queues.WrapUpNote{Notes: "n"}, queues.ErrNoDisposition},
		{queues.WrapUpNote{Disposition: "sold", Notes: " "}, queues.ErrNoNotes},
		{queues.WrapUpNote{Disposition: "lost", Notes: "n"}, queues.ErrDisposition},
		{queues.WrapUpNote{Disposition: "sold", Notes: "n"}, nil},
	} {
		if _, err := h.s.FinishWrapUp(h.ctx, h.tenant, agent, c.note); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.note, err, c.want)
		}
	}
	if err := h.s.RequestWrapUp(h.ctx, h.tenant, agent, o.Item, true); !errors.Is(err, queues.ErrNoTalk) {
		t.Errorf("asked without a talk: %v", err)
	}
}

// The caller's last agent gets them first, also when others have idled longer; a priority that changes is told of and counts.
func TestLastAgentAndLivePriority(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none, rule := queues.WrapUpRule{Mode: queues.WrapUpNone}, queues.PreferredRule{LastAgent: true, WaitSeconds: 60}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none, Preferred: &rule})
	agents := h.staff(2, q)
	call := func(caller string) (*queues.Waiting, uuid.UUID) {
		id := storage.NewID()
		w, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: id, Kind: queues.Call, Caller: caller})
		h.ok(err)
		return w, id
	}
	w, _ := call("+49301")
	o := h.offer(w)
	h.serve(o)
	h.ok(h.s.Ended(h.ctx, o.ID))
	w, _ = call("+49301") // agents[1] has idled longer
	if o = h.offer(w); o.Agent != agents[0] {
		t.Fatalf("offered to %s, want the last agent", o.Agent)
	}
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	for _, a := range agents {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, a, queues.Away, ""))
	}
	call("+49302")
	second, id := call("+49303")
	h.ok(h.s.SetPriority(h.ctx, h.tenant, id, 7))
	if n := len(h.log("item.priority_changed")); n != 1 {
		t.Errorf("%d events", n)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[1], queues.Available, ""))
	h.offer(second)
	if err := h.s.SetPriority(h.ctx, h.tenant, storage.NewID(), 1); !errors.Is(err, queues.ErrNotWaiting) {
		t.Errorf("nothing that waits: %v", err)
	}
}

func TestMembersInOrder(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agents := h.staff(3, q)
	want := []queues.Member{{Agent: agents[2], Priority: 2}, {Agent: agents[0], DelaySeconds: 15}}
	h.ok(h.s.PutMembers(h.ctx, h.tenant, q, want))
	if got, err := h.s.Membership(h.ctx, h.tenant, q); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	h.ok(h.s.SetMembers(h.ctx, h.tenant, q, []uuid.UUID{agents[0], agents[1], agents[2]})) // keeps what is their own
	want = []queues.Member{{Agent: agents[0], DelaySeconds: 15}, {Agent: agents[1]}, {Agent: agents[2], Priority: 2}}
	if got, err := h.s.Membership(h.ctx, h.tenant, q); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range [][]queues.Member{{{Agent: agents[0], DelaySeconds: 7}}, {{Agent: agents[0], Priority: 1000}}, {{Agent: agents[0]}, {Agent: agents[0]}}} {
		if err := h.s.PutMembers(h.ctx, h.tenant, q, bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := h.s.PutMembers(h.ctx, h.tenant, q, []queues.Member{{Agent: storage.NewID()}}); !errors.Is(err, queues.ErrNoAgent) {
		t.Errorf("nobody's id: %v", err)
	}
}

func TestRoutingSettings(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	group, err := h.s.PutGroup(h.ctx, h.tenant, queues.Group{Name: "North"})
	h.ok(err)
	skill, err := h.s.PutSkill(h.ctx, h.tenant, uuid.Nil, "German")
	h.ok(err)
	unknown, mode := queues.Algorithm("coin"), queues.OfferMode("some")
	for name, own := range map[string]queues.OwnSettings{
		"algorithm":                 {Algorithm: &unknown},
		"offer mode":                {OfferMode: &mode},
		"level":                     {Skills: &queues.SkillRule{Match: queues.MatchAll, Required: []queues.SkillNeed{{Skill: skill.ID, Level: 6}}}},
		"first ring late":           {Rings: &[]queues.Ring{{AfterSeconds: 5, Everybody: true}}},
		"first ring for nobody":     {Rings: &[]queues.Ring{{}}},
		"rings out of order":        {Rings: &[]queues.Ring{{Everybody: true}, {AfterSeconds: 20}, {AfterSeconds: 10}}},
		"shares that are not whole": {Shares: &[]queues.Share{{Group: group.ID, Percent: 60}}},
		"ageing without a rate":     {Ageing: &queues.Ageing{Curve: queues.AgeingLinear}},
		"ageing without steps":      {Ageing: &queues.Ageing{Curve: queues.AgeingSteps}},
		"preferred for too long":    {Preferred: &queues.PreferredRule{WaitSeconds: 4000}},
	} {
		if _, err := h.s.SetGlobal(h.ctx, h.tenant, own, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{
		Shares: &[]queues.Share{{Group: group.ID, Percent: 100}}, Skills: &queues.SkillRule{Match: queues.MatchBest, Required: []queues.SkillNeed{{Skill: skill.ID, Level: 2}}},
	}, nil)
	h.ok(err)
	if err := h.s.DeleteGroup(h.ctx, h.tenant, group.ID); !errors.Is(err, queues.ErrGroupUsed) {
		t.Errorf("remove a group in use: %v", err)
	}
	if err := h.s.DeleteSkill(h.ctx, h.tenant, skill.ID); !errors.Is(err, queues.ErrSkillUsed) {
		t.Errorf("remove a skill in use: %v", err)
	}
	_, err = h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{}, []string{"shares", "skills"})
	h.ok(err)
	h.ok(errors.Join(h.s.DeleteGroup(h.ctx, h.tenant, group.ID), h.s.DeleteSkill(h.ctx, h.tenant, skill.ID)))
}

// What is over for longer than a tenant keeps it goes; what is live, and what others keep longer, stays.
func TestPurge(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none})
	h.staff(1, q)
	w, old := h.join(q)
	o := h.offer(w)
	h.serve(o)
	h.ok(h.s.Ended(h.ctx, o.ID))
	w, live := h.join(q)
	h.offer(w)
	age := func(days int) {
		h.worker(`UPDATE queue_items SET left_at = left_at - make_interval(days => $1) WHERE state = 'left'`, days)
		h.worker(`UPDATE queue_offers SET ended_at = ended_at - make_interval(days => $1) WHERE state = 'IDLE'`, days)
		h.worker(`UPDATE queue_decisions SET at = at - make_interval(days => $1)`, days)
		h.worker(`UPDATE queue_work SET began_at = began_at - make_interval(days => $1)`, days)
	}
	left := func(item uuid.UUID) (n int) {
		h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
			return tx.QueryRow(h.ctx, `SELECT (SELECT count(*) FROM queue_items WHERE item_id = $1) + (SELECT count(*) FROM queue_offers WHERE item_id = $1)`, item).Scan(&n)
		}))
		return n
	}
	h.ok(h.s.SetRetention(h.ctx, h.tenant, 45))
	age(44)
	gone, err := h.s.Purge(h.ctx)
	h.ok(err)
	if gone != 1 || left(old) != 2 { // the ledger of 24 h
		t.Errorf("%d rows went after 44 days, %d are left", gone, left(old))
	}
	age(2)
	if gone, err = h.s.Purge(h.ctx); err != nil || gone != 4 || left(old) != 0 {
		t.Errorf("%d rows went after 46 days (%v), %d are left", gone, err, left(old))
	}
	if left(live) != 2 {
		t.Errorf("%d rows of what is live", left(live))
	}
	if days, err := h.s.Retention(h.ctx, h.tenant); err != nil || days != 45 {
		t.Errorf("%d %v", days, err)
	}
	if days, err := h.s.Retention(h.ctx, storagetest.Tenant(t, h.db, "other")); err != nil || days != queues.DefaultRetention {
		t.Errorf("%d %v", days, err)
	}
	if err := h.s.SetRetention(h.ctx, h.tenant, 0); fault.KindOf(err) != fault.Invalid {
		t.Errorf("0 days: %v", err)
	}
}
