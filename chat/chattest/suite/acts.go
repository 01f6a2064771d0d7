package suite

import (
	"fmt"
	"slices"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
)

// allActs is one act of each kind by the first customer, about a message.
func (r *rig) allActs(about string) []chattest.Act {
	who := chattest.Act{Customer: r.p.Customer(0), Name: "Ann"}
	var all []chattest.Act
	for _, a := range []chattest.Act{
		{Kind: chattest.Say, Text: "hi 你好 👍"},
		{Kind: chattest.Say, Text: "a quote", To: about},
		{Kind: chattest.Give, Text: "look", File: picture()},
		{Kind: chattest.Share, Place: [2]float64{52.5, 13.4}},
		{Kind: chattest.React, Text: "👍", To: about},
		{Kind: chattest.React, To: about},
		{Kind: chattest.Press, Text: "yes", To: about},
		{Kind: chattest.Edit, Text: "hi there", To: about},
		{Kind: chattest.Unsend, To: about},
		{Kind: chattest.Begin},
		{Kind: chattest.Block},
		{Kind: chattest.Unblock},
	} {
		a.Customer, a.Name = who.Customer, who.Name
		all = append(all, a)
	}
	return all
}

// acts: what a customer does comes out as what it is, with key, time and person.
func acts(t *testing.T, s Subject) {
	r := newRig(t, s)
	ours := r.must(r.answer(r.meet(0), "what we have said"))
	theirs, _ := r.play(chattest.Act{Customer: r.p.Customer(0), Name: "Ann", Kind: chattest.Say, Text: "what they have said"})
	said := 0
	for _, a := range r.allActs(ours.ID) {
		if a.Kind == chattest.Edit || a.Kind == chattest.Unsend {
			a.To = theirs
		}
		if a.To == "" && a.Kind == chattest.React {
			continue // the platform gives no ids
		}
		r.f.Advance(1e9)
		id, event, err := r.p.Act(a)
		if !can(err) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", a.Kind, err)
		}
		said++
		r.f.Emit(event)
		events := r.take()
		if len(events) == 0 {
			t.Errorf("%s: nothing is decoded", a.Kind)
		}
		for _, e := range events {
			r.known(a, e)
			if e.Message != nil && a.Kind == chattest.Say && e.Message.ID != id {
				t.Errorf("%s: the message's id is %q, not %q", a.Kind, e.Message.ID, id)
			}
		}
		if err := as(a, events); err != nil {
			t.Errorf("%s: %v", a.Kind, err)
		}
	}
	if said < 4 {
		t.Errorf("customers can do only %d things", said)
	}
}

// known fails unless an event says who, when and how it is called.
func (r *rig) known(a chattest.Act, e chat.Event) {
	r.t.Helper()
	if e.From.ID != a.Customer && e.From.Alias != a.Customer {
		r.t.Errorf("%s: an event of somebody else", a.Kind)
	}
	if e.Key == "" {
		r.t.Errorf("%s: no key", a.Kind)
	}
	if r.s.Timeless {
		return
	}
	if d := r.f.Now().Sub(e.At); d < 0 || d > 2e9 {
		r.t.Errorf("%s: at %v, not %v", a.Kind, e.At, r.f.Now())
	}
}

// as fails unless events say what the act said.
func as(a chattest.Act, events []chat.Event) error {
	is := map[chattest.ActKind]func(chattest.Act, chat.Event) bool{
		chattest.Say: isSaid, chattest.Give: isGiven, chattest.Share: isShared, chattest.React: isReaction, chattest.Press: isPressed,
		chattest.Edit: isEdit, chattest.Unsend: isUnsend, chattest.Begin: isBegun, chattest.Block: isReach, chattest.Unblock: isReach,
	}[a.Kind]
	for _, e := range events {
		if e.Message == nil {
			e.Message = &chat.Incoming{} // of no kind
		}
		if is(a, e) {
			return nil
		}
	}
	return fmt.Errorf("not what was done: %+v", events)
}

func isSaid(a chattest.Act, e chat.Event) bool {
	m := e.Message
	return m.Kind == chat.Text && m.Text == a.Text && m.Window != chat.NoWindow && m.Quote == a.To
}

