package main

import (
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/media/codec"
	"tandem/sip/siptest"
)

// party is one end of a call.
type party struct {
	s        *soak
	c        *siptest.Call
	v        *siptest.Voice
	answered bool
	plan     []act
	sent     time.Time // the request that is unanswered; zero: none is
}

// act is what a party does at a time, once it talks.
type act struct {
	at time.Time
	do func()
}

// called is a call as the telephone that is rung sees it.
func (s *soak) called(c *siptest.Call, desk bool) {
	p := &party{s: s, c: c, v: siptest.NewVoice(s.t, codec.PCMU)}
	defer p.v.Close()
	c.Reply(c.Invite, 180, "Ringing", "")
	pick := s.moment(longestRing)
	refuse, ignore := s.chance(10), s.chance(5)
	for m := range p.messages() {
		if m == nil {
			if !p.answered && !ignore && time.Now().After(pick) {
				if refuse {
					c.Reply(c.Invite, 486, "Busy Here", "")
					return
				}
				p.answer(desk)
			}
			continue
		}
		if p.over(m) {
			return
		}
	}
}

func (p *party) answer(desk bool) {
	p.answered = true
	p.c.Reply(p.c.Invite, 200, "OK", p.sdp(""))
	p.v.Send(string(p.c.Invite.Body()), agentHz)
	switch s := p.s; {
	case desk && s.chance(70):
		p.plan = []act{{s.moment(longestCall / 4), p.transfer}}
	case s.chance(50):
		held := s.moment(longestCall / 2)
		p.plan = []act{{held, func() { p.hold("sendonly") }}, {held.Add(longestCall / 6), func() { p.hold("sendrecv") }}}
	}
	if p.s.chance(50) {
		p.plan = append(p.plan, act{p.s.moment(longestCall), func() { p.send("BYE") }})
	}
}

func (p *party) sdp(direction string) string { return p.c.Phone.SDP(p.v.Port(), direction, "0") }

func (p *party) hold(direction string) {
	p.s.holds.Add(1)
	p.sent = time.Now()
	p.c.Send("INVITE", "application/sdp", p.sdp(direction))
}

func (p *party) transfer() {
	p.s.refers.Add(1)
	to := []string{"1003", p.s.far, "7700", nobody}
	p.send("REFER", "Refer-To: <sip:"+to[p.s.refers.Load()%int64(len(to))]+"@tandem>")
}

func (p *party) send(method string, extra ...string) {
	p.sent = time.Now()
	p.c.Send(method, "", "", extra...)
}

// caller calls and leaves some time, before the answer or after it.
func (s *soak) caller(number string) {
	if number == nobody {
		s.refused.Add(1)
	}
	phone := siptest.New(s.t, "+49307"+strconv.FormatInt(100_000+s.made.Add(1), 10))
	defer phone.Close()
	p := &party{s: s, v: siptest.NewVoice(s.t, codec.PCMU), sent: time.Now()}
	defer p.v.Close()
	p.c = phone.Invite(s.sip, number, phone.SDP(p.v.Port(), "", "0"))
	leave, impatient, left := s.moment(longestCall), s.chance(15), false
	if impatient {
		leave = s.moment(longestRing)
	}
	for m := range p.messages() {
		if !left && time.Now().After(leave) {
			left = true
			if p.answered {
				p.send("BYE")
			} else {
				p.c.Cancel()
			}
		}
		if res, ok := m.(*gosip.Response); ok && res.CSeq().MethodName == gosip.INVITE && p.settled(res, left) {
			return
		}
		if m != nil && p.over(m) {
			return
		}
	}
}

// settled takes an answer to the caller's INVITE; true: there is no call.
func (p *party) settled(res *gosip.Response, left bool) bool {
	p.sent = time.Time{}
	switch {
	case res.StatusCode < 200:
		return false
	case !res.IsSuccess():
		p.c.AckRefusal(res)
		return true
	}
	p.c.Learn(res)
	p.c.Ack("")
	if !p.answered {
		p.answered = true
		p.v.Send(string(res.Body()), customerHz)
		if left { // the CANCEL came too late
			p.send("BYE")
		}
	}
	return false
}

// messages yields what comes, and nil from time to time; then the party does what it has planned, and asks again for what nobody answers.
func (p *party) messages() func(yield func(gosip.Message) bool) {
	return func(yield func(gosip.Message) bool) {
		for end := time.Now().Add(4 * longestCall); time.Now().Before(end); {
			m := p.c.TryNext(20 * time.Millisecond)
			if !yield(m) {
				return
			}
			if m != nil {
				continue
			}
			if len(p.plan) > 0 && p.sent.IsZero() && time.Now().After(p.plan[0].at) {
				next := p.plan[0]
				p.plan = p.plan[1:]
				next.do()
			}
			if !p.sent.IsZero() && time.Since(p.sent) > time.Second {
				p.sent = time.Now()
				p.c.Resend()
			}
		}
		p.s.t.Errorf("a call of %s has not ended", p.c.Phone.User)
	}
}

// over answers what the other side says in a call; true: it is over.
func (p *party) over(m gosip.Message) bool {
	if res, ok := m.(*gosip.Response); ok {
		if res.StatusCode >= 200 {
			p.sent = time.Time{}
		}
		if res.CSeq().MethodName == gosip.INVITE && res.StatusCode >= 200 {
			if res.IsSuccess() {
				p.c.Ack("")
			} else {
				p.c.AckRefusal(res)
			}
		}
		return res.CSeq().MethodName == gosip.BYE && res.StatusCode >= 200
	}
	req := m.(*gosip.Request) //nolint:forcetypeassert // there is nothing else
	switch req.Method {
	case gosip.ACK:
	case gosip.CANCEL:
		p.c.Reply(req, 200, "OK", "")
		p.c.Reply(p.c.Invite, 487, "Request Terminated", "")
		return true
	case gosip.INVITE:
		p.c.Reply(req, 200, "OK", p.sdp(""))
	default:
		if req.Method == gosip.NOTIFY && strings.HasPrefix(string(req.Body()), "SIP/2.0 200") {
			p.s.moved.Add(1)
		}
		p.c.Reply(req, 200, "OK", "")
		return req.Method == gosip.BYE
	}
	return false
}
