package queues

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// target is what decides whether an agent sees a queue as a target of transfers (Q4.6).
type target struct {
	deflection bool // calls are deflected after hours at all: the switch for all queues
	allowed    bool // agents may transfer to queues after hours
	open       bool
	deflects   bool    // the queue says what callers meet when it is closed
	signedIn   bool    // somebody who serves it is signed in
	bot        BotWhen // when its virtual agent works; "": it has none
}

// visible is the rule. Whether deflection is switched on makes no difference: both of its rows in Q4.6 name the same queues.
func (t target) visible() bool {
	switch {
	case t.open:
		return true
	case !t.allowed || t.bot == BotInHours:
		return false
	default:
		return t.deflects || t.signedIn || t.bot == BotAlways
	}
}

// TransferTarget is a queue to which an agent may transfer now.
type TransferTarget struct {
	Queue     uuid.UUID  `json:"queue"`
	Name      string     `json:"name"`
	Path      []string   `json:"path"` // names from the top
	Open      bool       `json:"open"`
	Instead   Deflection `json:"instead"` // what the customer meets there when it is closed; off: they wait
	SignedIn  int        `json:"signed_in_agents"`
	Available int        `json:"available_agents"`
	Waiting   int        `json:"waiting"`
}

// TransferTargets lists the queues that an agent sees as targets for a customer of a channel now.
func (s *Service) TransferTargets(ctx context.Context, tenant uuid.UUID, channel Channel) (targets []TransferTarget, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tree, err := readTree(ctx, tx)
		if err != nil {
			return err
		}
		p := newPlanner(ctx, tx, Arrival{At: tx.Now, Channel: channel})
		for _, q := range tree {
			if !q.Leaf || q.Paused {
				continue
			}
			t, seen, err := p.target(q)
			if err != nil {
				return err
			}
			if seen {
				t.Path = pathIn(tree, q)
				targets = append(targets, t)
			}
		}
		return nil
	})
	return targets, wrap("list the targets of transfers", err)
}

func (p *planner) target(q Queue) (TransferTarget, bool, error) {
	pl, v, err := p.hoursStep(q.ID)
	if err != nil {
		return TransferTarget{}, false, err
	}
	l, err := p.load(pl)
	if err != nil {
		return TransferTarget{}, false, err
	}
	d, _ := pl.set.deflectionFor(p.a.Channel)
	var bot BotWhen
	if rule := pl.set.Bot.Value; rule.Bot != uuid.Nil {
		bot = rule.When
	}
	seen := target{
		deflection: pl.set.DeflectCalls.Value, allowed: pl.set.TransferAfterHours.Value, open: v.Open, deflects: d.Mode != DeflectOff, signedIn: l.SignedIn > 0,
		bot: bot,
	}.visible()
	return TransferTarget{
		Queue: q.ID, Name: q.Name, Open: v.Open, Instead: v.Instead, SignedIn: l.SignedIn, Available: l.Available, Waiting: l.Waiting,
	}, seen, nil
}

func pathIn(tree []Queue, q Queue) []string {
	names := []string{q.Name}
	for q.Parent != uuid.Nil {
		at := -1
		for i := range tree {
			if tree[i].ID == q.Parent {
				at = i
			}
		}
		if at < 0 {
			break
		}
		q = tree[at]
		names = append([]string{q.Name}, names...)
	}
	return names
}
