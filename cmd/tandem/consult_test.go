package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// office is two agents at their pages: Anna has the calls of one queue, which are recorded, Ben those of another. Lines lead outside.
type office struct {
	*app
	anna, ben *seat
	from, to  *desk
	network   *siptest.Phone
}

const benHz, outsideHz = 900, 1300

func newOffice(t *testing.T, number, other string, settings ...string) *office {
	t.Helper()
	a := start(t, settings...)
	ctx := context.Background()
	base := a.client(t).base
	record := queues.RecordYes
	o := &office{
		app: a, anna: sit(t, base, "agent1@demo.test"), ben: sit(t, base, "agent2@demo.test"),
		from: a.desk(t, "Front", number, queues.OwnSettings{Record: &record, Ticket: new(true), WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpMandatory}}),
		to:   a.desk(t, "Back", other, queues.OwnSettings{Record: &record}),
	}
	for queue, member := range map[uuid.UUID]uuid.UUID{o.from.queue: o.from.first, o.to.queue: o.to.two} {
		if err := a.queues.SetMembers(ctx, a.tenant, queue, []uuid.UUID{member}); err != nil {
			t.Fatal(err)
		}
	}
	o.network = carrier(t, a.trunks, a.tenant)
	if err := a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 50, MaxCalls: 20}); err != nil {
		t.Fatal(err)
	}
	o.anna.RTC.Say(agentHz)
	o.ben.RTC.Say(benHz)
	o.anna.available()
	o.ben.available()
	return o
}

// talk lets a customer talk with Anna.
func (o *office) talk(t testing.TB, user string) (p *caller, call string) {
	t.Helper()
	o.anna.Forget()
	p = o.from.call(user)
	call = o.anna.accept()
	p.voice.WaitTone(agentHz, patient)
	return p, call
}

// consult lets Anna ask Ben in, who answers.
func (o *office) consult(t testing.TB, call string) {
	t.Helper()
	o.anna.Forget()
	o.ben.Forget()
	o.anna.Send("call.consult", map[string]any{"agent": o.to.two})
	if got := o.ben.accept(); got != call {
		t.Fatalf("another call: %s", got)
	}
	o.anna.Wait("call", "id", call, "state", "held", "roster.leads", "true")
}

// benIs lets Ben be away, or take offers again after one that he did not accept.
func (o *office) benIs(t testing.TB, p queues.Presence) {
	t.Helper()
	o.ben.Send("presence.set", map[string]queues.Presence{"presence": p})
	within(t, patient, "Ben to be "+string(p), func() bool {
		v, err := o.queues.Agent(context.Background(), o.tenant, o.to.two)
		return err == nil && v.Presence == p && v.State == queues.Idle
	})
}

func (o *office) available(t testing.TB, agent uuid.UUID) bool {
	t.Helper()
	v, err := o.queues.Agent(context.Background(), o.tenant, agent)
	if err != nil {
		t.Fatal(err)
	}
	return v.Presence == queues.Available
}

// wrapped ends the wrap-up that follows.
func (s *seat) wrapped(t testing.TB, call string) {
	t.Helper()
	s.Wait("call", "id", call, "state", "wrap_up")
	s.Send("wrapup.done", map[string]string{})
	s.Wait("call", "id", call, "state", "ended")
}

// reload loads an agent's page again, in mid-call.
func (s *seat) reload(t testing.TB, hz float64) {
	t.Helper()
	_, b := s.do("POST", "/api/v1/ws-ticket", map[string]any{})
	var ticket struct{ Ticket string }
	if err := json.Unmarshal(b, &ticket); err != nil {
		t.Fatal(err)
	}
	s.Page = s.Again("ws"+strings.TrimPrefix(s.client.base, "http")+"/ws", map[string]any{"ticket": ticket.Ticket})
	s.Connect()
	s.RTC.Say(hz)
}

