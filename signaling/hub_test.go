package signaling_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tandem/calls"
	"tandem/media"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

func TestOnlyOurPagesOpenTheSocket(t *testing.T) {
	h := newHouse(t, func(c *signaling.Config) { c.Origins = []string{"https://desk.example.test"} })
	host := h.url[len("ws://") : len(h.url)-len("/ws")]
	for origin, want := range map[string]int{
		"http://" + host: 101, "https://desk.example.test": 101, "https://desk.example.test.evil.test": 403, "http://evil.test": 403,
		"null": 403, "http://" + host + ".evil.test": 403, "file://" + host: 403,
	} {
		conn, resp, err := websocket.DefaultDialer.Dial(h.url, http.Header{"Origin": {origin}})
		if err == nil {
			_ = conn.Close()
		}
		if resp == nil || resp.StatusCode != want {
			t.Errorf("origin %s: %v %v, want %d", origin, resp, err, want)
		}
	}
}

func TestHelloIsNeeded(t *testing.T) {
	h := newHouse(t)
	used := h.ticket(h.agent, agentRights)
	browsertest.Open(t, h.url, map[string]any{"ticket": used})
	for name, c := range map[string]struct {
		send string
		code int
	}{
		"another frame first":  {`{"v":1,"type":"ping"}`, 1008},
		"no JSON":              {`{{{{`, 1008},
		"no object":            {`[1,2]`, 1008},
		"another version":      {`{"v":2,"type":"hello","data":{}}`, 1008},
		"no ticket":            {`{"v":1,"type":"hello","data":{}}`, 4401},
		"a used ticket":        {`{"v":1,"type":"hello","data":{"ticket":"` + used + `"}}`, 4401},
		"data of another type": {`{"v":1,"type":"hello","data":[]}`, 1013},
	} {
		p := browsertest.Dial(t, h.url)
		p.Write(websocket.TextMessage, []byte(c.send))
		if code := p.Closed(); code != c.code {
			t.Errorf("%s: closed with %d, want %d", name, code, c.code)
		}
	}
}

func TestHostileFrames(t *testing.T) {
	h := newHouse(t)
	// A frame of 100 MB is not read beyond the limit.
	p := h.open()
	go p.Write(websocket.TextMessage, make([]byte, 100<<20))
	if code := p.Closed(); code != websocket.CloseMessageTooBig && code != websocket.CloseAbnormalClosure {
		t.Errorf("a huge frame: closed with %d", code)
	}
	p = h.open()
	p.Write(websocket.BinaryMessage, []byte(`{"v":1,"type":"ping"}`))
	if code := p.Closed(); code != websocket.CloseUnsupportedData {
		t.Errorf("a binary frame: closed with %d", code)
	}
	p = h.open()
	for range 1000 {
		p.Send("ping", nil)
	}
	// On a busy machine it is noticed first that the page does not read its answers, or the code is lost to the reset that pings left unread bring about.
	switch code := p.Closed(); code {
	case websocket.ClosePolicyViolation, websocket.CloseTryAgainLater, websocket.CloseAbnormalClosure:
	default:
		t.Errorf("a flood: closed with %d", code)
	}
	// What is only wrong gets an answer, and the socket stays.
	p = h.open()
	for typ, data := range map[string]any{
		"no.such.frame": nil, "rtc.offer": "x", "offer.ack": map[string]int{"offer": 1}, "presence.set": map[string]string{"presence": "BORED"},
		"call.hold": nil, "call.start": map[string]string{"number": "not a number"}, "mic.proof": map[string]float64{"level": 0}, "call.digit": map[string]string{"digit": "xx"},
	} {
		p.Send(typ, data)
		if f := p.Wait("error"); f.ID != typ || f.Get("code") == "" || f.Get("code") == "internal" {
			t.Errorf("%s: answered %s with %s", typ, f.ID, f.Data)
		}
	}
	p.Send("rtc.offer", map[string]string{"sdp": "v=0\r\nm=audio"})
	if f := p.Wait("error"); f.Get("code") != "rtc_failed" {
		t.Errorf("a broken SDP: %s", f.Data)
	}
	p.Send("ping", nil)
	p.Wait("pong")
}