func isGiven(a chattest.Act, e chat.Event) bool {
	m := e.Message
	return m.Kind == chat.MediaOf && len(m.Media) == 1 && m.Media[0].Kind == a.File.Kind && (m.Text == a.Text || m.Text == "")
}

func isShared(a chattest.Act, e chat.Event) bool {
	l := e.Message.Body.Location
	return e.Message.Kind == chat.Location && l != nil && l.Latitude == a.Place[0] && l.Longitude == a.Place[1]
}

func isReaction(a chattest.Act, e chat.Event) bool {
	return e.Reaction != nil && e.Reaction.Emoji == a.Text && e.Reaction.To == a.To
}

func isPressed(a chattest.Act, e chat.Event) bool {
	c := e.Message.Body.Choice
	return e.Message.Kind == chat.Choice && c != nil && c.ID == a.Text
}

func isEdit(a chattest.Act, e chat.Event) bool {
	return e.Edit != nil && e.Edit.Text == a.Text && e.Edit.Of == a.To
}

func isUnsend(a chattest.Act, e chat.Event) bool {
	return e.Unsend != nil && e.Unsend.Of == a.To
}

func isBegun(_ chattest.Act, e chat.Event) bool {
	return e.Contact != nil || e.Message.Kind == chat.Begin || e.Message.Kind == chat.Choice
}

func isReach(a chattest.Act, e chat.Event) bool {
	c := e.Contact
	return c != nil && (c.Reachable != nil && *c.Reachable == (a.Kind == chattest.Unblock) || len(c.Consent) > 0)
}

// batch: whatever comes in one request is all there, in its order.
func batch(t *testing.T, s Subject) {
	r := newRig(t, s)
	r.f.SetDelivery(chattest.Delivery{Batch: 100})
	const customers, each = 6, 4
	var ours []string
	for n := range 5 {
		if sent := r.must(r.answer(r.meet(n), "one of ours")); sent.ID != "" {
			ours = append(ours, sent.ID)
		}
	}
	want := map[string][]string{}
	for i := range each {
		for n := range customers {
			id, err := r.f.Play(chattest.Act{Customer: r.p.Customer(n), Kind: chattest.Say, Text: fmt.Sprintf("%d of %d", i, n)})
			if err != nil {
				t.Fatal(err)
			}
			want[r.p.Customer(n)] = append(want[r.p.Customer(n)], id)
		}
	}
	told := 0
	for _, id := range ours {
		if r.f.Report(id, chat.StatusFailed, r.failure()) || r.f.Report(id, chat.StatusRead, "") {
			told++
		}
	}
	receipts, got := 0, map[string][]string{}
	for _, e := range r.take() {
		if e.Receipt != nil {
			receipts++
		}
		if e.Message != nil {
			who := e.From.ID
			if _, ok := want[who]; !ok {
				who = e.From.Alias
			}
			got[who] = append(got[who], e.Message.ID)
		}
	}
	for who, ids := range want {
		if !slices.Equal(got[who], ids) {
			t.Errorf("of %d messages these are there: %v, want %v", len(ids), got[who], ids)
		}
	}
	if receipts < told {
		t.Errorf("%d receipts, want %d", receipts, told)
	}
}

// failure is a code that may come late; "": there is none.
func (r *rig) failure() string {
	for _, c := range r.p.Codes() {
		if c.Later {
			return c.Code
		}
	}
	return ""
}

// receipts: what the platform promises to tell of our messages is understood.
func receipts(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	for _, c := range []struct {
		status   chat.Status
		promised bool
	}{{chat.StatusSent, s.Maker.Traits.Sent}, {chat.StatusDelivered, s.Maker.Traits.Delivered}, {chat.StatusRead, s.Maker.Traits.Read}} {
		m := r.answer(from, "how does it fare?")
		sent := r.must(m)
		r.f.Advance(1e9)
		if r.f.Report(sent.ID, c.status, "") != c.promised {
			if c.promised && c.status != chat.StatusSent { // "sent" may be what the answer says
				t.Errorf("%s: the traits promise it and the fake never tells", c.status)
			}
			continue
		}
		found := false
		for _, e := range r.take() {
			if n := e.Receipt; n != nil && n.Status == c.status && (n.ID == sent.ID || n.Local == m.ID || !n.Watermark.IsZero()) {
				found = true
			}
		}
		if !found && c.promised {
			t.Errorf("%s: not understood", c.status)
		}
	}
}