func transfersOf(row calls.CallRow) string {
	var all []string
	for _, tr := range row.Transfers {
		how := "blind"
		if tr.Attended {
			how = "attended"
		}
		all = append(all, strings.Join([]string{tr.ByName, how, string(tr.Kind), tr.Name, tr.Result}, " "))
	}
	return strings.Join(all, ", ")
}

// An agent consults before they hand over: the customer hears music, the others talk; then the customer goes on with the one, or back to the other.
func TestConsult(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5311", "5312")
	anna, ben := o.anna, o.ben

	t.Run("handed over", func(t *testing.T) {
		p, call := o.talk(t, "+49305321")
		anna.Send("call.consult", map[string]any{"agent": o.to.two})
		offer := ben.Wait("offer", "call", call, "card.consulted_by", "Anna Agent").Get("offer")
		ben.Send("offer.ack", map[string]string{"offer": offer})
		anna.Wait("call", "id", call, "state", "held", "transfer.state", "ringing", "transfer.consult", "true")
		ben.Send("offer.decline", map[string]string{"offer": offer})
		anna.Wait("call", "id", call, "state", "talking", "transfer.state", "failed", "transfer.cause", "declined")
		phoneHears(t, "declined", p.voice, map[float64]bool{agentHz: true})
		o.benIs(t, queues.Away)
		o.benIs(t, queues.Available)

		o.consult(t, call)
		anna.hears(t, "consulting", map[float64]bool{benHz: true, customerHz: false})
		ben.hears(t, "consulted", map[float64]bool{agentHz: true, customerHz: false})
		phoneHears(t, "on hold", p.voice, map[float64]bool{agentHz: false, benHz: false})
		ben.Wait("call", "id", call, "state", "talking", "roster.leads", "false")
		ben.Send("call.hold", nil)
		ben.Wait("error", "code", "not_your_call")
		anna.Send("call.transfer", map[string]any{"queue": o.to.queue})
		anna.Wait("error", "code", "transfer_in_conference")
		anna.Send("call.leave", nil)
		anna.Wait("call", "id", call, "transfer.state", "done", "transfer.name", "Ben Agent")
		anna.wrapped(t, call)
		phoneHears(t, "handed over", p.voice, map[float64]bool{agentHz: false, benHz: true})
		ben.hears(t, "handed over", map[float64]bool{customerHz: true})
		p.hangUp()
		row := o.ended(t, "+49305321")
		if got, want := transfersOf(row), "Anna Agent attended agent Ben Agent declined, Anna Agent attended agent Ben Agent done"; got != want {
			t.Errorf("transfers %s", got)
		}
		if row.AgentName != "Ben Agent" || row.HeldSeconds == 0 {
			t.Errorf("agent %s, held %.1f s", row.AgentName, row.HeldSeconds)
		}
		oneRecording(t, o.app, row, customerHz, agentHz, benHz)
		ben.wrapped(t, call)
		o.from.free()
	})

	t.Run("back to the customer", func(t *testing.T) {
		p, call := o.talk(t, "+49305322")
		o.consult(t, call)
		anna.Send("call.resume", nil)
		anna.Wait("call", "id", call, "state", "talking", "transfer.cause", "cancelled", "roster", "")
		ben.Wait("call", "id", call, "state", "ended") // who only gave advice has nothing to wrap up
		phoneHears(t, "back", p.voice, map[float64]bool{agentHz: true, benHz: false})

		o.consult(t, call)
		ben.Send("call.hangup", nil)
		anna.Wait("call", "id", call, "state", "held", "transfer.state", "failed", "transfer.cause", "normal", "roster", "")
		anna.Send("call.resume", nil)
		phoneHears(t, "the consulted party hung up", p.voice, map[float64]bool{agentHz: true})

		o.consult(t, call)
		p.hangUp()
		ben.Wait("call", "id", call, "state", "ended")
		anna.wrapped(t, call)
		row := o.ended(t, "+49305322")
		if row.Reason != calls.ReasonCallerHungUp || row.AgentName != "Anna Agent" {
			t.Errorf("ended as %s with %s", row.Reason, row.AgentName)
		}
		left, right := oneRecording(t, o.app, row, customerHz, agentHz)
		if level := siptest.Strength(right, 8000, benHz); level > 20 {
			t.Errorf("the consultation is on the recording of %d samples: %.0f", len(left), level)
		}
		o.from.free()
	})

	t.Run("a number outside", func(t *testing.T) {
		p, call := o.talk(t, "+49305323")
		anna.Send("call.consult", map[string]any{"number": "+88213000001"})
		anna.Wait("call", "id", call, "state", "talking", "transfer.cause", "forbidden")
		anna.Send("call.consult", map[string]any{"number": "+49305403"})
		out := o.network.Answer()
		far := siptest.NewVoice(t, codec.PCMU)
		answerAs(out, far, outsideHz)
		anna.hears(t, "consulting outside", map[float64]bool{outsideHz: true, customerHz: false})
		anna.Wait("call", "id", call, "state", "held", "roster.leads", "true")
		anna.Send("call.hangup", nil) // leaves it to them
		anna.wrapped(t, call)
		phoneHears(t, "handed over outside", p.voice, map[float64]bool{outsideHz: true})
		far.WaitTone(customerHz, patient)
		p.hangUp()
		out.Reply(out.Request("BYE"), 200, "OK", "")
		row := o.ended(t, "+49305323")
		if got, want := transfersOf(row), "Anna Agent attended outside +88213000001 forbidden, Anna Agent attended outside +49305403 done"; got != want {
			t.Errorf("transfers %s", got)
		}
		oneRecording(t, o.app, row, customerHz, agentHz, outsideHz)
		o.from.free()
	})

	t.Run("the agent of a queue", func(t *testing.T) {
		p, call := o.talk(t, "+49305324")
		ben.Forget()
		anna.Send("call.consult", map[string]any{"queue": o.to.queue})
		if got := ben.accept(); got != call {
			t.Fatalf("another call: %s", got)
		}
		anna.Wait("call", "id", call, "state", "held", "roster.leads", "true")
		anna.Send("call.leave", nil)
		anna.wrapped(t, call)
		phoneHears(t, "handed over", p.voice, map[float64]bool{benHz: true})
		p.hangUp()
		if got, want := transfersOf(o.ended(t, "+49305324")), "Anna Agent attended queue Back done"; got != want {
			t.Errorf("transfers %s", got)
		}
		ben.wrapped(t, call)
		o.from.free()
	})
}

