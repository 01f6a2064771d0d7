package signaling

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
)

func TestDecodeFrame(t *testing.T) {
	long := make([]byte, 65)
	for i := range long {
		long[i] = 'x'
	}
	for in, ok := range map[string]bool{
		`{"v":1,"type":"ping"}`: true,
		`{"v":1,"id":"c1","type":"call.digit","data":{"digit":"1"}}`: true,
		`{"v":1,"type":"ping","more":[1,{"x":null}]}`:                true,
		`{"v":1}`:                                           false,
		`{"v":0,"type":"ping"}`:                             false,
		`{"v":1,"type":7}`:                                  false,
		`{"v":1,"type":"ping"}{}`:                           false,
		`{"v":1,"type":"ping","seq":-1}`:                    false,
		`{"v":1,"type":"` + string(long) + `"}`:             false,
		`{"v":1,"type":"ping","id":"` + string(long) + `"}`: false,
		``:     false,
		`null`: false,
	} {
		if _, err := decodeFrame([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"type":"hello","data":{"ticket":"t","resume":"r","last_seq":7,"customer":true,"name":"n"}}`,
		`{"v":1,"type":"rtc.candidate","data":{"candidate":{"candidate":"candidate:1 1 udp 1 1.2.3.4 5 typ host","sdpMid":"0","sdpMLineIndex":0}}}`,
		`{"v":1,"type":"offer.ack","data":{"offer":"018f3c1e-0000-7000-8000-000000000000"}}`,
		`{"v":1,"type":"rtc.stats","data":{"packets_lost":1e308}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := decodeFrame(b)
		if err != nil {
			return
		}
		if fr.V != version || fr.Type == "" {
			t.Fatalf("accepted %+v", fr)
		}
		// Whatever came in can be sent out, and no data type panics on it.
		if _, err := json.Marshal(fr); err != nil {
			t.Fatal(err)
		}
		_, _ = decode[helloData](fr)
		_, _ = decode[candidateData](fr)
		_, _ = decode[offerData](fr)
		_, _ = decode[statsData](fr)
		fingerprintOf(string(fr.Data))
		_ = cleanName(string(fr.Data))
	})
}

func TestLegStates(t *testing.T) {
	states := []legState{legOffered, legRinging, legAccepted, legConnected, legAway, legEnded}
	steps := []legStep{stepAck, stepAccept, stepMedia, stepLose, stepReturn, stepEnd}
	want := map[legState][]legState{ // by step, "" is refused
		legOffered:   {legRinging, legAccepted, "", "", "", legEnded},
		legRinging:   {legRinging, legAccepted, "", "", "", legEnded},
		legAccepted:  {"", "", legConnected, "", "", legEnded},
		legConnected: {"", "", "", legAway, "", legEnded},
		legAway:      {"", "", "", "", legConnected, legEnded},
		legEnded:     {"", "", "", "", "", ""},
	}
	for _, from := range states {
		for i, step := range steps {
			to, err := from.next(step)
			switch expected := want[from][i]; {
			case expected == "" && (err == nil || to != from):
				t.Errorf("%s may %s, to %s", from, step, to)
			case expected != "" && (err != nil || to != expected):
				t.Errorf("%s, %s: %s (%v), want %s", from, step, to, err, expected)
			}
		}
	}
}

// Every state of a call shows on a page as something that the protocol knows, and no agent's page shows what another frame tells.
func TestCallShown(t *testing.T) {
	for _, st := range []calls.State{
		calls.StateNew, calls.StatePlaying, calls.StateMenu, calls.StateDialing, calls.StateWaiting, calls.StateOffering, calls.StateWhisper,
		calls.StateCountdown, calls.StateTalking, calls.StateHeld, calls.StateEnded,
	} {
		agent, stage := agentShows(st)
		if (agent != "") != (st == calls.StateDialing || st == calls.StateWhisper || st == calls.StateCountdown || st.Connected()) || agent != viewConnecting && stage != "" {
			t.Errorf("%s: an agent sees %q %q", st, agent, stage)
		}
		customer, stage := customerShows(st)
		if (customer == "") != (st == calls.StateEnded) || (customer == viewConnecting) != (stage != "") || stage == "whisper" || stage == "countdown" {
			t.Errorf("%s: a customer sees %q %q", st, customer, stage)
		}
	}
}

func TestSees(t *testing.T) {
	me, call, other := uuid.New(), uuid.New(), uuid.New()
	rights := func(pairs ...string) (p auth.Permissions) {
		for i := 0; i < len(pairs); i += 2 {
			p = append(p, auth.Permission{Verb: "read", Resource: pairs[i], Scope: auth.Scope(pairs[i+1])})
		}
		return p
	}
	agent := rights("calls", "own", "agents", "own", "tickets", "all", "contacts", "all", "queues", "all", "prompts", "all")
	team := rights("calls", "team", "agents", "team", "tickets", "all", "queues", "all")
	all := auth.Permissions{{Verb: "*", Resource: "*", Scope: auth.ScopeAll}}
	for _, c := range []struct {
		name    string
		rights  auth.Permissions
		typ     string
		about   []uuid.UUID
		told    bool
		subject uuid.UUID
	}{
		{"an agent, themselves", agent, "agent.state", []uuid.UUID{me}, true, me},
		{"an agent, themselves among others", agent, "agent.state", []uuid.UUID{other, me}, true, me},
		{"an agent, somebody else", agent, "agent.state", []uuid.UUID{other}, false, uuid.Nil},
		{"an agent, the own call", agent, "call.held", []uuid.UUID{call}, true, call},
		{"an agent, another call", agent, "call.held", []uuid.UUID{other}, false, uuid.Nil},
		{"an agent, a ticket", agent, "ticket.changed", []uuid.UUID{other}, true, other},
		{"an agent, two tickets", agent, "ticket.changed", []uuid.UUID{other, call}, true, uuid.Nil},
		{"an agent, a queue", agent, "queue.changed", []uuid.UUID{other}, false, uuid.Nil},
		{"an agent, an item", agent, "item.queued", []uuid.UUID{other}, false, uuid.Nil},
		{"an agent, a login", agent, "login.failed", []uuid.UUID{me}, false, uuid.Nil},
		{"a team's supervisor, a call", team, "call.started", []uuid.UUID{other}, true, uuid.Nil},
		{"a team's supervisor, an item", team, "item.queued", []uuid.UUID{other}, true, other},
		{"a team's supervisor, a user", team, "user.changed", []uuid.UUID{other}, false, uuid.Nil},
		{"an administrator", all, "whatever.happened", []uuid.UUID{other}, true, other},
		{"nobody", nil, "ticket.changed", []uuid.UUID{other}, false, uuid.Nil},
	} {
		s := &session{user: me, actor: auth.Actor{User: me, Permissions: c.rights}, view: callView{ID: call}}
		of := &subjects{ids: map[uuid.UUID]bool{}}
		for _, id := range c.about {
			of.ids[id] = true
		}
		subject, told := s.sees(c.typ, of)
		if told != c.told || told && (subject == nil) != (c.subject == uuid.Nil) || subject != nil && *subject != c.subject {
			t.Errorf("%s: told %v of %v, want %v of %v", c.name, told, subject, c.told, c.subject)
		}
	}
}
