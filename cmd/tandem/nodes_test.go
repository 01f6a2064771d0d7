package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// cluster is two nodes on one database, as processes of their own. What they find is made before they start.
func cluster(t *testing.T, fill func(a *app)) (one, two *process) {
	t.Helper()
	database, dir := storagetest.NewURL(t), t.TempDir()
	blobs := "TANDEM_BLOB_URL=file://" + filepath.Join(dir, "blobs")
	a, stop := startStoppable(t, database, filepath.Join(dir, "one"), blobs)
	fill(a)
	stop()
	buses := [2]string{freeAddr(t, "tcp"), freeAddr(t, "tcp")}
	node := func(n int, name string) *process {
		p := run(t, database, filepath.Join(dir, name), blobs, "TANDEM_NODE_NAME="+name, "TANDEM_KEYS_MASTER="+filepath.Join(dir, "one", "keys", "master"),
			"TANDEM_BUS_LISTEN="+buses[n], "TANDEM_BUS_ROUTES=nats-route://"+buses[1-n])
		p.node = name
		return p
	}
	return node(0, "one"), node(1, "two")
}

// callAt lets a customer call a queue at a server. Their telephone has no telephone-events unless they are among more.
func callAt(t testing.TB, server, user, number string, more ...string) *caller {
	t.Helper()
	p := &caller{phone: siptest.New(t, user), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(server, number, p.phone.SDP(p.voice.Port(), "", append([]string{"0"}, more...)...))
	p.voice.Send(string(p.call.Response(200).Body()), customerHz)
	p.call.Ack("")
	return p
}

// town is a cluster with agents, and a carrier.
type town struct {
	t        *testing.T // whose end people leave at
	one, two *process
	network  *siptest.Phone
	out      uuid.UUID // a queue on whose behalf Phone 8001 calls
	phone    uuid.UUID // that agent
	ben      uuid.UUID
	anna     *seat // at one
}

func newTown(t *testing.T) *town {
	t.Helper()
	o := &town{t: t}
	o.one, o.two = cluster(t, func(a *app) {
		ctx := context.Background()
		o.network = carrier(t, a.trunks, a.tenant)
		a.servesOnly(t, "Anna Agent", "5801")
		a.servesOnly(t, "Ben Agent", "5802")
		set := callingOut("")
		set.WrapUp = &queues.WrapUpRule{Mode: queues.WrapUpNone}
		o.out, _ = a.queueWith(t, "Calls", "5803", "phone:8001", set)
		o.phone, o.ben = a.agentNamed(t, "Phone 8001"), a.agentNamed(t, "Ben Agent")
		err := a.queues.SetMembers(ctx, a.tenant, o.out, []uuid.UUID{o.phone})
		if err == nil {
			err = a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return o
}

// ended waits for the record of a caller's newest call.
func (o *town) ended(t testing.TB, caller string) (row calls.CallRow) {
	t.Helper()
	within(t, patient, "the record of "+caller, func() bool {
		for _, row = range ask[list[calls.CallRow]](o.one.client, "GET", "/api/v1/calls", nil).Items {
			if row.Caller.Number == caller && row.EndedAt != nil {
				return true
			}
		}
		return false
	})
	return row
}

// Whichever node a call is at, and whichever an agent is at: they talk, and the agent's page does all that it does for a call of its own node.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	o := newTown(t)
	t.Run("a telephone", o.telephone)
	t.Run("the trace", o.trace)
	if t.Run("a page", o.page) {
		t.Run("a node dies", o.dies)
	}
}

// telephone registers at one node, and is rung for calls that come to the other, or are ordered at either.
func (o *town) telephone(t *testing.T) {
	phone := siptest.New(t, "8001")
	register(t, phone, o.one.sip)
	talkWith(t, phone, o.two.sip).hangUp()
	for n, node := range []*process{o.one, o.two} {
		within(t, patient, "a free agent", func() bool {
			status, _ := node.do("POST", "/api/v1/calls", map[string]any{"queue_id": o.out, "agent_id": o.phone, "number": fmt.Sprintf("+493058030%d", n)})
			return status == 200
		})
		in, ear, line := rung(t, phone), siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
		answerAs(in, ear, agentHz)
		out := rung(t, o.network)
		answerAs(out, line, customerHz)
		line.WaitTone(agentHz, patient)
		ear.WaitTone(customerHz, patient)
		out.Send("BYE", "", "")
		out.Response(200)
		in.Reply(in.Request("BYE"), 200, "OK", "")
	}
}

// trace is switched on at one node, and shows at both what either carries.
func (o *town) trace(t *testing.T) {
	type kept struct {
		Until   *time.Time
		Dialogs []sip.TracedDialog
	}
	ask[kept](o.one.client, "PUT", "/api/v1/sip-trace", map[string]int{"minutes": 5})
	defer ask[kept](o.two.client, "PUT", "/api/v1/sip-trace", map[string]int{"minutes": 0})
	for _, carrier := range []*process{o.one, o.two} {
		within(t, patient, "a call of each node at both", func() bool {
			c := siptest.New(t, "+49305804").Invite(carrier.sip, "no-such-number", "")
			c.AckRefusal(c.Response())
			for _, asked := range []*process{o.one, o.two} {
				shown := ask[kept](asked.client, "GET", "/api/v1/sip-trace", nil).Dialogs
				if !slices.ContainsFunc(shown, func(d sip.TracedDialog) bool { return d.ID == c.CallID && d.Status != 0 && d.Node == carrier.node }) {
					return false
				}
			}
			return true
		})
	}
}

// page is at one node, its calls at the other.
func (o *town) page(t *testing.T) {
	anna, ben := sit(o.t, o.one.base, "agent1@demo.test"), sit(o.t, o.two.base, "agent2@demo.test")
	anna.RTC.Say(agentHz)
	ben.RTC.Say(benHz)
	anna.available()
	ben.available()
	p := callAt(t, o.two.sip, "+49305805", "5801", "101 telephone-event/8000")
	call := anna.accept()
	p.voice.WaitTone(agentHz, patient)
	anna.hears(t, "talking", map[float64]bool{customerHz: true})
	anna.Send("call.mute", map[string]bool{"muted": true})
	p.voice.WaitNoTone(agentHz, patient)
	anna.Send("call.mute", map[string]bool{"muted": false})
	anna.Send("call.digit", map[string]string{"digit": "5"})
	within(t, patient, "the agent's key at the caller's telephone", func() bool { return p.voice.Events() > 0 })
	anna.Send("call.hold", nil)
	anna.Wait("call", "id", call, "state", "held")
	phoneHears(t, "held", p.voice, map[float64]bool{agentHz: false})
	anna.Send("call.resume", nil)
	anna.Wait("call", "id", call, "state", "talking")
	phoneHears(t, "resumed", p.voice, map[float64]bool{agentHz: true})

	anna.presses(t, call, o)
	anna.Send("call.consult", map[string]any{"agent": o.ben})
	if got := ben.accept(); got != call {
		t.Fatalf("another call: %s", got)
	}
	anna.Wait("call", "id", call, "state", "held", "roster.leads", "true")
	anna.hears(t, "consulting", map[float64]bool{benHz: true, customerHz: false})
	anna.Send("call.leave", nil)
	anna.Wait("call", "id", call, "transfer.state", "done", "transfer.name", "Ben Agent")
	anna.wrapped(t, call)
	phoneHears(t, "handed over", p.voice, map[float64]bool{agentHz: false, benHz: true})
	ben.Send("call.hangup", nil)
	p.hungUp()
	if row := o.ended(t, "+49305805"); row.Reason != calls.ReasonAgentHungUp || transfersOf(row) != "Anna Agent attended agent Phone 8001 cancelled, Anna Agent attended agent Ben Agent done" {
		t.Errorf("ended as %s, transfers %s", row.Reason, transfersOf(row))
	}
	ben.wrapped(t, call)
	o.anna = anna
}

// presses a key at an agent's telephone that they consult. It takes keys by INFO alone.
func (s *seat) presses(t *testing.T, call string, o *town) {
	t.Helper()
	phone := siptest.New(t, "8001")
	register(t, phone, o.one.sip)
	s.Send("call.consult", map[string]any{"agent": o.phone})
	in := rung(t, phone)
	in.Reply(in.Invite, 200, "OK", phone.SDP(siptest.NewVoice(t, codec.PCMU).Port(), "", "0"), "Allow: INVITE, ACK, BYE, CANCEL, INFO")
	in.Request("ACK")
	s.Wait("call", "id", call, "transfer.state", "here")
	s.Send("call.digit", map[string]string{"digit": "7"})
	key := in.Request("INFO")
	in.Reply(key, 200, "OK", "")
	if body := string(key.Body()); !strings.HasPrefix(body, "Signal=7\r\n") {
		t.Errorf("the telephone got %q", body)
	}
	s.Send("call.resume", nil)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	s.Wait("call", "id", call, "state", "talking")
}

// dies kills the node of a call; the page of its agent, at the other, is free again.
func (o *town) dies(t *testing.T) {
	anna := o.anna
	anna.Forget()
	p := callAt(t, o.two.sip, "+49305806", "5801")
	call := anna.accept()
	p.voice.WaitTone(agentHz, patient)
	o.two.kill()
	within(t, patient, "the end of the call", func() bool { return anna.Has("call", "id", call, "state", "wrap_up") })
	anna.wrapped(t, call)
	anna.Forget()
	p = callAt(t, o.one.sip, "+49305807", "5801")
	anna.accept()
	p.voice.WaitTone(agentHz, patient)
	p.hangUp()
}
