package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// phoneAccount makes an account for the telephone of an agent.
func (a *app) phoneAccount(t testing.TB, extension string, agent uuid.UUID) sip.PhoneAccount {
	t.Helper()
	ctx := context.Background()
	account := sip.PhoneAccount{Username: extension, Secret: "of-the-desk"}
	err := a.db.Tenant(ctx, a.tenant, func(tx *storage.Tx) error { return a.trunks.PutPhone(ctx, tx, extension, agent, account.Secret) })
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// registered waits until a telephone is there.
func (a *app) registered(t testing.TB, name string) {
	t.Helper()
	within(t, patient, "a telephone that registers", func() bool {
		at, err := a.trunks.Registered(context.Background(), a.tenant, name)
		return err == nil && len(at) > 0
	})
}

// telephone registers the telephone of an agent.
func (a *app) telephone(t testing.TB, extension string, agent uuid.UUID) *siptest.Phone {
	t.Helper()
	account, p := a.phoneAccount(t, extension, agent), siptest.New(t, extension)
	signOn(p, a.sipAddr(), extension, account.Secret, "120")
	return p
}

// atOnce are settings of a queue whose agent and caller talk as soon as the agent has answered, and whose agent is free as soon as they have ended.
func atOnce() queues.OwnSettings {
	return queues.OwnSettings{
		Countdown: new(false), Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone},
	}
}

// refer asks for a transfer.
func refer(c *siptest.Call, number string) {
	c.Send("REFER", "", "", "Refer-To: <sip:"+number+"@tandem>")
	c.Response(202)
}

// told waits until a NOTIFY says how a transfer goes.
func told(t testing.TB, c *siptest.Call, status int) {
	t.Helper()
	for {
		n := c.Request("NOTIFY")
		c.Reply(n, 200, "OK", "")
		if strings.HasPrefix(string(n.Body()), fmt.Sprintf("SIP/2.0 %d ", status)) {
			return
		}
	}
}

// An agent's telephone transfers by REFER: what fails leaves the call as it was, what succeeds takes the agent out of it, and the
// recording goes on.
func TestTransferByTelephone(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	_, agent := a.queueWith(t, "Transfers", "5201", "phone:9201", atOnce())
	network := carrier(t, a.trunks, a.tenant)
	if err := a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10}); err != nil {
		t.Fatal(err)
	}
	desk := a.telephone(t, "9201", agent)
	far := siptest.New(t, "far")
	for number, n := range map[string]calls.Number{"5202": {Kind: calls.EntryAddress, Address: "sip:far@" + far.Addr()}, "5203": {Kind: calls.EntryEcho}} {
		n.Number = number
		if _, err := a.numbers.Put(ctx, a.tenant, n); err != nil {
			t.Fatal(err)
		}
	}
	const farHz = 900
	deskVoice, farVoice := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	connect := func(user string) (p *caller, d *siptest.Call) {
		t.Helper()
		p = callAt(t, a.sipAddr(), user, "5201")
		d = desk.Answer()
		answerAs(d, deskVoice, agentHz)
		p.voice.WaitTone(agentHz, patient)
		return p, d
	}

	p, d := connect("+49305211")
	refer(d, "+88213000001")
	told(t, d, 403) // where the outbound rules let nobody call
	refer(d, "+49305401")
	outside := network.Answer()
	if outside.Invite.GetHeader("Referred-By") != nil {
		t.Error("the carrier learns who transfers")
	}
	outside.Reply(outside.Invite, 480, "Not Here", "")
	told(t, d, 480)
	refer(d, "5202")
	busy := far.Answer()
	busy.Reply(busy.Invite, 486, "Busy Here", "")
	told(t, d, 486)
	p.voice.Forget()
	p.voice.WaitTone(agentHz, patient)
	refer(d, "5202")
	out := far.Answer()
	if user := out.Invite.From().Address.User; user != "+49305211" {
		t.Errorf("the target sees caller %q", user)
	}
	if by := out.Invite.GetHeader("Referred-By"); by == nil || !strings.HasPrefix(by.Value(), "<sip:9201@") {
		t.Errorf("transferred by %v", by)
	}
	out.Reply(out.Invite, 180, "Ringing", "")
	told(t, d, 180)
	for range 2 { // one at a time
		refer(d, "5203")
		told(t, d, 603)
	}
	p.voice.Forget()
	p.voice.WaitTone(agentHz, patient) // the agent is there still
	answerAs(out, farVoice, farHz)
	told(t, d, 200)
	d.Reply(d.Request("BYE"), 200, "OK", "")
	p.voice.WaitTone(farHz, patient)
	farVoice.WaitTone(customerHz, patient)
	p.hangUp()
	out.Reply(out.Request("BYE"), 200, "OK", "")
	row := a.ended(t, "+49305211")
	var parties []string
	for _, l := range row.Legs {
		parties = append(parties, l.Party)
	}
	if got := strings.Join(parties, " "); got != "customer agent far_end far_end far_end" || row.Reason != calls.ReasonCallerHungUp || row.Recording == nil {
		t.Errorf("legs %s, ended as %s, recording %v", got, row.Reason, row.Recording)
	}

	// The agent hangs up behind the request; the caller hears it ring, and then the target.
	p, d = connect("+49305212")
	refer(d, "5202")
	out = far.Answer()
	d.Send("BYE", "", "")
	d.Response(200)
	p.voice.WaitNoTone(agentHz, patient)
	answerAs(out, farVoice, farHz)
	p.voice.WaitTone(farHz, patient)
	out.Send("BYE", "", "")
	out.Response(200)
	p.hungUp()
	if row := a.ended(t, "+49305212"); row.Reason != calls.ReasonFarEndHungUp {
		t.Errorf("ended as %s", row.Reason)
	}

	// To where nobody need answer: the agent is free at once.
	p, d = connect("+49305213")
	refer(d, "5203")
	told(t, d, 200)
	d.Reply(d.Request("BYE"), 200, "OK", "")
	p.voice.WaitTone(customerHz, patient)
	p.hangUp()
	a.ended(t, "+49305213")
	within(t, patient, "the agent to be idle", func() bool {
		v, err := a.queues.Agent(ctx, a.tenant, agent)
		return err == nil && v.State == queues.Idle
	})
}

