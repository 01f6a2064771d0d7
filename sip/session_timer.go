package sip

import (
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// sessionTimer keeps a dialog's session alive, or ends it when the other side has stopped doing so (RFC 4028). It is owned by the
// dialog's goroutine.
type sessionTimer struct {
	interval time.Duration // 0: no session timer
	minSE    time.Duration // the least that they take, once they have said so (422)
	weRenew  bool
	timer    *time.Timer
	round    int
}

// sessionTerms are what a message says about the session interval.
type sessionTerms struct {
	expires   time.Duration // 0: not said
	minSE     time.Duration
	refresher string // uac, uas or ""
	supported bool
	bad       bool
}

func termsOf(msg gosip.Message) sessionTerms {
	t := sessionTerms{supported: headerHas(msg, "Supported", "timer") || headerHas(msg, "k", "timer") || headerHas(msg, "Require", "timer")}
	for _, name := range []string{"Session-Expires", "x"} {
		for _, h := range msg.GetHeaders(name) {
			value, params, _ := strings.Cut(h.Value(), ";")
			n, ok := number(value, 7*24*3600)
			if t.bad = !ok || n == 0; !t.bad {
				t.expires = time.Duration(n) * time.Second
			}
			for p := range strings.SplitSeq(params, ";") {
				k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(k, "refresher") {
					t.refresher = strings.ToLower(v)
				}
			}
		}
	}
	for _, h := range msg.GetHeaders("Min-SE") {
		if n, ok := number(h.Value(), 7*24*3600); ok {
			t.minSE = time.Duration(n) * time.Second
		}
	}
	return t
}

// agree decides as UAS: the interval, who refreshes, and whether the interval asked for is too short (RFC 4028 9).
func (t timing) agree(ask sessionTerms) (interval time.Duration, weRenew, tooShort bool) {
	if t.sessionExpires == 0 {
		return 0, false, false
	}
	if ask.expires == 0 {
		if !ask.supported {
			return max(t.sessionExpires, ask.minSE), true, false // nobody else will
		}
		return max(t.sessionExpires, ask.minSE), ask.refresher == "uas", false
	}
	if ask.expires < t.minSE {
		if ask.supported {
			return 0, false, true
		}
		ask.expires = t.minSE
	}
	interval = max(min(ask.expires, t.sessionExpires), ask.minSE, t.minSE)
	return interval, !ask.supported || ask.refresher == "uas", false
}

// tooShort refuses a request that asks for a session shorter than we keep (RFC 4028 9). It is asked before anything else changes.
func (t timing) tooShort(req *gosip.Request) *refusal {
	if _, _, short := t.agree(termsOf(req)); short {
		return refuse(422, "Session Interval Too Small", gosip.NewHeader("Min-SE", seconds(t.minSE)))
	}
	return nil
}

// grant answers a request that begins or refreshes the session, and that tooShort let pass: it returns headers for the 2xx.
func (s *sessionTimer) grant(d *dialog, req *gosip.Request) []gosip.Header {
	ask := termsOf(req)
	interval, weRenew, _ := d.s.timing.agree(ask)
	headers := []gosip.Header{supported()}
	s.start(d, interval, weRenew)
	if interval == 0 || !ask.supported && ask.expires == 0 {
		return headers
	}
	who := "uac"
	if weRenew {
		who = "uas"
	} else {
		headers = append(headers, gosip.NewHeader("Require", "timer"))
	}
	return append(headers, gosip.NewHeader("Session-Expires", seconds(interval)+";refresher="+who))
}

// ask is what our first INVITE says.
func (s *sessionTimer) ask(d *dialog) []gosip.Header {
	out := []gosip.Header{supported()}
	if d.s.timing.sessionExpires > 0 {
		out = append(out, gosip.NewHeader("Session-Expires", seconds(d.s.timing.sessionExpires)), gosip.NewHeader("Min-SE", seconds(d.s.timing.minSE)))
	}
	return out
}

// renew is what a later re-INVITE or UPDATE of ours says: the role in that transaction is ours to name.
func (s *sessionTimer) renew(d *dialog) []gosip.Header {
	if s.interval == 0 {
		return s.ask(d)
	}
	who := "uas"
	if s.weRenew {
		who = "uac"
	}
	out := []gosip.Header{supported(), gosip.NewHeader("Session-Expires", seconds(s.interval)+";refresher="+who)}
	if s.minSE > 0 {
		out = append(out, gosip.NewHeader("Min-SE", seconds(s.minSE))) // RFC 4028 7.4
	}
	return out
}

// raise takes over the least interval that a 422 names; false: there is nothing to try again with.
func (s *sessionTimer) raise(d *dialog, res *gosip.Response) bool {
	least := termsOf(res).minSE
	if least <= s.minSE || least < d.s.timing.minSE || least > 24*time.Hour {
		return false
	}
	s.minSE = least
	if s.interval > 0 {
		s.interval = max(s.interval, least)
	}
	return true
}

// granted reads a 2xx to a request of ours. Without Session-Expires the other side keeps no timer; we still look in from time to time.
func (s *sessionTimer) granted(d *dialog, res *gosip.Response) {
	if d.s.timing.sessionExpires == 0 {
		return
	}
	t := termsOf(res)
	if t.expires == 0 || t.bad {
		s.start(d, d.s.timing.sessionExpires, true)
		return
	}
	s.start(d, max(t.expires, d.s.timing.minSE, s.minSE), t.refresher != "uas")
}

// again tries a refused refresh once more while there is time: two more tries fit into the other half of the interval.
func (s *sessionTimer) again(d *dialog) { s.arm(d, s.interval/6) }

// start (re)starts the interval: the refresher renews at half time, the other waits almost to the end (RFC 4028 10).
func (s *sessionTimer) start(d *dialog, interval time.Duration, weRenew bool) {
	s.stop()
	s.interval, s.weRenew = interval, weRenew
	if interval == 0 {
		return
	}
	wait := interval / 2
	if !weRenew {
		wait = interval - min(32*time.Second, interval/3)
	}
	s.arm(d, wait)
}

func (s *sessionTimer) arm(d *dialog, wait time.Duration) {
	s.stop()
	round := s.round
	s.timer = d.after(wait, func() {
		if s.round != round || d.state != confirmed && d.state != accepted {
			return
		}
		if s.weRenew {
			s.refresh(d)
			return
		}
		d.lose(end{status: 408, text: "session expired"})
	})
}

func (s *sessionTimer) stop() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.round++
}

// refresh renews the session, by UPDATE where the peer knows it, else by a re-INVITE that changes nothing. A refusal is no reason to end
// a call that works (livekit/sip#582): only a lost dialog is.
func (s *sessionTimer) refresh(d *dialog) {
	if !d.allows["UPDATE"] {
		d.wanted = append(d.wanted, reoffer{repeat: true, done: func(err error) {
			if err != nil {
				s.again(d)
			}
		}})
		d.nextOffer()
		return
	}
	req := d.next(gosip.UPDATE)
	for _, h := range s.renew(d) {
		req.AppendHeader(h)
	}
	d.ask(req, func(res *gosip.Response) {
		switch {
		case res.IsSuccess():
			d.refresh(res)
			s.granted(d, res)
		case !d.survives(res):
		case res.StatusCode == 422 && s.raise(d, res):
			s.refresh(d)
		default:
			d.allows["UPDATE"] = res.StatusCode == 491 || res.StatusCode == 500
			s.again(d)
		}
	}, func(error) { d.lose(end{status: 408, text: "session expired"}) })
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