// All talk with the customer; more are added, sent away, and stay when the agent leaves. Each is on the one recording.
func TestConference(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5313", "5314")
	anna, ben := o.anna, o.ben
	p, call := o.talk(t, "+49305325")
	o.consult(t, call)
	anna.Send("call.join", nil)
	anna.Wait("call", "id", call, "state", "talking", "recording", "on", "roster.leads", "true")
	ben.Wait("call", "id", call, "state", "talking", "recording", "on")
	phoneHears(t, "conference", p.voice, map[float64]bool{agentHz: true, benHz: true})
	anna.hears(t, "conference", map[float64]bool{customerHz: true, benHz: true, agentHz: false})
	ben.hears(t, "conference", map[float64]bool{customerHz: true, agentHz: true, benHz: false})

	anna.Send("call.add", map[string]any{"number": "+49305404"})
	out := o.network.Answer()
	phoneHears(t, "while it rings", p.voice, map[float64]bool{agentHz: true, benHz: true})
	far := siptest.NewVoice(t, codec.PCMU)
	answerAs(out, far, outsideHz)
	phoneHears(t, "four", p.voice, map[float64]bool{agentHz: true, benHz: true, outsideHz: true})
	ben.hears(t, "four", map[float64]bool{customerHz: true, agentHz: true, outsideHz: true})
	phoneHears(t, "four, outside", far, map[float64]bool{customerHz: true, agentHz: true, benHz: true, outsideHz: false})

	anna.Send("call.hold", nil)
	phoneHears(t, "held", p.voice, map[float64]bool{agentHz: false, benHz: false, outsideHz: false})
	ben.hears(t, "held", map[float64]bool{customerHz: false, agentHz: true, outsideHz: true})
	anna.Send("call.resume", nil)
	phoneHears(t, "resumed", p.voice, map[float64]bool{agentHz: true, benHz: true, outsideHz: true})

	anna.Send("call.remove", map[string]string{"party": o.party(t, call, "far_end")})
	out.Reply(out.Request("BYE"), 200, "OK", "")
	phoneHears(t, "three again", p.voice, map[float64]bool{agentHz: true, benHz: true, outsideHz: false})
	anna.Send("call.leave", nil)
	anna.wrapped(t, call)
	phoneHears(t, "the agent has left", p.voice, map[float64]bool{agentHz: false, benHz: true})
	ben.Wait("call", "id", call, "state", "talking", "roster", "")
	p.hangUp()
	row := o.ended(t, "+49305325")
	if got, want := transfersOf(row), "Anna Agent attended agent Ben Agent done, Anna Agent attended outside +49305404 joined"; got != want {
		t.Errorf("transfers %s", got)
	}
	oneRecording(t, o.app, row, customerHz, agentHz, benHz, outsideHz)
	ben.wrapped(t, call)
	o.from.free()
}

