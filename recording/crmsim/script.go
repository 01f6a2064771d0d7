package crmsim

import "time"

// Op is what a request asks for.
type Op string

// The operations.
const (
	OpTicket Op = "ticket"
	OpAttach Op = "attach"
	OpList   Op = "list"
	OpRead   Op = "read"
	OpRemove Op = "remove"
	OpNote   Op = "note"
)

// Action is what a fault does to a request.
type Action string

// The actions.
const (
	Refuse  Action = "refuse"  // answers Status and does nothing
	Lose    Action = "lose"    // does it, then answers Status; 0: cuts the connection
	Cut     Action = "cut"     // cuts the connection after Bytes of the body
	Shrink  Action = "shrink"  // keeps only Bytes of the file and answers success
	Hide    Action = "hide"    // keeps the file, which lists show only after For
	Hold    Action = "hold"    // does it, and answers after Release only, or when the client has gone
	Twice   Action = "twice"   // answers twice over
	Mislead Action = "mislead" // answers with the id of another file
	Former  Action = "former"  // answers what it answered to the former request of this kind
)

// Fault is one line of a script. The first line that fits a request is done to it.
type Fault struct {
	Op          Op            // empty: any
	Ticket      string        // only this one's; empty: any
	Skip        int           // so many fitting requests pass first
	Times       int           // how many are hit; 0: no end
	Share       float64       // of the fitting ones, by the seed; 0: all
	From, Until time.Duration // after the CRM's beginning; Until 0: no end
	Do          Action
	Status      int
	RetryAfter  time.Duration
	Bytes       int64
	For         time.Duration
}

type running struct {
	Fault
	passed, hit int
}

// Script adds lines.
func (c *CRM) Script(faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range faults {
		c.script = append(c.script, &running{Fault: f})
	}
}

// Well forgets the script: from now on the CRM behaves, but for a token that it does not know.
func (c *CRM) Well() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = nil
}

// Release answers what Hold keeps, and lets later ones wait anew.
func (c *CRM) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.held)
	c.held = make(chan struct{})
}

// next is what the script says about a request. The caller holds mu.
func (c *CRM) next(op Op, ticket string) Fault {
	age := c.now().Sub(c.began)
	for _, r := range c.script {
		if r.Op != "" && r.Op != op || r.Ticket != "" && r.Ticket != ticket || r.Times > 0 && r.hit >= r.Times || age < r.From || r.Until > 0 && age >= r.Until {
			continue
		}
		if r.passed < r.Skip {
			r.passed++
			continue
		}
		if r.Share > 0 && c.rng.Float64() >= r.Share {
			continue
		}
		r.hit++
		return r.Fault
	}
	return Fault{}
}

// Random is a script in which that share of all requests fails, in every way that comes by itself.
func Random(share float64) []Fault {
	all := []Fault{
		{Do: Refuse, Status: 500},
		{Do: Refuse, Status: 503, RetryAfter: 2 * time.Minute},
		{Op: OpAttach, Do: Refuse, Status: 429},
		{Do: Lose, Status: 502},
		{Do: Lose},
		{Op: OpAttach, Do: Cut, Bytes: 9_000},
		{Op: OpAttach, Do: Shrink, Bytes: 5_000},
		{Op: OpAttach, Do: Shrink},
		{Op: OpAttach, Do: Hide, For: 30 * time.Second},
	}
	left := 1.0
	for i := range all {
		p := share / float64(len(all))
		all[i].Share = p / left
		left -= p
	}
	return all
}
