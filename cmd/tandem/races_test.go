package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// moment is when somebody hangs up, and what the record may say.
type moment struct {
	name   string
	number string // "" the worker's own queue
	until  string // the event after which they leave
	device device // what the agent's phone does
	agent  bool   // the agent leaves: the customer keeps the place, and leaves a moment later
	reason []calls.Reason
}

// An agent's device that the agent has left may ring again at once: the customer then leaves in the queue or while it rings.
var backInQueue = []calls.Reason{calls.ReasonLeftQueue, calls.ReasonLeftRinging, calls.ReasonLeftWhisper}

const (
	lonely = "7999" // a queue without agents
	menu   = "1000"
)

var moments = []moment{
	{name: "menu", number: menu, until: "call.menu", reason: []calls.Reason{calls.ReasonLeftMenu}},
	{name: "queue", number: lonely, until: "call.queued", reason: []calls.Reason{calls.ReasonLeftQueue}},
	{name: "ringing", until: "call.offered", device: rings, reason: []calls.Reason{calls.ReasonLeftRinging}},
	{name: "whisper", until: "call.accepted", device: answers, reason: []calls.Reason{calls.ReasonLeftWhisper}},
	{name: "countdown", until: "call.countdown", device: answers, reason: []calls.Reason{calls.ReasonLeftCountdown}},
	{name: "talk", until: "call.connected", device: answers, reason: []calls.Reason{calls.ReasonCallerHungUp}},
	{name: "agent in ringing", until: "call.offered", device: rings, agent: true, reason: backInQueue},
	{name: "agent in whisper", until: "call.accepted", device: answers, agent: true, reason: backInQueue},
	{name: "agent in countdown", until: "call.countdown", device: answers, agent: true, reason: backInQueue},
	{name: "agent in talk", until: "call.connected", device: answers, agent: true, reason: []calls.Reason{calls.ReasonAgentHungUp}},
}

const raceRounds = 200

// Two hundred times somebody leaves at one of the moments above: one record each, with the right reason; afterwards nothing is left over.
func TestLeavingAtEveryMoment(t *testing.T) {
	a := start(t)
	a.queueWith(t, "Lonely", lonely, "sip:nobody@127.0.0.1:9", queues.OwnSettings{})
	if err := a.queues.SetMembers(context.Background(), a.tenant, queueNamed(t, a, "Lonely"), nil); err != nil {
		t.Fatal(err)
	}
	const workers = 10
	var seen atomic.Int64
	t.Run("races", func(t *testing.T) {
		for w := range workers {
			t.Run(strconv.Itoa(w), func(t *testing.T) {
				t.Parallel()
				r := newRacer(t, a, w)
				for i := range raceRounds / workers {
					r.round(moments[(i+w)%len(moments)])
				}
				seen.Add(int64(r.goroutines))
			})
		}
	})
	within(t, 40*time.Second, "the end of all calls", func() bool { return a.board.Active() == 0 })
	within(t, 60*time.Second, "the end of all goroutines of calls", func() bool { return callGoroutines() == 0 })
	if seen.Load() == 0 {
		t.Error("no goroutine of a call was ever seen: the names that are looked for are wrong")
	}
	if n := a.ports.InUse(); n != 0 {
		t.Errorf("%d RTP ports are still open", n)
	}
	within(t, 20*time.Second, "idle agents", func() bool { return busyAgents(t, a) == 0 })
	waiting, err := a.queues.Queued(context.Background(), a.tenant, queues.QueuedFilter{})
	if err != nil || len(waiting.Items) != 0 {
		t.Errorf("%d items still wait (%v)", len(waiting.Items), err)
	}
}

// callGoroutines counts the goroutines that exist for one call only.
func callGoroutines() (n int) {
	buf := make([]byte, 8<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, owner := range []string{"tandem/calls.(*Call).", "tandem/sip.(*dialog).", "tandem/sip.(*leg).", "tandem/media.(*Stream).", "main.(*place)."} {
			if strings.Contains(stack, owner) {
				n++
				break
			}
		}
	}
	return n
}

func queueNamed(t *testing.T, a *app, name string) uuid.UUID {
	t.Helper()
	all, err := a.queues.Queues(context.Background(), a.tenant)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(q queues.Queue) bool { return q.Name == name })
	if i < 0 {
		t.Fatalf("no queue %s", name)
	}
	return all[i].ID
}

