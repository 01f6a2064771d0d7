package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
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
	benID    uuid.UUID
	ears     uuid.UUID // the role of ear@demo.test: to listen to all calls
	anna     *seat     // at one
	ben      *seat     // at two
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
		o.phone, o.benID = a.agentNamed(t, "Phone 8001"), a.agentNamed(t, "Ben Agent")
		o.ears = a.roleOf(t, auth.Permission{Verb: "monitor", Resource: "calls", Scope: auth.ScopeAll}, auth.Permission{Verb: "read", Resource: "calls", Scope: auth.ScopeAll})
		a.userWith(t, "ear@demo.test", o.ears)
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
		t.Run("lists", o.lists)
		t.Run("a supervisor", o.supervisor)
		t.Run("a listener without the right", o.listener)
		t.Run("a page at each", o.pages)
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
	o.anna, o.ben = anna, ben
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
	anna.Send("call.consult", map[string]any{"agent": o.benID})
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

// talks lets a customer call an agent at a node, up to the talk.
func (o *town) talks(t *testing.T, node *process, number string) (p *caller, agent *seat, call string) {
	t.Helper()
	agent, hz := o.anna, float64(agentHz)
	if number == "5802" {
		agent, hz = o.ben, benHz
	}
	agent.Forget()
	p = callAt(t, node.sip, "+49305809", number)
	call = agent.accept()
	p.voice.WaitTone(hz, patient)
	return p, agent, call
}

// lists shows the calls of both nodes at both, as they come and go.
func (o *town) lists(t *testing.T) {
	watchers := []*seat{sit(t, o.one.base, "supervisor@demo.test"), sit(t, o.two.base, "manager@demo.test")}
	for _, w := range watchers {
		w.Send("live.subscribe", map[string]string{"list": "calls"})
	}
	for _, node := range []*process{o.one, o.two} {
		p, anna, call := o.talks(t, node, "5801")
		for _, w := range watchers {
			within(t, patient, "a call of node "+node.node+" in the list", func() bool {
				return slices.ContainsFunc(w.Seen(), func(f string) bool {
					return strings.HasPrefix(f, "live ") && strings.Contains(f, `"call_id":"`+call+`"`)
				})
			})
		}
		p.hangUp()
		for _, w := range watchers {
			within(t, patient, "its end in the list", func() bool {
				return slices.ContainsFunc(w.Seen(), func(f string) bool {
					return strings.HasPrefix(f, "live ") && strings.Contains(f, `"removed":["`+call+`"`)
				})
			})
		}
		anna.wrapped(t, call)
	}
}