func TestPermissionsArePerFrame(t *testing.T) {
	h := newHouse(t)
	p := browsertest.Open(t, h.url, map[string]any{"ticket": h.ticket(h.agent)})
	p.Send("presence.set", map[string]string{"presence": "AWAY"})
	if f := p.Wait("error"); f.Get("code") != "forbidden" {
		t.Fatalf("%s", f.Data)
	}
}

func TestRevokedSessionIsOut(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.talk(p)
	h.mu.Lock()
	h.revoked[h.agent] = true
	h.mu.Unlock()
	if code := p.Closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	c.over(calls.CauseUnreachable)
	browsertest.Eventually(t, "the agent is offline", func() bool {
		v, err := h.queues.Agent(h.ctx, h.tenant, h.agent)
		return err == nil && v.Presence == "OFFLINE"
	})
}

func TestNewestPageWins(t *testing.T) {
	h := newHouse(t)
	first := h.ready()
	c := h.talk(first)
	second := h.open()
	first.Wait("error", "code", "session_taken")
	if code := first.Closed(); code != 4403 {
		t.Errorf("the old page is closed with %d", code)
	}
	if second.Welcome.Get("session") == first.Welcome.Get("session") || second.Welcome.Get("resume") == first.Welcome.Get("resume") {
		t.Error("the old page could resume the session")
	}
	if second.Welcome.Get("call", "state") != "talking" || second.Welcome.Get("call", "id") != c.target.Call.String() {
		t.Errorf("the new page does not get the call: %s", second.Welcome.Data)
	}
	// Its microphone is unproven, so no further calls come to it.
	second.Wait("agent", "presence", "OFFLINE")
}

// A lost socket alone is not a lost call: audio goes on, and what was missed follows.
func TestSocketReturns(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.talk(p)
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Drop()
	c.show(calls.StateHeld)
	p.RTC.Await(440)
	again := p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
	again.Adopt(p)
	if again.Welcome.Get("resumed") != "true" || again.Welcome.Get("session") != p.Welcome.Get("session") {
		t.Fatalf("not resumed: %s", again.Welcome.Data)
	}
	if f := again.Wait("call"); f.Get("state") != "held" || f.Seq != again.Welcome.Seq+1 {
		t.Fatalf("missed frame: %+v", f)
	}
	again.RTC.Await(440)
	// The path has changed: fresh ICE credentials, the same connection, no more traffic than before.
	again.Offer(true)
	again.RTC.Await(440)
	select {
	case e := <-c.Events():
		t.Errorf("the call heard of it: %q", e)
	default:
	}
}

// A page that is loaded again has another PeerConnection; the call and its stream go on.
func TestReloadKeepsTheCall(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.talk(p)
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Leave()
	c.expect(calls.LegLost)
	began := time.Now()
	again := p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
	if again.Welcome.Get("call", "state") != "talking" {
		t.Fatalf("the call is not there: %s", again.Welcome.Data)
	}
	again.Connect().Say(880)
	again.RTC.Await(880)
	c.expect(calls.LegBack)
	t.Logf("audio is back %v after the return", time.Since(began).Round(time.Millisecond))
	again.Send("call.hangup", nil)
	c.over(calls.CauseNormal)
}

func TestGraceEnds(t *testing.T) {
	h := newHouse(t, func(c *signaling.Config) { c.Grace = 700 * time.Millisecond })
	p := h.ready()
	c := h.talk(p)
	p.Leave()
	c.expect(calls.LegLost)
	c.over(calls.CauseUnreachable)
	presence := func(want string) func() bool {
		return func() bool {
			v, err := h.queues.Agent(h.ctx, h.tenant, h.agent)
			return err == nil && string(v.Presence) == want
		}
	}
	browsertest.Eventually(t, "the agent is offline", presence("OFFLINE"))
	// The page returns, and so does what the agent had set, once its microphone is proven again.
	again := p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
	if again.Welcome.Get("resumed") != "false" {
		t.Errorf("resumed a session that was over: %s", again.Welcome.Data)
	}
	again.Connect()
	again.Send("mic.proof", map[string]float64{"level": 1})
	again.Wait("agent", "presence", "AVAILABLE")
	browsertest.Eventually(t, "the agent is available", presence("AVAILABLE"))
}

func TestServerStopsWithLiveSessions(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	h.talk(p)
	// The clean-ups of the house stop the hub while the page is there; leaks and hangs fail the test.
}
