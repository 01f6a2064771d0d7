package calls

import (
	"slices"

	"github.com/google/uuid"
)

// Roster is who is in a call of more than two, as one of them sees it.
type Roster struct {
	Leads   bool          `json:"leads"`   // the call is this user's: they ask others in, and send them away
	Parties []Participant `json:"parties"` // besides this user
}

// Participant is somebody in a call.
type Participant struct {
	ID    uuid.UUID        `json:"id"` // of the leg
	Party string           `json:"party"`
	Name  string           `json:"name,omitempty"`
	State ParticipantState `json:"state"`
}

// ParticipantState is what a participant takes part in.
type ParticipantState string

// The states of participants.
const (
	ParticipantHeld      ParticipantState = "held"      // the customer, who hears music
	ParticipantConsulted ParticipantState = "consulted" // talks with the agent, out of the customer's hearing
	ParticipantTalking   ParticipantState = "talking"
)

// rosterScreen is a Leg whose user sees who is in the call. Without parties it is a call of two again.
type rosterScreen interface{ ShowRoster(r Roster) }

// showRoster lets everybody in a call of more than two see who is there, and once that it is a call of two again.
func (c *Call) showRoster() {
	all := c.participants()
	if len(all) == 0 && !c.rostered {
		return
	}
	c.rostered = len(all) > 0 || c.far == nil // who comes in the agent's place is told yet
	for _, leg := range c.legs() {
		if s, ok := leg.(rosterScreen); ok && leg != c.customer {
			s.ShowRoster(Roster{Leads: leg == c.far && !c.outside(), Parties: others(all, leg.ID())})
		}
	}
}

// participants are those who take part; nobody where it is a call of two.
func (c *Call) participants() (all []Participant) {
	if len(c.guests) == 0 || c.far == nil || c.customer == nil {
		return nil
	}
	customer := Participant{ID: c.customer.ID(), Party: "customer", Name: c.record.Caller.Name, State: ParticipantTalking}
	if customer.Name == "" && !c.record.Caller.Withheld {
		customer.Name = c.record.Caller.Number
	}
	if c.state == StateHeld {
		customer.State = ParticipantHeld
	}
	all = append(all, customer, Participant{ID: c.far.ID(), Party: c.partyOf(c.far), Name: c.farName(), State: ParticipantTalking})
	for _, g := range c.guests {
		p := Participant{ID: g.leg.ID(), Party: c.partyOf(g.leg), Name: g.name(), State: ParticipantTalking}
		if g.state == guestConsulted {
			p.State = ParticipantConsulted
		}
		all = append(all, p)
	}
	return all
}

// partyOf is what the record says of a leg.
func (c *Call) partyOf(leg Leg) string {
	if i := c.legIndex(leg); i >= 0 {
		return c.record.Legs[i].Party
	}
	return ""
}

func (c *Call) farName() string {
	switch {
	case c.place != nil:
		return c.record.AgentName
	case c.record.TakenOverBy != nil:
		return c.record.TakenOverName
	case c.byExtension:
		return c.record.AgentName
	}
	for _, r := range slices.Backward(c.record.Transfers) { // somebody outside
		if r.Result == transferDone {
			return r.Name
		}
	}
	return ""
}

func (g *guest) name() string {
	if g.Name != "" {
		return g.Name
	}
	return g.Number
}

func others(all []Participant, me uuid.UUID) (rest []Participant) {
	for _, p := range all {
		if p.ID != me {
			rest = append(rest, p)
		}
	}
	return rest
}
