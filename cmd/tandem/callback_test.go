package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// calledBack are settings of a queue that offers callbacks at once, and nothing else.
func calledBack() queues.OwnSettings {
	return queues.OwnSettings{
		Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, Countdown: new(false), Record: new(queues.RecordYes),
		WrapUp:   &queues.WrapUpRule{Mode: queues.WrapUpOptional},
		Callback: &queues.CallbackRule{Offer: true, Key: "7", Attempts: 2, RetrySeconds: 0, RingSeconds: 20},
	}
}

// carrier makes a phone the demo's way to the telephone network.
func carrier(t testing.TB, trunks *sip.Directory, tenant uuid.UUID) *siptest.Phone {
	t.Helper()
	ctx := context.Background()
	phone := siptest.New(t, "carrier")
	all, err := trunks.Trunks(ctx, tenant)
	if err == nil {
		all[0].Outbound, all[0].CallerID = phone.Addr(), "+4930100"
		_, err = trunks.PutTrunk(ctx, tenant, all[0], sip.Passwords{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return phone
}

// patient is for machines with much else to do: sentences are spoken meanwhile.
const patient = 90 * time.Second

// rung waits for a call to a phone.
func rung(t testing.TB, phone *siptest.Phone) *siptest.Call {
	t.Helper()
	in := phone.TryAnswer(patient)
	if in == nil {
		t.Fatalf("nobody calls %s", phone.User)
	}
	return in
}

// goodbye answers the BYE that comes once the last sentence is over.
func goodbye(t testing.TB, c *siptest.Call) {
	t.Helper()
	within(t, patient, "the BYE", func() bool {
		req, ok := c.TryNext(100 * time.Millisecond).(*gosip.Request)
		if ok && req.Method == gosip.BYE {
			c.Reply(req, 200, "OK", "")
			return true
		}
		return false
	})
}

// answerAs answers a call with a voice that speaks a tone.
func answerAs(in *siptest.Call, voice *siptest.Voice, hz float64) {
	in.Reply(in.Invite, 200, "OK", in.Phone.SDP(voice.Port(), "", "0"))
	in.Request("ACK")
	voice.Send(string(in.Invite.Body()), hz)
}

// asksForCallback calls, presses the key, confirms the own number and hears goodbye.
func asksForCallback(t *testing.T, server, user, number string) {
	t.Helper()
	phone, voice := siptest.New(t, user), siptest.NewVoice(t, codec.PCMU)
	c := phone.Invite(server, number, phone.SDP(voice.Port(), "", "0"))
	voice.Send(string(c.Response(200).Body()), 0)
	c.Ack("")
	pressed(c, "7")
	pressed(c, "1")
	goodbye(t, c)
}

// A caller who has waited asks for a callback and hangs up. Somebody else comes later. When an agent is there, they are rung for the callback
// first, and then the customer, by the trunk; the two talk, and all of it is one recorded call with a ticket.
func TestCallback(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	network := carrier(t, a.trunks, a.tenant)
	agentPhone := siptest.New(t, "agent")
	queue, agent := a.queueWith(t, "Back", "5301", "sip:agent@"+agentPhone.Addr(), calledBack())
	if err := a.queues.SetMembers(ctx, a.tenant, queue, nil); err != nil {
		t.Fatal(err)
	}
	asksForCallback(t, a.sipAddr(), "+49305301", "5301")
	first := a.ended(t, "+49305301")
	if first.Reason != calls.ReasonCallback || first.Callback == nil || first.QueuedAt == nil {
		t.Fatalf("the first call: %s, callback %v", first.Reason, first.Callback)
	}
	later := a.hear(t, "+49305302", "5301")
	within(t, patient, "both in the queue", func() bool {
		page, err := a.queues.Queued(ctx, a.tenant, queues.QueuedFilter{Queue: queue})
		return err == nil && len(page.Items) == 2 && page.Items[0].Kind == queues.CallBack && !page.Items[0].EnqueuedAt.After(*first.QueuedAt)
	})
	if err := a.queues.SetMembers(ctx, a.tenant, queue, []uuid.UUID{agent}); err != nil {
		t.Fatal(err)
	}

	ear, line := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	in := rung(t, agentPhone)
	answerAs(in, ear, agentHz)
	out := rung(t, network)
	if to, from := out.Invite.Recipient.User, out.Invite.From().Address.User; to != "+49305301" || from != "+4930100" {
		t.Errorf("the network is asked for %q by %q", to, from)
	}
	out.Reply(out.Invite, 180, "Ringing", "")
	ear.WaitTone(480, patient) // ringback, its upper tone
	answerAs(out, line, customerHz)
	line.WaitTone(agentHz, patient)
	ear.WaitTone(customerHz, patient)
	cb, err := a.queues.Callback(ctx, a.tenant, *first.Callback)
	if err != nil || cb.State != queues.CallbackDone {
		t.Errorf("in the talk the callback is %s (%v)", cb.State, err)
	}
	out.Send("BYE", "", "")
	out.Response(200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	row := a.callOf(t, *cb.Call)
	if row.Direction != calls.Outbound || row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || row.Agent == nil || *row.Agent != agent || row.WaitSeconds <= 0 {
		t.Errorf("the call back: %s %s, recording %v, agent %v, waited %.1f s", row.Direction, row.Reason, row.Recording, row.Agent, row.WaitSeconds)
	}
	within(t, patient, "wrap-up", func() bool {
		v, err := a.queues.Agent(ctx, a.tenant, agent)
		return err == nil && v.State == queues.WrapUp
	})
	a.destroyed(t, row.ID)
	if files := a.client(t).files(row.ID); len(files) != 1 {
		t.Errorf("%d files on the ticket of the call back", len(files))
	}
	later.Send("BYE", "", "")
	later.Response(200)
}

// callOf waits for the end of a call.
func (a *app) callOf(t testing.TB, id uuid.UUID) (row calls.CallRow) {
	t.Helper()
	within(t, patient, "the call's record", func() bool {
		var err error
		row, err = a.board.Get(context.Background(), a.tenant, id)
		return err == nil && row.EndedAt != nil
	})
	return row
}

// A customer who does not answer is called again, and then given up; the agent has wrap-up after each attempt.
func TestCallbackUnanswered(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	network := carrier(t, a.trunks, a.tenant)
	agentPhone := siptest.New(t, "agent")
	set := calledBack()
	set.WrapUp = &queues.WrapUpRule{Mode: queues.WrapUpTimed, MaxSeconds: 1}
	queue, _ := a.queueWith(t, "Back", "5303", "sip:agent@"+agentPhone.Addr(), set)
	c := ask[queues.Callback](a.client(t), "POST", "/api/v1/callbacks", map[string]any{"queue_id": queue, "number": "+49 30 5303"})
	for range 2 {
		ear := siptest.NewVoice(t, codec.PCMU)
		in := rung(t, agentPhone)
		answerAs(in, ear, agentHz)
		out := rung(t, network)
		out.Reply(out.Invite, 486, "Busy Here", "")
		out.Request("ACK")
		in.Reply(in.Request("BYE"), 200, "OK", "")
	}
	within(t, patient, "the end of trying", func() bool {
		got, err := a.queues.Callback(ctx, a.tenant, c.ID)
		return err == nil && got.State == queues.CallbackGivenUp && got.Attempts == 2
	})
	if n := count(t, a.db, `SELECT count(*) FROM events WHERE subject = $1 AND type IN ('callback.requested', 'callback.missed', 'callback.given_up')`, c.ID); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

// kill -9 while somebody waits for a callback: the next start goes on where it was, once.
func TestCallbackSurvivesACrash(t *testing.T) {
	t.Parallel()
	url, dir := storagetest.NewURL(t), t.TempDir()
	p := run(t, url, dir)
	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Config{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	log := slog.New(slog.DiscardHandler)
	bus, err := events.NewBus(events.BusConfig{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	desk := queues.New(db, events.NewLog(bus), bus, log, prometheus.NewRegistry(), "test")
	network, agentPhone := siptest.New(t, "carrier"), siptest.New(t, "agent")
	trunk := ask[list[sip.Trunk]](p.client, "GET", "/api/v1/trunks", nil).Items[0]
	ask[sip.Trunk](p.client, "PUT", "/api/v1/trunks/"+trunk.ID.String(), map[string]any{
		"name": trunk.Name, "networks": trunk.Networks, "trusted": true, "enabled": true, "outbound": network.Addr(),
	})
	q := ask[queues.Queue](p.client, "POST", "/api/v1/queues", map[string]any{"name": "Back", "settings": calledBack()})
	ask[calls.Number](p.client, "POST", "/api/v1/numbers", map[string]any{"number": "5304", "kind": "queue", "queue_id": q.ID})
	asksForCallback(t, p.sip, "+49305304", "5304")
	var c queues.Callback
	within(t, patient, "the callback", func() bool {
		all := ask[list[queues.Callback]](p.client, "GET", "/api/v1/callbacks?open=true", nil).Items
		if len(all) == 1 {
			c = all[0]
		}
		return len(all) == 1
	})
	p.kill()

	p = run(t, url, dir)
	var tenant uuid.UUID
	if err := db.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT tenant_id FROM queue_callbacks WHERE callback_id = $1`, c.ID).Scan(&tenant)
	}); err != nil {
		t.Fatal(err)
	}
	agent := uuid.New()
	if err := desk.PutAgent(ctx, tenant, queues.Agent{ID: agent, Name: "Agent", Device: "sip:agent@" + agentPhone.Addr(), AlwaysAvailable: true}); err != nil {
		t.Fatal(err)
	}
	if err := desk.SetMembers(ctx, tenant, q.ID, []uuid.UUID{agent}); err != nil {
		t.Fatal(err)
	}
	ear, line := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	in := rung(t, agentPhone)
	answerAs(in, ear, agentHz)
	out := rung(t, network)
	answerAs(out, line, customerHz)
	ear.WaitTone(customerHz, patient)
	after := ask[queues.Callback](p.client, "GET", "/api/v1/callbacks/"+c.ID.String(), nil)
	if after.State != queues.CallbackDone || !after.EnqueuedAt.Equal(c.EnqueuedAt) {
		t.Errorf("after the crash %+v, before %+v", after, c)
	}
	in.Send("BYE", "", "")
	in.Response(200)
	out.Reply(out.Request("BYE"), 200, "OK", "")
	if !network.Quiet(2 * time.Second) {
		t.Error("the customer is called twice")
	}
}

// A scheduled call becomes a callback at its time; its customer has booked it without signing in.
func TestScheduledCall(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	network := carrier(t, a.trunks, a.tenant)
	agentPhone := siptest.New(t, "agent")
	set := calledBack()
	set.Schedule = &queues.ScheduleRule{On: true, SlotMinutes: 15, Capacity: 1, DaysAhead: 2, Priority: 50}
	a.queueWith(t, "Slots", "5305", "sip:agent@"+agentPhone.Addr(), set)
	c := a.client(t)
	slots := ask[list[queues.Slot]](c, "GET", "/api/v1/customer/slots?number=5305", nil).Items
	if len(slots) < 100 {
		t.Fatalf("%d slots", len(slots))
	}
	book := map[string]any{"to": "5305", "number": "+49305305", "name": "Ada", "slot": slots[2].At}
	booked := ask[struct {
		Token string
		At    time.Time
	}](c, "POST", "/api/v1/customer/callbacks", book)
	book["number"] = "+49305306"
	if status, b := c.do("POST", "/api/v1/customer/callbacks", book); status != 409 {
		t.Errorf("a full slot: %d %s", status, b)
	}
	if status, b := c.do("PUT", "/api/v1/customer/callback", map[string]any{"slot": slots[3].At}, "Callback-Token", booked.Token); status != 200 {
		t.Errorf("move: %d %s", status, b)
	}
	if status, _ := c.do("GET", "/api/v1/customer/callback", nil, "Callback-Token", "wrong"); status != 404 {
		t.Errorf("a wrong token: %d", status)
	}
	if err := a.db.Tenant(ctx, a.tenant, func(tx *storage.Tx) error { // its time comes
		_, err := tx.Exec(ctx, `UPDATE queue_callbacks SET not_before = $1`, tx.Now)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ear, line := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	in := rung(t, agentPhone)
	answerAs(in, ear, agentHz)
	out := rung(t, network)
	if to := out.Invite.Recipient.User; to != "+49305305" {
		t.Errorf("%q is called", to)
	}
	answerAs(out, line, customerHz)
	ear.WaitTone(customerHz, patient)
	if status, b := c.do("DELETE", "/api/v1/customer/callback", nil, "Callback-Token", booked.Token); status != 409 {
		t.Errorf("cancelled in the talk: %d %s", status, b)
	}
	in.Send("BYE", "", "")
	in.Response(200)
	out.Reply(out.Request("BYE"), 200, "OK", "")
}