// busyAgents counts the agents that have anything to do.
func busyAgents(t *testing.T, a *app) int {
	t.Helper()
	page, err := a.queues.Agents(context.Background(), a.tenant, queues.AgentFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, ag := range page.Items {
		n += len(ag.Items)
	}
	return n
}

// device is how an agent's phone behaves.
type device int32

const (
	declines device = iota
	rings
	answers
)

// racer is a customer, an agent's phone, and their queue.
type racer struct {
	t      *testing.T
	a      *app
	number string
	caller *siptest.Phone
	agent  *siptest.Phone
	ear    *siptest.Voice
	notes  *follow

	goroutines int // of calls, seen at some moment

	mode  atomic.Int32
	leave chan struct{} // the agent is to leave what they are in
}

func newRacer(t *testing.T, a *app, n int) *racer {
	r := &racer{t: t, a: a, number: strconv.Itoa(7000 + n), leave: make(chan struct{}, 1)}
	r.caller = siptest.New(t, fmt.Sprintf("49301000%02d", n))
	r.agent = siptest.New(t, "agent"+strconv.Itoa(n))
	r.ear = siptest.NewVoice(t, codec.PCMU)
	r.notes = a.followAll(t)
	a.queueWith(t, "Race "+r.number, r.number, "sip:agent@"+r.agent.Addr(), queues.OwnSettings{
		Whisper:   &queues.Whisper{Mode: queues.WhisperText, Text: "Hello there, a call", Speed: 2},
		Countdown: new(true), WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone}, Missed: &queues.MissedRule{Threshold: 99},
	})
	ctx, stop := context.WithCancel(context.Background())
	var phone sync.WaitGroup
	phone.Go(func() {
		for ctx.Err() == nil {
			if c := r.agent.TryAnswer(50 * time.Millisecond); c != nil {
				r.serve(ctx, c)
			}
		}
	})
	t.Cleanup(func() { stop(); phone.Wait() })
	return r
}

// serve is the agent's phone in one call, until it is over.
func (r *racer) serve(ctx context.Context, c *siptest.Call) {
	sdp := r.agent.SDP(r.ear.Port(), "", "0")
	mode := device(r.mode.Load())
	switch mode {
	case declines:
		c.Reply(c.Invite, 486, "Busy Here", "")
		return
	case rings:
		c.Reply(c.Invite, 180, "Ringing", "")
	case answers:
		c.Reply(c.Invite, 180, "Ringing", "")
		c.Reply(c.Invite, 200, "OK", sdp)
	}
	for ctx.Err() == nil {
		select {
		case <-r.leave:
			r.mode.Store(int32(declines))
			if mode == rings {
				c.Reply(c.Invite, 486, "Busy Here", "")
			} else {
				c.Send("BYE", "", "")
			}
			return
		default:
		}
		req, ok := c.TryNext(20 * time.Millisecond).(*gosip.Request)
		if !ok {
			continue
		}
		switch req.Method {
		case gosip.CANCEL:
			c.Reply(req, 200, "OK", "")
			c.Reply(c.Invite, 487, "Request Terminated", "")
			return
		case gosip.BYE:
			c.Reply(req, 200, "OK", "")
			return
		}
	}
}

// round plays one call to its end.
func (r *racer) round(m moment) {
	r.t.Helper()
	number := r.number
	if m.number != "" {
		number = m.number
	}
	r.mode.Store(int32(m.device))
	call := r.caller.Invite(r.a.sipAddr(), number, r.caller.SDP(r.ear.Port(), "", "0"))
	call.Response(200)
	call.Ack("")
	id := r.live()
	r.await(m, id, m.until)
	<-time.After(time.Duration(rand.IntN(30)) * time.Millisecond) // no waiting for anything: the jitter is the point
	if r.goroutines == 0 {
		r.goroutines = callGoroutines()
	}
	if m.agent {
		r.leave <- struct{}{}
	}
	if m.agent && m.until == "call.connected" {
		call.Reply(call.Request("BYE"), 200, "OK", "")
	} else {
		if m.agent {
			r.await(m, id, "call.queued")
		}
		call.Send("BYE", "", "")
		call.Response(200)
	}
	r.mode.Store(int32(declines))
	row := r.a.ended(r.t, r.caller.User)
	if row.ID != id || !slices.Contains(m.reason, row.Reason) {
		r.t.Fatalf("%s: call %s ended as %s, want %s as %v", m.name, row.ID, row.Reason, id, m.reason)
	}
}

// live is the id of the customer's call.
func (r *racer) live() (id uuid.UUID) {
	r.t.Helper()
	within(r.t, 10*time.Second, "the call", func() bool {
		rows, err := r.a.board.List(context.Background(), r.a.tenant, calls.Filter{Live: true, Text: r.caller.User, Limit: 1})
		if err != nil {
			r.t.Fatal(err)
		}
		if len(rows) == 1 {
			id = rows[0].ID
		}
		return id != uuid.Nil
	})
	return id
}

func (r *racer) await(m moment, call uuid.UUID, event string) {
	r.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case n := <-r.notes.notes:
			if n.Type == event && n.Subject == call {
				return
			}
		case <-limit:
			r.t.Fatalf("%s: %s of call %s did not come", m.name, event, call)
		}
	}
}
