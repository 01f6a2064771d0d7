package calls

import (
	"fmt"
	"slices"
	"strings"

	"tandem/media"
)

// party is somebody in a call, as the picture of who hears whom counts them: the customer, the agent (or far end), supervisor n, and the guests.
type party int

const (
	customerParty party = -2
	agentParty    party = -1
	firstGuest    party = -3 // the others follow downwards
)

func guestParty(i int) party { return firstGuest - party(i) }

// scene is what the picture follows from.
type scene struct {
	state      State
	joining    bool // customer and agent are about to talk
	redacting  bool
	supervised []SupervisionMode // as what each supervisor is heard now
	guests     []guestState
}

// picture says who hears whom (media 6.2). Who is not in it goes on hearing what they were given: music, prompts, each other. The rule is to change
// the listener, not the call: a supervisor who only listens is in nobody's picture but their own.
func picture(s scene) map[party][]party {
	hears := map[party][]party{}
	var coaching, barging []party
	for i, mode := range s.supervised {
		switch mode {
		case Coach:
			coaching = append(coaching, party(i))
		case Barge:
			barging = append(barging, party(i))
		default:
		}
	}
	guests := s.guestsHeard()
	switch {
	case s.talking():
		hears[customerParty] = slices.Concat([]party{agentParty}, guests, barging)
		hears[agentParty] = slices.Concat([]party{customerParty}, guests, coaching, barging)
	case s.joining: // a virtual agent
		hears[customerParty], hears[agentParty] = []party{agentParty}, []party{customerParty}
	case s.state == StateHeld: // the customer hears music; whoever speaks to the agent may go on
		hears[agentParty] = slices.Concat(guests, coaching, barging)
	default:
	}
	for _, p := range guests {
		hears[p] = slices.Concat([]party{agentParty}, except(guests, p), barging)
		if s.talking() {
			hears[p] = append(hears[p], customerParty)
		}
	}
	for i, mode := range s.supervised {
		hears[party(i)] = s.supervisorHears(party(i), mode, barging)
	}
	return hears
}

func (s scene) talking() bool { return s.state == StateTalking || s.joining && s.state != StateBot }

// guestsHeard are the guests who are heard now: by those who talk, or, while the customer hears music, by the agent.
func (s scene) guestsHeard() (heard []party) {
	for i, state := range s.guests {
		if state == guestJoined && s.talking() || s.state == StateHeld {
			heard = append(heard, guestParty(i))
		}
	}
	return heard
}

func except(all []party, me party) []party {
	return slices.DeleteFunc(slices.Clone(all), func(p party) bool { return p == me })
}

// supervisorHears is what a supervisor hears: the talk, and those who speak in it. What is kept out of the recording is kept from those who only
// listen, too.
func (s scene) supervisorHears(me party, mode SupervisionMode, barging []party) []party {
	others := slices.Concat(s.guestsHeard(), except(barging, me))
	switch {
	case s.redacting && mode != Barge:
		return nil
	case s.talking():
		return slices.Concat([]party{customerParty, agentParty}, others)
	case s.state == StateBot && mode == Monitor:
		return []party{customerParty, agentParty}
	case s.state == StateHeld && mode.audible():
		return slices.Concat([]party{agentParty}, others)
	default:
		return nil
	}
}

// leg is a party's leg; nil: there is none at the moment.
func (c *Call) leg(p party) Leg {
	switch {
	case p == customerParty:
		return c.customer
	case p == agentParty:
		return c.far
	case p <= firstGuest:
		return c.guests[firstGuest-p].leg
	default:
		return c.supervisors[p].leg
	}
}

// join lets customer and far leg hear each other, whatever they heard before.
func (c *Call) join() {
	delete(c.ears, c.customer.Stream())
	delete(c.ears, c.far.Stream())
	c.paint(true)
}

// repaint lets everybody hear what the picture says now. Legs whose part in it has not changed are not touched.
func (c *Call) repaint() { c.paint(false) }

func (c *Call) paint(joining bool) {
	s := scene{state: c.state, joining: joining, redacting: c.redacting()}
	for _, sup := range c.supervisors {
		s.supervised = append(s.supervised, sup.heardAs)
	}
	for _, g := range c.guests {
		s.guests = append(s.guests, g.state)
	}
	changes := map[*media.Stream]media.Source{}
	for listener, speakers := range picture(s) {
		leg := c.leg(listener)
		if leg == nil {
			continue
		}
		var streams []*media.Stream
		for _, p := range speakers {
			if l := c.leg(p); l != nil {
				streams = append(streams, l.Stream())
			}
		}
		to := leg.Stream()
		if key := earKey(streams); c.ears[to] != key {
			c.ears[to], changes[to] = key, c.source(streams)
		}
	}
	media.Apply(changes)
}

func (c *Call) source(speakers []*media.Stream) media.Source {
	switch len(speakers) {
	case 0:
		return media.Silence()
	case 1:
		return media.Forward(speakers[0])
	default:
		if c.mixer == nil {
			c.mixer = media.NewMixer()
		}
		return c.mixer.Sum(speakers...)
	}
}

// earKey names a set of speakers.
func earKey(speakers []*media.Stream) string {
	names := make([]string, len(speakers))
	for i, s := range speakers {
		names[i] = fmt.Sprintf("%p", s)
	}
	slices.Sort(names)
	return "hears " + strings.Join(names, " ")
}