// supervisor is at one node and takes part in calls of the other, in all ways. The agent's page is beside the call, and then beside the supervisor.
func (o *town) supervisor(t *testing.T) {
	boss := sit(t, o.one.base, "supervisor@demo.test")
	boss.RTC.Say(supervisorHz)
	for number, hz := range map[string]float64{"5801": agentHz, "5802": benHz} {
		p, agent, call := o.talks(t, o.two, number)
		agent.hears(t, "alone", map[float64]bool{customerHz: true, supervisorHz: false})
		agent.Forget()
		agent.RTC.Forget()
		p.voice.Forget()
		boss.supervise("supervise.start", call, "monitor")
		boss.Wait("supervise", "call", call, "state", "on", "mode", "monitor")
		boss.hears(t, "monitor", map[float64]bool{customerHz: true, hz: true})
		hearMore(t, p.voice, 2*time.Second)
		unaware(t, p, agent)
		for _, node := range []*process{o.one, o.two} {
			if _, b := node.do("GET", "/api/v1/calls/"+call, nil); !strings.Contains(string(b), "Sam Supervisor") {
				t.Errorf("who listens is not seen at node %s: %s", node.node, b)
			}
		}
		boss.tries(t, call, p, agent, hz)
		boss.supervise("supervise.stop", call, "")
		boss.Wait("supervise", "call", call, "state", "ended", "cause", "stopped")
		phoneHears(t, "alone again", p.voice, map[float64]bool{hz: true, supervisorHz: false})
		audited(t, o.one.client, call, "call.supervision_ended", 1)

		boss.supervise("supervise.start", call, "monitor")
		boss.Wait("supervise", "call", call, "state", "on")
		if status, b := boss.do("DELETE", "/api/v1/calls/"+call+"/supervision", nil); status/100 != 2 {
			t.Errorf("the API stops no listening at another node: %d %s", status, b)
		}
		boss.Wait("supervise", "call", call, "state", "ended", "cause", "stopped")
		if status, b := boss.do("DELETE", "/api/v1/calls/"+call+"/supervision", nil); status != 409 || !strings.Contains(string(b), "not_supervised") {
			t.Errorf("nobody listens, and stops: %d %s", status, b)
		}
		if status, b := boss.do("POST", "/api/v1/calls/"+call+"/supervision", map[string]string{"mode": "coach"}); status != 200 {
			t.Errorf("the API begins no listening at another node: %d %s", status, b)
		}
		boss.Wait("supervise", "call", call, "state", "on", "mode", "coach")
		agent.hears(t, "coached", map[float64]bool{customerHz: true, supervisorHz: true})
		if number == "5802" {
			p.hangUp()
			boss.Wait("supervise", "call", call, "state", "ended", "cause", "call_ended")
		} else {
			boss.supervise("supervise.mode", call, "take_over")
			boss.Wait("supervise", "call", call, "state", "ended", "cause", "taken_over")
			boss.Wait("call", "id", call, "state", "talking")
			phoneHears(t, "taken over", p.voice, map[float64]bool{hz: false, supervisorHz: true})
			boss.hears(t, "taken over", map[float64]bool{customerHz: true, hz: false})
			boss.Send("call.hangup", nil)
			p.hungUp()
			boss.Wait("call", "id", call, "state", "ended")
		}
		agent.wrapped(t, call)
		if rows := audited(t, o.one.client, call, "call.supervised", 3); !strings.Contains(rows, "quality check") {
			t.Errorf("the audit rows have no reason: %s", rows)
		}
		audited(t, o.one.client, call, "call.supervision_ended", 3)
	}
}

// listener is at one node, listens at the other, and is cut off when they lose the right; a listener whose page goes is none any more.
func (o *town) listener(t *testing.T) {
	boss, ear := sit(t, o.one.base, "supervisor@demo.test"), sit(t, o.one.base, "ear@demo.test")
	p, agent, call := o.talks(t, o.two, "5802")
	o.anna.supervise("supervise.start", call, "monitor")
	if e := o.anna.Wait("error"); e.Get("code") != "forbidden" {
		t.Errorf("an agent who listens: %s", e.Data)
	}
	for _, s := range []*seat{boss, ear} {
		s.supervise("supervise.start", call, "monitor")
		s.Wait("supervise", "call", call, "state", "on")
		s.hears(t, "monitor", map[float64]bool{customerHz: true, benHz: true})
	}
	ear.supervise("supervise.mode", call, "barge")
	if e := ear.Wait("error"); e.Get("code") != "forbidden" {
		t.Errorf("barging in without the permission: %s", e.Data)
	}
	ask[auth.Role](o.two.client, "PUT", "/api/v1/roles/"+o.ears.String(), map[string]any{
		"name": "Listeners", "permissions": []map[string]string{{"verb": "read", "resource": "calls", "scope": "all"}},
	})
	ear.Wait("supervise", "call", call, "state", "ended", "cause", "forbidden")
	boss.Leave()
	audited(t, o.one.client, call, "call.supervision_ended", 2)
	p.hangUp()
	agent.wrapped(t, call)
}

// pages of one agent are at both nodes: the one opened last takes the place of the other, which keeps only a call that it has.
func (o *town) pages(t *testing.T) {
	first := o.anna
	o.anna = sit(o.t, o.two.base, "agent1@demo.test")
	first.Wait("error", "code", "session_taken")
	if code := first.Closed(); code != 4403 {
		t.Errorf("the page was closed with %d", code)
	}
	o.anna.RTC.Say(agentHz)
	o.anna.available()
	p, last, call := o.talks(t, o.one, "5801")
	o.anna = sit(o.t, o.one.base, "agent1@demo.test")
	o.anna.RTC.Say(agentHz)
	phoneHears(t, "with another page open", p.voice, map[float64]bool{agentHz: true})
	p.hangUp()
	last.Closed()
	o.anna.wrapped(t, call)
	o.anna.available()
}