// party is the id of a party whom Anna's page shows.
func (o *office) party(t testing.TB, call, party string) string {
	t.Helper()
	var id string
	within(t, patient, party+" in the roster", func() bool {
		row := o.row(t, call)
		at := slices.IndexFunc(row.Legs, func(l calls.LegRecord) bool { return l.Party == party && l.EndedAt == nil })
		if at >= 0 {
			id = row.Legs[at].ID.String()
		}
		return at >= 0
	})
	return id
}

// row is a call as the API shows it.
func (o *office) row(t testing.TB, call string) calls.CallRow {
	t.Helper()
	return ask[calls.CallRow](o.client(t), "GET", "/api/v1/calls/"+call, nil)
}

// Sixteen are the most; the last to come is refused, and who is left when the agent has gone talks on until the customer hangs up.
func TestConferenceOfSixteen(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5315", "5316")
	anna := o.anna
	p, call := o.talk(t, "+49305326")
	loud, quiet := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	var outside []*siptest.Call
	for i := range calls.MaxParties - 2 {
		anna.Send("call.add", map[string]any{"number": "+49305405"})
		anna.Wait("call", "id", call, "transfer.state", "asked")
		anna.Forget() // of how the one before came
		out := o.network.Answer()
		if i == 0 {
			answerAs(out, loud, outsideHz)
		} else {
			answerAs(out, quiet, 0)
		}
		anna.Wait("call", "id", call, "transfer.state", "here")
		outside = append(outside, out)
	}
	anna.Send("call.add", map[string]any{"number": "+49305405"})
	anna.Wait("call", "id", call, "transfer.state", "failed", "transfer.cause", "over_capacity")
	phoneHears(t, "sixteen", p.voice, map[float64]bool{agentHz: true, outsideHz: true})
	anna.Send("call.leave", nil)
	anna.wrapped(t, call)
	outside[0].Send("BYE", "", "")
	outside[0].Response(200)
	p.voice.WaitNoTone(agentHz, patient)
	within(t, patient, "the call to go on with the others", func() bool {
		row := o.row(t, call)
		return row.EndedAt == nil && row.Legs[2].EndedAt != nil
	})
	p.hangUp()
	for _, out := range outside[1:] {
		out.Reply(out.Request("BYE"), 200, "OK", "")
	}
	if row := o.ended(t, "+49305326"); len(row.Legs) != calls.MaxParties || row.Reason != calls.ReasonCallerHungUp {
		t.Errorf("%d legs, ended as %s", len(row.Legs), row.Reason)
	}
	o.from.free()
}

