package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// desk is a queue of its own that two agents of the demo serve, the first of them first in the list.
type desk struct {
	t          testing.TB
	a          *app
	queue      uuid.UUID
	number     string
	first, two uuid.UUID
}

func (a *app) desk(t testing.TB, name, number string, set queues.OwnSettings) *desk {
	t.Helper()
	d := &desk{t: t, a: a, number: number, first: a.agentNamed(t, "Anna Agent"), two: a.agentNamed(t, "Ben Agent")}
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	if set.WrapUp == nil {
		set.WrapUp = &none
	}
	set.Countdown, set.Whisper = new(false), &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}
	d.queue, _ = a.queueWith(t, name, number, "browser", set)
	if err := a.queues.SetMembers(context.Background(), a.tenant, d.queue, []uuid.UUID{d.first, d.two}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (a *app) agentNamed(t testing.TB, name string) uuid.UUID {
	t.Helper()
	page, err := a.queues.Agents(context.Background(), a.tenant, queues.AgentFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, agent := range page.Items {
		if agent.Name == name {
			return agent.ID
		}
	}
	t.Fatalf("no agent %s", name)
	return uuid.Nil
}

// call lets a telephone call the queue.
func (d *desk) call(user string) *caller {
	d.t.Helper()
	p := &caller{phone: siptest.New(d.t, user), voice: siptest.NewVoice(d.t, codec.PCMU)}
	p.call = p.phone.Invite(d.a.sipAddr(), d.number, p.phone.SDP(p.voice.Port(), "", "0"))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	return p
}

// free waits until nobody has anything to do.
func (d *desk) free() {
	d.t.Helper()
	within(d.t, 20*time.Second, "idle agents", func() bool {
		for _, id := range []uuid.UUID{d.first, d.two} {
			v, err := d.a.queues.Agent(context.Background(), d.a.tenant, id)
			if err != nil || v.State != queues.Idle || v.Used != 0 {
				return false
			}
		}
		return true
	})
}

// Two agents at their pages: offers to both at once, auto-answer, skills, and presences set by a manager and chosen for later.
func TestRouting(t *testing.T) {
	t.Parallel()
	a := start(t)
	base := a.client(t).base
	anna, ben, boss := sit(t, base, "agent1@demo.test"), sit(t, base, "agent2@demo.test"), sit(t, base, "supervisor@demo.test")
	anna.available()
	ben.available()
	ctx := context.Background()
	all, skilled := queues.OfferAll, queues.BySkills

	t.Run("all at once: the first to accept has the call", func(t *testing.T) {
		d := a.desk(t, "Both", "7101", queues.OwnSettings{OfferMode: &all})
		p := d.call("+493011111")
		mine, theirs := anna.Wait("offer").Get("offer"), ben.Wait("offer").Get("offer")
		anna.Send("offer.ack", map[string]string{"offer": mine})
		ben.Send("offer.ack", map[string]string{"offer": theirs})
		ben.Send("offer.accept", map[string]string{"offer": theirs})
		anna.Wait("offer.withdrawn", "offer", mine, "reason", "taken")
		ben.Wait("call", "state", "talking")
		ben.RTC.Say(agentHz)
		p.voice.WaitTone(agentHz, 20*time.Second)
		// An accept that crosses the withdrawal changes nothing.
		anna.Send("offer.accept", map[string]string{"offer": mine})
		anna.Wait("agent", "state", "IDLE")
		p.hangUp()
		ben.Wait("call", "state", "ended")
		row := a.ended(t, "+493011111")
		if row.AgentName != "Ben Agent" || len(row.Legs) != 3 {
			t.Errorf("record: %s, %d legs", row.AgentName, len(row.Legs))
		}
		if v, err := a.queues.Agent(ctx, a.tenant, d.first); err != nil || v.Missed != 0 {
			t.Errorf("the other one has missed %d (%v)", v.Missed, err)
		}
		d.free()
	})

	t.Run("auto-answer", func(t *testing.T) {
		d := a.desk(t, "Automatic", "7102", queues.OwnSettings{AutoAnswer: new(true)})
		p := d.call("+493022222")
		seat := anna
		within(t, 20*time.Second, "an offer", func() bool {
			if ben.Has("offer", "auto", "true") {
				seat = ben
			}
			return seat == ben || anna.Has("offer", "auto", "true")
		})
		offer := seat.Wait("offer", "auto", "true")
		seat.Send("offer.ack", map[string]string{"offer": offer.Get("offer")}) // and no accept
		seat.Wait("call", "state", "talking")
		seat.RTC.Say(agentHz)
		p.voice.WaitTone(agentHz, 20*time.Second)
		p.hangUp()
		seat.Wait("call", "state", "ended")
		d.free()
	})

	t.Run("skills, and why", func(t *testing.T) {
		skill, err := a.queues.PutSkill(ctx, a.tenant, uuid.Nil, "German")
		if err != nil {
			t.Fatal(err)
		}
		rule := queues.SkillRule{Match: queues.MatchAll, Required: []queues.SkillNeed{{Skill: skill.ID, Level: 3}}}
		d := a.desk(t, "German", "7103", queues.OwnSettings{Algorithm: &skilled, Skills: &rule})
		if err := a.queues.SetAgentSkills(ctx, a.tenant, d.two, []queues.SkillNeed{{Skill: skill.ID, Level: 4}}); err != nil {
			t.Fatal(err)
		}
		p := d.call("+493033333")
		call := boss.client.waiting(t, "+493033333")
		offer := map[string]string{"offer": ben.Wait("offer").Get("offer")}
		ben.Send("offer.ack", offer)
		ben.Send("offer.accept", offer)
		within(t, 20*time.Second, "the talk", func() bool {
			row, err := a.board.Get(ctx, a.tenant, uuid.MustParse(call))
			return err == nil && row.State == calls.StateTalking
		})
		_, b := boss.do("GET", "/api/v1/calls/"+call+"/decisions", nil)
		for _, want := range []string{`"agent_name":"Ben Agent"`, `"algorithm":"skills"`, `"unskilled":1`, `"skill_score":1004`} {
			if !strings.Contains(string(b), want) {
				t.Errorf("the decisions say no %s: %s", want, b)
			}
		}
		// Ben chooses a break for afterwards; the next call waits although he will be free, and says why.
		ben.Send("presence.next", map[string]string{"presence": "AWAY", "reason": "break"})
		ben.Wait("agent", "next_presence", "AWAY", "presence", "AVAILABLE")
		p.hangUp()
		ben.Wait("agent", "presence", "AWAY", "reason", "break")
		next := d.call("+493033334")
		row := boss.client.waiting(t, "+493033334")
		within(t, 20*time.Second, "a decision on nobody", func() bool {
			_, b := boss.do("GET", "/api/v1/calls/"+row+"/decisions", nil)
			return strings.Contains(string(b), `"nobody":true`) && strings.Contains(string(b), `"away":1`)
		})
		next.hangUp()
		a.ended(t, "+493033334")
	})

	t.Run("a manager sets another's presence", func(t *testing.T) {
		word := map[string]any{"name": "Training", "presence": "AWAY", "colour": "#2b5fa8", "max_minutes": 30}
		ask[queues.Word](a.client(t), "POST", "/api/v1/presences", word)
		who := a.agentNamed(t, "Anna Agent").String()
		if status, b := boss.do("PUT", "/api/v1/agents/"+who+"/presence", map[string]string{"presence": "AWAY", "reason": "Training"}); status > 299 {
			t.Fatalf("%d %s", status, b)
		}
		f := anna.Wait("agent", "presence", "AWAY", "reason", "Training")
		since, until := at(t, f.Get("presence_since")), at(t, f.Get("presence_until"))
		if until.Sub(since) != 30*time.Minute {
			t.Errorf("from %s until %s", since, until)
		}
		audited(t, a.client(t), who, "agent.presence", 1)
	})
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// waiting returns the call of a caller who waits.
func (c client) waiting(t testing.TB, caller string) (call string) {
	t.Helper()
	within(t, 20*time.Second, "a call that waits", func() bool {
		_, b := c.do("GET", "/api/v1/calls?state=queued&search="+strings.TrimPrefix(caller, "+"), nil)
		var page struct {
			Items []struct {
				ID string `json:"call_id"`
			} `json:"items"`
		}
		if json.Unmarshal(b, &page) != nil || len(page.Items) != 1 {
			return false
		}
		call = page.Items[0].ID
		return true
	})
	return call
}