// dies kills the node of a call; the pages of its agent and of who listens, at the other, are free again.
func (o *town) dies(t *testing.T) {
	_, anna, call := o.talks(t, o.two, "5801")
	boss := sit(t, o.one.base, "supervisor@demo.test")
	boss.supervise("supervise.start", call, "monitor")
	boss.Wait("supervise", "call", call, "state", "on")
	o.two.kill()
	within(t, patient, "the end of the call", func() bool { return anna.Has("call", "id", call, "state", "wrap_up") })
	boss.Wait("supervise", "call", call, "state", "ended", "cause", "lost")
	anna.wrapped(t, call)
	anna.Forget()
	p := callAt(t, o.one.sip, "+49305807", "5801")
	anna.accept()
	p.voice.WaitTone(agentHz, patient)
	p.hangUp()
}

// The node of a listener's page dies: their listening ends, and the call goes on.
func TestListenersNodeDies(t *testing.T) {
	t.Parallel()
	o := newTown(t)
	o.ben = sit(t, o.two.base, "agent2@demo.test")
	o.ben.RTC.Say(benHz)
	o.ben.available()
	p, _, call := o.talks(t, o.two, "5802")
	boss := sit(t, o.one.base, "supervisor@demo.test")
	boss.supervise("supervise.start", call, "barge")
	boss.Wait("supervise", "call", call, "state", "on")
	boss.hears(t, "listening", map[float64]bool{customerHz: true, benHz: true})
	o.one.kill()
	audited(t, o.two.client, call, "call.supervision_ended", 1)
	phoneHears(t, "the listener's node is dead", p.voice, map[float64]bool{benHz: true})
	p.hangUp()
	o.ben.wrapped(t, call)
}

// What another node asks of a supervision is judged where the call is, by the sign-in of who asks.
func TestOrdersOfOtherNodesAreJudged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := start(t)
	echo(t, a.sipAddr(), "+49305810")
	call := ask[list[calls.CallRow]](a.client(t), "GET", "/api/v1/calls?search=49305810", nil).Items[0].ID
	other, err := a.auth.AddTenant(ctx, "other", "Other", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	there := auth.With(ctx, auth.System(other))
	role, err := a.auth.SaveRole(there, auth.Role{Name: "Listeners", Permissions: auth.Permissions{{Verb: "monitor", Resource: "calls", Scope: auth.ScopeAll}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.auth.AddUser(there, auth.UserChange{Email: new("stranger@other.test"), Name: new("Stranger"), Password: new(demoPassword), Roles: &[]uuid.UUID{role.ID}}); err != nil {
		t.Fatal(err)
	}
	sessionOf := func(email string) uuid.UUID {
		s, err := a.auth.Login(ctx, auth.Login{Email: email, Password: demoPassword})
		if err != nil {
			t.Fatal(err)
		}
		return s.Actor.Session
	}
	agent, boss, admin, foreign := sessionOf("agent1@demo.test"), sessionOf("supervisor@demo.test"), sessionOf("admin@demo.test"), sessionOf("stranger@other.test")
	for _, row := range []struct {
		what            string
		do              string
		tenant, session uuid.UUID
		code            string
	}{
		{"nobody", "supervise", a.tenant, uuid.New(), "unauthorized"},
		{"an agent", "supervise", a.tenant, agent, "forbidden"},
		{"an agent who asks who listens", "list", a.tenant, agent, "forbidden"},
		{"another tenant's, in this one's name", "supervise", a.tenant, foreign, "unauthorized"},
		{"another tenant's", "supervise", other, foreign, "call_not_found"},
		{"another tenant's who stops", "stop", other, foreign, "call_not_found"},
		{"a supervisor of others' calls", "supervise", a.tenant, boss, "call_not_found"},
		{"an administrator without a page", "supervise", a.tenant, admin, "no_session"},
		{"an administrator who does not listen", "stop", a.tenant, admin, "not_supervised"},
	} {
		body, err := json.Marshal(map[string]any{"do": row.do, "tenant": row.tenant, "session": row.session, "call": call, "mode": "monitor"})
		if err != nil {
			t.Fatal(err)
		}
		within, cancel := context.WithTimeout(ctx, patient)
		answer, err := a.bus.Ask(within, fmt.Sprintf("calls.supervise.%x", a.cfg.Node.Name), body)
		cancel()
		if err != nil || !strings.Contains(string(answer), `"code":"`+row.code+`"`) {
			t.Errorf("%s: %s (%v), want %s", row.what, answer, err, row.code)
		}
	}
}