// Whatever is done with a call, and at whatever point the agent's page is loaded again: it is one recording, as long as the talk, with the
// customer on one side and all who talked with them on the other.
func TestHoldAndRecovery(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5317", "5318")
	anna, ben := o.anna, o.ben
	held := func(t *testing.T, call string) {
		t.Helper()
		anna.Wait("call", "id", call, "state", "held")
	}
	for n, tt := range []struct {
		name string
		do   func(t *testing.T, p *caller, call string)
		who  []float64 // is on the agents' side
		last *seat     // has the customer in the end
	}{
		{"talking", func(t *testing.T, _ *caller, _ string) { anna.reload(t, agentHz) }, []float64{agentHz}, anna},
		{"held", func(t *testing.T, p *caller, call string) {
			anna.Send("call.hold", nil)
			held(t, call)
			anna.reload(t, agentHz)
			phoneHears(t, "held still", p.voice, map[float64]bool{agentHz: false})
			anna.Send("call.resume", nil)
		}, []float64{agentHz}, anna},
		{"it rings at the consulted party", func(t *testing.T, _ *caller, call string) {
			anna.Send("call.consult", map[string]any{"agent": o.to.two})
			offer := ben.rings()
			anna.Wait("call", "id", call, "transfer.state", "ringing")
			anna.reload(t, agentHz)
			ben.take(offer)
			anna.hears(t, "consulting after a reload", map[float64]bool{benHz: true})
			anna.Send("call.resume", nil)
			ben.Wait("call", "id", call, "state", "ended")
		}, []float64{agentHz}, anna},
		{"consulting, and back", func(t *testing.T, p *caller, call string) {
			o.consult(t, call)
			anna.reload(t, agentHz)
			anna.hears(t, "consulting after a reload", map[float64]bool{benHz: true, customerHz: false})
			phoneHears(t, "held still", p.voice, map[float64]bool{agentHz: false, benHz: false})
			anna.Send("call.resume", nil)
			ben.Wait("call", "id", call, "state", "ended")
		}, []float64{agentHz}, anna},
		{"consulting, and handed over", func(t *testing.T, _ *caller, call string) {
			o.consult(t, call)
			ben.reload(t, benHz)
			anna.hears(t, "the consulted party is back", map[float64]bool{benHz: true})
			anna.reload(t, agentHz)
			anna.Send("call.leave", nil)
			anna.wrapped(t, call)
			ben.reload(t, benHz)
		}, []float64{agentHz, benHz}, ben},
		{"conference, and handed over", func(t *testing.T, p *caller, call string) {
			o.consult(t, call)
			anna.Send("call.join", nil)
			phoneHears(t, "conference", p.voice, map[float64]bool{agentHz: true, benHz: true})
			anna.reload(t, agentHz)
			ben.reload(t, benHz)
			phoneHears(t, "conference after reloads", p.voice, map[float64]bool{agentHz: true, benHz: true})
			anna.Send("call.hold", nil)
			held(t, call)
			anna.reload(t, agentHz)
			ben.hears(t, "held after a reload", map[float64]bool{agentHz: true, customerHz: false})
			anna.Send("call.resume", nil)
			phoneHears(t, "conference again", p.voice, map[float64]bool{agentHz: true, benHz: true})
			anna.Send("call.leave", nil)
			anna.wrapped(t, call)
		}, []float64{agentHz, benHz}, ben},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user := "+4930533" + string(rune('0'+n))
			p, call := o.talk(t, user)
			tt.do(t, p, call)
			phoneHears(t, "in the end", p.voice, map[float64]bool{tt.who[len(tt.who)-1]: true})
			tt.last.hears(t, "in the end", map[float64]bool{customerHz: true})
			p.hangUp()
			tt.last.wrapped(t, call)
			oneRecording(t, o.app, o.ended(t, user), customerHz, tt.who...)
			o.from.free()
			within(t, patient, "both to be available", func() bool { return o.available(t, o.from.first) && o.available(t, o.from.two) })
		})
	}
}