// Clients of other makes transfer: baresip, an extension of a private exchange, by itself, which is told how it goes; linphonec, an agent's telephone, after
// it has asked the target. (baresip has no command for the latter.)
func TestTransferByClients(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	a := start(t, "TANDEM_SIP_UDP="+n.near+":0", "TANDEM_WEBRTC_UDP="+n.near+":0", "TANDEM_MEDIA_IP="+n.near)
	ctx := context.Background()
	far := siptest.New(t, "far")
	extension := fmt.Sprintf("%s:%d", n.there, 5070)
	all, err := a.trunks.Trunks(ctx, a.tenant)
	if err == nil {
		all[0].Outbound = "" // the demo's
		_, err = a.trunks.PutTrunk(ctx, a.tenant, all[0], sip.Passwords{})
	}
	if err == nil {
		exchange := sip.Trunk{Name: "exchange", Networks: []string{n.there + "/32"}, Outbound: extension, Trusted: true, Refer: true, Enabled: true}
		_, err = a.trunks.PutTrunk(ctx, a.tenant, exchange, sip.Passwords{})
	}
	if err == nil {
		err = a.trunks.Load(ctx)
	}
	if err == nil {
		err = a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Internal: 4})
	}
	for number, address := range map[string]string{"5205": "sip:7001@" + extension, "5207": "sip:far@" + far.Addr()} {
		if err == nil {
			_, err = a.numbers.Put(ctx, a.tenant, calls.Number{Number: number, Kind: calls.EntryAddress, Address: address})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	const farHz = 900
	farVoice := siptest.NewVoice(t, codec.PCMU)
	sentOn := func(p *caller, out *siptest.Call) {
		t.Helper()
		p.voice.WaitTone(farHz, patient)
		farVoice.WaitTone(customerHz, patient)
		p.hangUp()
		out.Reply(out.Request("BYE"), 200, "OK", "")
	}

	desk := n.baresip(t, softphone{user: "7001", codec: "pcmu/8000/1", port: 5070, hz: agentHz, params: ";answermode=auto", traced: true})
	desk.said.says(t, "baresip is ready")
	p := callAt(t, a.sipAddr(), "+49305215", "5205")
	p.voice.WaitTone(agentHz, patient)
	desk.command("/transfer sip:5207@tandem")
	out := far.Answer()
	out.Reply(out.Invite, 486, "Busy Here", "")
	desk.said.says(t, "transfer failed: 486 Busy Here") // as a NOTIFY says
	p.hangUp()
	a.ended(t, p.phone.User)
	p = callAt(t, a.sipAddr(), "+49305217", "5205")
	p.voice.WaitTone(agentHz, patient)
	desk.command("/transfer sip:5207@tandem")
	out = far.Answer()
	out.Reply(out.Invite, 180, "Ringing", "")
	answerAs(out, farVoice, farHz)
	desk.said.says(t, "\r\n\r\nSIP/2.0 200 OK") // the body of a NOTIFY
	sentOn(p, out)
	desk.quit()

	_, agent := a.queueWith(t, "Transfers", "5206", "phone:9206", atOnce())
	account := a.phoneAccount(t, "9206", agent)
	agents := n.linphone(t, softphone{port: 5072, hz: agentHz, account: &account, server: a.sipAddr()})
	a.registered(t, "9206")
	p = callAt(t, a.sipAddr(), "+49305216", "5206")
	p.voice.WaitTone(agentHz, patient)
	agents.command("pause")
	agents.command("call sip:5207@" + a.sipAddr())
	out = far.Answer()
	answerAs(out, farVoice, farHz)
	agents.said.says(t, "Media streams established with sip:5207@")
	agents.command("transfer 1 --to-call 2")
	sentOn(p, out)
	agents.quit()
}

// What the network says before the answer is heard by the caller of a bridged number.
func TestEarlyMediaIsHeard(t *testing.T) {
	t.Parallel()
	a := start(t)
	far := siptest.New(t, "far")
	if _, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5204", Kind: calls.EntryAddress, Address: "sip:far@" + far.Addr()}); err != nil {
		t.Fatal(err)
	}
	near, farVoice := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	phone := siptest.New(t, "+49305214")
	call := phone.Invite(a.sipAddr(), "5204", phone.SDP(near.Port(), "", "0"), "Supported: 100rel")
	out := far.Answer()
	out.Reply(out.Invite, 183, "Session Progress", far.SDP(farVoice.Port(), "", "0"))
	farVoice.Send(string(out.Invite.Body()), agentHz)
	early := call.Response(183)
	call.Send("PRACK", "", "", "RAck: "+early.GetHeader("RSeq").Value()+" 1 INVITE")
	call.Response(200)
	near.Send(string(early.Body()), customerHz)
	near.WaitTone(agentHz, patient)
	out.Reply(out.Invite, 404, "Not Found", "")
	call.AckRefusal(call.Response(480, 404))
}

