package signaling

import "tandem/calls"

// ShowData tells an agent's page what the call carries now: flags, data, what a virtual agent said of it.
func (g *leg) ShowData(d calls.Data) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.showData(g, d) })
	}
}

func (s *session) showData(g *leg, d calls.Data) {
	if s.customer() {
		return
	}
	card := &g.target.Card
	card.Reserved, card.Data, card.Summary = d.Reserved, d.Data, d.Summary
	switch {
	case s.leg != g || g.ended():
	case s.ringing():
		s.event("offer", g.callID(), s.offerView()) // the same offer, with another card
	default:
		v := s.view
		v.Card = card
		s.setView(v)
	}
}
