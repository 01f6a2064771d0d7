package signaling_test

import (
	"testing"
	"time"

	"tandem/media"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

// packets is how many came from pages by a path so far; sent is how many were sent to them.
func (h *house) packets(path string) float64 {
	return h.count("tandem_browser_rtp_packets_total", path)
}

func (h *house) sent(path string) float64 { return h.count("tandem_browser_rtp_sent_total", path) }

func (h *house) count(metric, path string) (n float64) {
	h.Helper()
	all, err := h.reg.Gather()
	h.ok(err)
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() == metric && m.GetLabel()[0].GetValue() == path {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// comes waits until what pages send comes by one path alone.
func (h *house) comes(path, not string) {
	h.Helper()
	browsertest.Eventually(h, "packets come by the path "+path, func() bool {
		came, other := h.packets(path), h.packets(not)
		time.Sleep(200 * time.Millisecond)
		return h.packets(path) > came+3 && h.packets(not) == other
	})
}

// What a page sends goes to its call without passing through the connection's stack, and finds its way again when the page moves or is loaded again.
func TestDirectPath(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		h := newHouse(t, func(c *signaling.Config) { c.RTC.UDP = []string{addr} })
		p := h.ready()
		c := h.talk(p)
		c.Stream().Play(media.Echo())
		p.RTC.Say(440)
		p.RTC.Await(440)
		h.comes("direct", "connection")
		p.RTC.Await(440)
		if came, sent := h.packets("direct"), h.sent("direct"); came == 0 || sent == 0 {
			t.Errorf("%v packets came and %v were sent by the direct path", came, sent)
		}
		p.Send("call.digit", map[string]string{"digit": "5"})
		if d := <-c.Stream().Digits(); d.Key != '5' {
			t.Errorf("digit %c", d.Key)
		}

		p.Offer(true) // the path may have changed
		p.RTC.Await(440)
		h.comes("direct", "connection")

		p.Leave()
		p = p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
		p.Connect().Say(880)
		p.RTC.Await(880)
		h.comes("direct", "connection")
		p.RTC.Await(880)
		if q := c.Stream().Quality(); q.In.Lost > q.In.Packets/20 {
			t.Errorf("quality %+v", q.In)
		}
	}
}

// The page hears how much of what it sends has come.
func TestReceptionReports(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	h.talk(p)
	h.comes("direct", "connection")
	seen := len(p.RTC.Reports())
	browsertest.Eventually(t, "reports of the direct path", func() bool { return len(p.RTC.Reports()) > seen+1 })
	all := p.RTC.Reports()
	first, last := all[len(all)-2], all[len(all)-1]
	if last.LastSequenceNumber <= first.LastSequenceNumber || last.LastSenderReport == 0 || last.Delay > 1<<15 || last.FractionLost > 25 || last.Jitter > 8000 {
		t.Errorf("reports %+v, %+v", first, last)
	}
}

// Without keys the connection's stack hands on what comes.
func TestPathWithoutKeys(t *testing.T) {
	h := newHouse(t)
	p := h.open()
	p.ConnectAsServer()
	p.Send("mic.proof", map[string]float64{"level": 0.2})
	p.Wait("agent", "microphone", "true")
	p.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	p.Wait("agent", "presence", "AVAILABLE")
	c := h.talk(p)
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	h.comes("connection", "direct")
	if n := h.packets("direct"); n != 0 {
		t.Errorf("%v packets came by the direct path", n)
	}
	if n := h.sent("direct"); n != 0 {
		t.Errorf("%v packets were sent by the direct path", n)
	}
}