// An agent at their page transfers: to a colleague, a queue, a number outside; what comes to nothing brings the caller back, to the agent or, where
// they have gone, to their queue with the priority of before. The recording is one.
func TestTransferFromThePage(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5301", "5302")
	a, anna, ben, from, to, network := o.app, o.anna, o.ben, o.from, o.to, o.network
	failed := func(call, cause string) {
		t.Helper()
		anna.Wait("call", "id", call, "state", "talking", "transfer.state", "failed", "transfer.cause", cause)
	}
	t.Run("to a colleague", func(t *testing.T) {
		p, call := o.talk(t, "+49305311")
		anna.Send("call.transfer", map[string]any{"agent": to.two})
		offer := ben.Wait("offer", "call", call, "card.transferred_by", "Anna Agent")
		ben.Send("offer.ack", map[string]string{"offer": offer.Get("offer")})
		anna.Wait("call", "id", call, "state", "held", "transfer.state", "ringing", "transfer.name", "Ben Agent")
		p.voice.WaitNoTone(agentHz, patient)
		ben.Send("offer.decline", map[string]string{"offer": offer.Get("offer")})
		failed(call, "declined")
		p.voice.Forget()
		p.voice.WaitTone(agentHz, patient)
		o.benIs(t, queues.Away)
		anna.Send("call.transfer", map[string]any{"agent": to.two})
		failed(call, "busy")
		o.benIs(t, queues.Available)

		anna.Send("call.transfer", map[string]any{"agent": to.two})
		offer = ben.Wait("offer", "call", call)
		ben.Send("offer.ack", map[string]string{"offer": offer.Get("offer")})
		anna.Wait("call", "id", call, "state", "held", "transfer.state", "ringing")
		anna.Send("call.resume", nil)
		failed(call, "cancelled")
		ben.Wait("offer.withdrawn", "offer", offer.Get("offer"))

		anna.Send("call.transfer", map[string]any{"agent": to.two})
		if got := ben.accept(); got != call {
			t.Fatalf("another call: %s", got)
		}
		anna.wrapped(t, call)
		p.voice.WaitTone(benHz, patient)
		ben.RTC.Await(customerHz)
		p.hangUp()
		row := a.ended(t, "+49305311")
		var results []string
		for _, tr := range row.Transfers {
			results = append(results, tr.ByName+" "+string(tr.Kind)+" "+tr.Name+" "+tr.Result)
		}
		want := "Anna Agent agent Ben Agent declined, Anna Agent agent Ben Agent busy, Anna Agent agent Ben Agent cancelled, Anna Agent agent Ben Agent done"
		if got := strings.Join(results, ", "); got != want {
			t.Errorf("transfers %s", got)
		}
		if row.AgentName != "Ben Agent" || row.Recording == nil {
			t.Errorf("agent %s, recording %v", row.AgentName, row.Recording)
		}
		oneRecording(t, a, row, customerHz, agentHz, benHz)
		ben.wrapped(t, call) // as the call's queue has it
		from.free()
	})

	t.Run("to a queue", func(t *testing.T) {
		p, call := o.talk(t, "+49305312")
		anna.Send("call.transfer", map[string]any{"queue": uuid.New()})
		anna.Wait("error", "code", "transfer_queue_closed")
		anna.Send("call.transfer", map[string]any{"queue": to.queue})
		offer := ben.Wait("offer", "call", call, "card.transferred_by", "Anna Agent")
		ben.Send("offer.ack", map[string]string{"offer": offer.Get("offer")}) // at once: a page that does not is no longer rung
		ben.Send("offer.accept", map[string]string{"offer": offer.Get("offer")})
		anna.wrapped(t, call)
		p.voice.WaitTone(benHz, patient)
		p.hangUp()
		row := a.ended(t, "+49305312")
		if row.Queue == nil || *row.Queue != to.queue || len(row.Transfers) != 1 || row.Transfers[0].Result != "done" || row.Recording == nil {
			t.Errorf("queue %v, transfers %+v, recording %v", row.Queue, row.Transfers, row.Recording)
		}
		from.free()
	})

	t.Run("to a number outside, and back to the queue", func(t *testing.T) {
		p, call := o.talk(t, "+49305313")
		anna.Send("call.transfer", map[string]any{"number": "+882 13 000001"})
		failed(call, "forbidden")
		anna.Send("call.transfer", map[string]any{"number": "+49 (30) 5402"})
		out := network.Answer()
		anna.Send("call.hangup", nil) // behind the request: the caller hears it ring
		anna.wrapped(t, call)
		out.Reply(out.Invite, 486, "Busy Here", "")
		out.Request("ACK")
		if again := anna.accept(); again != call {
			t.Fatalf("another call: %s", again)
		}
		p.voice.Forget()
		p.voice.WaitTone(agentHz, patient)
		anna.Send("call.transfer", map[string]any{"number": "+49305402"})
		out = network.Answer()
		far := siptest.NewVoice(t, codec.PCMU)
		answerAs(out, far, outsideHz)
		p.voice.WaitTone(outsideHz, patient)
		far.WaitTone(customerHz, patient)
		anna.wrapped(t, call)
		p.hangUp()
		out.Reply(out.Request("BYE"), 200, "OK", "")
		row := a.ended(t, "+49305313")
		if n := len(row.Transfers); n != 3 || row.Transfers[0].Result != "forbidden" || row.Transfers[1].Result != "busy" || row.Transfers[2].Result != "done" {
			t.Errorf("transfers %+v", row.Transfers)
		}
		from.free()
	})
}

// oneRecording checks that a call is one recording as long as the talk, with the customer on one side and every agent on the other.
func oneRecording(t *testing.T, a *app, row calls.CallRow, customer float64, agents ...float64) (left, right []int16) {
	t.Helper()
	a.destroyed(t, row.ID)
	files := a.client(t).files(row.ID)
	sides, format := joined(t, files, 1<<30)
	if len(sides) != 2 {
		t.Fatalf("%d sides", len(sides))
	}
	length := float64(len(sides[0])) / float64(format.Rate)
	if talked := row.EndedAt.Sub(*row.ConnectedAt).Seconds(); length < talked-1 || length > talked+1 {
		t.Errorf("%.1f s of recording for %.1f s from bridge to end", length, talked)
	}
	if level := siptest.Strength(sides[0], format.Rate, customer); level < 100 {
		t.Errorf("the customer is not on the left: %.0f", level)
	}
	for _, hz := range agents {
		if level := siptest.Strength(sides[1], format.Rate, hz); level < 50 {
			t.Errorf("the agent of %.0f Hz is not on the right: %.0f", hz, level)
		}
	}
	return sides[0], sides[1]
}