// The agent's browser is lost for good: whom they consulted is let go, and the customer waits again; of a conference the others stay.
func TestConsultationLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5319", "5320", "TANDEM_CALLS_LOST_SECONDS=5")
	anna, ben := o.anna, o.ben
	p, call := o.talk(t, "+49305341")
	o.consult(t, call)
	ben.Forget()
	anna.Leave()
	ben.Wait("call", "id", call, "state", "ended")
	if err := o.queues.SetMembers(context.Background(), o.tenant, o.from.queue, []uuid.UUID{o.from.two}); err != nil {
		t.Fatal(err)
	}
	if got := ben.accept(); got != call {
		t.Fatalf("another call: %s", got)
	}
	phoneHears(t, "with the next agent", p.voice, map[float64]bool{benHz: true})

	out, far := o.lines(t, ben, call)
	ben.Leave()
	phoneHears(t, "the others stay", p.voice, map[float64]bool{outsideHz: true, benHz: false})
	far.WaitTone(customerHz, patient)
	within(t, patient, "the party outside in the agent's place", func() bool { return strings.HasSuffix(transfersOf(o.row(t, call)), "+49305406 done") })
	out.Send("BYE", "", "")
	out.Response(200)
	p.hungUp()
	row := o.ended(t, "+49305341")
	if row.Reason != calls.ReasonFarEndHungUp {
		t.Errorf("ended as %s", row.Reason)
	}
	oneRecording(t, o.app, row, customerHz, agentHz, benHz, outsideHz)
}

// lines adds somebody outside to an agent's call.
func (o *office) lines(t *testing.T, s *seat, call string) (*siptest.Call, *siptest.Voice) {
	t.Helper()
	s.Send("call.add", map[string]any{"number": "+49305406"})
	out, far := o.network.Answer(), siptest.NewVoice(t, codec.PCMU)
	answerAs(out, far, outsideHz)
	s.Wait("call", "id", call, "transfer.state", "here")
	return out, far
}

// The audio of whom an agent asked in is lost for good: they leave, the others stay; where nobody else is left to talk with the customer, they wait again.
func TestGuestLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5327", "5328", "TANDEM_CALLS_LOST_SECONDS=5")
	anna, ben := o.anna, o.ben
	notes := o.followAll(t)
	p, call := o.talk(t, "+49305351")
	again := func() {
		t.Helper()
		ben.reload(t, benHz)
		o.benIs(t, queues.Available)
	}
	o.consult(t, call)
	ben.RTC.Close()
	anna.Wait("call", "id", call, "state", "held", "transfer.state", "failed", "transfer.cause", "media_lost", "roster", "")
	notes.await(t, "call.party_left")
	ben.Wait("call", "id", call, "state", "ended")
	anna.Send("call.resume", nil)
	phoneHears(t, "the consulted party is lost", p.voice, map[float64]bool{agentHz: true})

	join := func() {
		t.Helper()
		again()
		o.consult(t, call)
		anna.Send("call.join", nil)
		phoneHears(t, "conference", p.voice, map[float64]bool{agentHz: true, benHz: true})
		ben.RTC.Close()
	}
	join()
	anna.Wait("call", "id", call, "state", "talking", "roster", "")
	phoneHears(t, "the others stay", p.voice, map[float64]bool{agentHz: true, benHz: false})
	ben.wrapped(t, call)

	join()
	anna.Send("call.leave", nil)
	anna.wrapped(t, call)
	anna.Forget()
	if got := anna.accept(); got != call {
		t.Fatalf("another call: %s", got)
	}
	phoneHears(t, "with an agent again", p.voice, map[float64]bool{agentHz: true})
	p.hangUp()
	row := o.ended(t, "+49305351")
	for _, l := range row.Legs[2:4] {
		if l.Cause != calls.CauseMediaLost {
			t.Errorf("a guest whose page is lost ended as %s", l.Cause)
		}
	}
	if row.Reason != calls.ReasonCallerHungUp || row.AgentName != "Anna Agent" {
		t.Errorf("ended as %s with %s", row.Reason, row.AgentName)
	}
	oneRecording(t, o.app, row, customerHz, agentHz, benHz)
	anna.wrapped(t, call)
}
