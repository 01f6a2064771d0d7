package queues

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Why says why somebody does not wait.
type Why string

// Why somebody does not wait.
const (
	BecauseClosed Why = "after_hours"
	BecausePaused Why = "paused" // the queue takes nobody new
	BecauseFull   Why = "over_capacity"
	BecauseEmpty  Why = "no_agents"
)

// Arrival is somebody who comes to a queue.
type Arrival struct {
	At       time.Time
	Channel  Channel // "": ivr
	Language string  // "" fits no override for a language
	Crowd    bool    // look also at how many wait now and who is there
}

// Problem is what keeps a deflection from leading anywhere. Callers get its message instead, and the call ends.
type Problem string

// Problems of deflections.
const (
	ProblemLoop Problem = "loop" // it leads back to where they have been
	ProblemGone Problem = "gone" // the queue is archived, or has queues below it by now
)

// Visit is what somebody meets in one queue.
type Visit struct {
	Queue       uuid.UUID  `json:"queue"`
	Name        string     `json:"name"`
	Open        bool       `json:"open"`
	Hours       HoursRule  `json:"hours"`
	Bot         bool       `json:"virtual_agent,omitempty"` // takes the call first; the rest is what happens when it hands over
	SwitchedOff bool       `json:"switched_off,omitempty"`  // closed, and the deflection that is set does nothing: the switch for all queues is off
	Why         Why        `json:"why,omitempty"`           // missing: they wait
	Instead     Deflection `json:"instead"`                 // off: they wait
	Origin      Origin     `json:"origin"`                  // of Instead
	Default     bool       `json:"default_message,omitempty"`
	Problem     Problem    `json:"problem,omitempty"`
	Opens       *time.Time `json:"opens_at,omitempty"` // in a preview, when it is closed: the next time it opens, within a year
}

// Outcome is all that happens to somebody who comes to a queue: the queue itself first, then those that it sends them to.
type Outcome struct {
	At       time.Time      `json:"at"`
	Channel  Channel        `json:"channel"`
	Language string         `json:"language,omitempty"`
	Crowd    bool           `json:"crowd"` // how many wait, and who is there, was looked at too
	Visits   []Visit        `json:"visits"`
	End      DeflectionMode `json:"end"` // how it ends; off: they wait
}

// planner decides about the queues of one tenant in one transaction.
type planner struct {
	ctx   context.Context
	tx    *storage.Tx
	a     Arrival
	known map[uuid.UUID]*place
	hours map[uuid.UUID]Hours
}

// place is a queue as a planner knows it.
type place struct {
	queue  Queue
	levels []OwnSettings // global first, its own last
	set    Settings
	load   *load
}

func newPlanner(ctx context.Context, tx *storage.Tx, a Arrival) *planner {
	if a.Channel == "" {
		a.Channel = IVR
	}
	return &planner{ctx: ctx, tx: tx, a: a, known: map[uuid.UUID]*place{}, hours: map[uuid.UUID]Hours{}}
}

// Preview tells what happens at a time to somebody who comes to a queue: open or closed, by which hours, where they go instead, and what they
// meet there in turn.
func (s *Service) Preview(ctx context.Context, tenant, queue uuid.UUID, a Arrival) (out Outcome, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		p := newPlanner(ctx, tx, a)
		out = Outcome{At: a.At, Channel: p.a.Channel, Language: a.Language, Crowd: a.Crowd}
		for next := queue; next != uuid.Nil; {
			v, err := p.visit(next)
			if err == nil && !v.Open {
				v.Opens, err = p.opens(v.Hours)
			}
			if err != nil {
				return err
			}
			out.Visits, out.End = append(out.Visits, v), v.Instead.Mode
			next = v.Instead.Queue
		}
		return nil
	})
	return out, wrap("preview what happens in a queue", err)
}

// Arrived is a queue as somebody meets it who comes there.
type Arrived struct {
	Visit    Visit
	Language string   // the one that was asked for, else the tenant's
	Path     []string // the names from the top of the tree down to the queue's own
	Settings Settings
}

// Arrive tells what happens to somebody who comes to a queue there, and nothing of where it sends them. The calls go by it.
func (s *Service) Arrive(ctx context.Context, tenant, queue uuid.UUID, a Arrival) (r Arrived, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		b := &pgx.Batch{}
		q := queueRow(b, queue)
		levels, path := queueChain(b, queue)
		b.Queue(`SELECT locale FROM tenants WHERE tenant_id = $1`, tenant).QueryRow(func(row pgx.Row) error { return row.Scan(&r.Language) })
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		a.Language = cmp.Or(a.Language, r.Language)
		r.Language, r.Path = a.Language, *path
		p := newPlanner(ctx, tx, a)
		pl := p.know(q, levels)
		if r.Visit, err = p.visit(queue); err != nil {
			return err
		}
		r.Settings = pl.set
		return nil
	})
	return r, wrap("decide what happens in a queue", err)
}

// Open says whether a queue is open for callers at an instant, and what they meet when it is not. A queue without hours is always open. Where
// the deflection's mode is off, callers wait although it is closed.
func (s *Service) Open(ctx context.Context, tenant, queue uuid.UUID, at time.Time) (open bool, d Deflection, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		v, err := newPlanner(ctx, tx, Arrival{At: at}).visit(queue)
		open, d = v.Open, v.Instead
		return err
	})
	return open, d, wrap("decide whether a queue is open", err)
}

// visit decides in two steps, as a call meets them: the hours when it comes, then, when it is to wait, the crowd. A deflection that leads in a
// circle is cut where it starts: whoever meets any part of the circle gets a message. So it does not matter where they came in.
func (p *planner) visit(id uuid.UUID) (Visit, error) {
	pl, v, err := p.hoursStep(id)
	if err != nil {
		return v, err
	}
	crowd := v.Instead.Mode == DeflectOff && p.a.Crowd
	if crowd {
		if err := p.crowdStep(pl, &v); err != nil {
			return v, err
		}
	}
	err = p.cut(&v, crowd)
	return v, err
}

// cut ends a deflection to a queue that leads nowhere; crowd says whether the crowd is part of the way.
func (p *planner) cut(v *Visit, crowd bool) (err error) {
	if v.Instead.Mode != DeflectQueue {
		return nil
	}
	if v.Problem, err = p.leads(v.Queue, v.Instead.Queue, crowd); err == nil && v.Problem != "" {
		v.Instead, v.Default = Deflection{Mode: DeflectMessage}, true
	}
	return err
}

// leads follows a deflection to its end.
func (p *planner) leads(from, to uuid.UUID, crowd bool) (Problem, error) {
	seen := map[uuid.UUID]bool{from: true}
	for {
		if seen[to] {
			return ProblemLoop, nil
		}
		seen[to] = true
		pl, v, err := p.hoursStep(to)
		if errors.Is(err, ErrNoQueue) {
			return ProblemGone, nil
		}
		if err == nil && crowd && v.Instead.Mode == DeflectOff {
			err = p.crowdStep(pl, &v)
		}
		switch {
		case err != nil:
			return "", err
		case !pl.queue.Leaf && len(seen) == 2:
			return ProblemGone, nil
		case v.Instead.Mode != DeflectQueue:
			return "", nil
		}
		to = v.Instead.Queue
	}
}

// hoursStep decides by pause and hours.
func (p *planner) hoursStep(id uuid.UUID) (*place, Visit, error) {
	pl, err := p.place(id)
	if err != nil {
		return nil, Visit{}, err
	}
	v := Visit{Queue: id, Name: pl.queue.Name, Open: true, Instead: Deflection{Mode: DeflectOff}, Origin: FromGlobal}
	if v.Hours, err = p.hoursRule(pl); err != nil {
		return nil, v, err
	}
	v.Open = v.Hours.Hours == uuid.Nil || v.Hours.Period != nil
	v.Bot = pl.set.Bot.Value.Works(v.Open)
	switch {
	case pl.queue.Paused:
		v.Why, v.Instead, v.Origin, v.Default = BecausePaused, Deflection{Mode: DeflectMessage}, FromOwn, true
	case !v.Open:
		v.closed(pl, p.a.Channel)
	}
	return pl, v, nil
}

// closed is what somebody meets at a closed queue on a channel.
func (v *Visit) closed(pl *place, channel Channel) {
	d, origin := pl.set.deflectionFor(channel)
	if d.Mode == DeflectOff {
		return
	}
	if !pl.set.DeflectCalls.Value {
		v.SwitchedOff = true
		return
	}
	if d.needsGreeting() {
		d.Prompt, v.Default = greetingAbove(pl.levels), true
	}
	v.Why, v.Instead, v.Origin = BecauseClosed, d, origin
}

// deflectionFor is what a call on a channel meets at a closed queue. An app's callers are deflected to a queue, or leave a voicemail, where the
// app's own setting says so; whoever else calls although the page or the app has hidden it meets what telephone callers do.
func (s Settings) deflectionFor(channel Channel) (Deflection, Origin) {
	if m := s.DeflectionMobile.Value; channel == Mobile {
		switch {
		case m.Queue != uuid.Nil:
			return Deflection{Mode: DeflectQueue, Queue: m.Queue, Prompt: Prompt{Text: m.Message}}, s.DeflectionMobile.Origin
		case m.Voicemail:
			return Deflection{Mode: DeflectVoicemail, Prompt: Prompt{Text: m.Message}}, s.DeflectionMobile.Origin
		}
	}
	return s.Deflection.Value, s.Deflection.Origin
}

// greetingAbove is the nearest greeting of a deflection, the queue's own first.
func greetingAbove(levels []OwnSettings) Prompt {
	for i := len(levels) - 1; i >= 0; i-- {
		if d := levels[i].Deflection; d != nil && !d.Prompt.blank() {
			return d.Prompt
		}
	}
	return Prompt{}
}

// crowdStep decides by how many wait and who is there.
func (p *planner) crowdStep(pl *place, v *Visit) error {
	l, err := p.load(pl)
	if err != nil {
		return err
	}
	why, d := crowded(pl.set, l, l.Ahead, false)
	origin := pl.set.Overcapacity.Origin
	switch {
	case why == BecauseEmpty:
		origin = pl.set.Empty.Origin
	case why == "" && pl.set.MaxWaiting.Value > 0 && l.Waiting >= pl.set.MaxWaiting.Value:
		why, d, origin = BecauseFull, Deflection{Mode: DeflectMessage}, pl.set.MaxWaiting.Origin
	}
	if why != "" {
		v.Why, v.Instead, v.Origin, v.Default = why, d, origin, d.Prompt.blank()
	}
	return nil
}

// refuse says so when an item cannot wait in a queue for its crowd. What callers meet instead is of calls only.
func (p *planner) refuse(pl *place, kind Kind) error {
	v := Visit{Queue: pl.queue.ID, Instead: Deflection{Mode: DeflectOff}}
	if err := p.crowdStep(pl, &v); err != nil || v.Why == "" {
		return err
	}
	if kind != Call {
		if limit := pl.set.MaxWaiting.Value; limit == 0 || pl.load.Waiting < limit {
			return nil
		}
		return ErrQueueFull
	}
	if err := p.cut(&v, true); err != nil {
		return err
	}
	return &RefusedError{Why: v.Why, Instead: v.Instead}
}

// RefusedError is Join's answer when a call cannot wait, and what it meets instead. It is ErrQueueFull.
type RefusedError struct {
	Why     Why
	Instead Deflection
}

func (e *RefusedError) Error() string { return ErrQueueFull.Error() }

func (e *RefusedError) Unwrap() error { return ErrQueueFull }

func (p *planner) load(pl *place) (load, error) {
	if pl.load == nil {
		l, err := readLoad(p.ctx, p.tx, pl.queue.ID, NewItem{})
		if err != nil {
			return l, fmt.Errorf("read how a queue stands: %w", err)
		}
		pl.load = &l
	}
	return *pl.load, nil
}

func (p *planner) place(id uuid.UUID) (*place, error) {
	if pl := p.known[id]; pl != nil {
		return pl, nil
	}
	b := &pgx.Batch{}
	q, levels := queueRow(b, id), queueLevels(b, id)
	if err := p.tx.SendBatch(p.ctx, b).Close(); err != nil {
		return nil, err
	}
	return p.know(q, levels), nil
}

// know is place for a queue that has been read already.
func (p *planner) know(q *Queue, levels *[]OwnSettings) *place {
	pl := &place{queue: *q, levels: *levels, set: inherit((*levels)[0], (*levels)[1:])}
	p.known[q.ID] = pl
	return pl
}

func (p *planner) hoursRule(pl *place) (HoursRule, error) {
	rule := hoursFor(pl.levels, p.a.Channel, p.a.Language)
	if rule.Hours == uuid.Nil {
		return rule, nil
	}
	h, err := p.readHours(rule.Hours)
	if err != nil {
		return rule, err
	}
	now, err := h.decide(p.a.At)
	now.Origin, now.Channel, now.Language = rule.Origin, rule.Channel, rule.Language
	return now, err
}

func (p *planner) readHours(id uuid.UUID) (Hours, error) {
	if h, ok := p.hours[id]; ok {
		return h, nil
	}
	var h Hours
	if err := p.tx.QueryRow(p.ctx, `SELECT plan FROM queue_hours WHERE hours_id = $1`, id).Scan(&h); err != nil {
		return h, storage.Missing(err, ErrNoHours)
	}
	p.hours[id] = h
	return h, nil
}

// opens is when hours that are closed now open next, looked for in growing steps: nobody plans further than a year.
func (p *planner) opens(rule HoursRule) (*time.Time, error) {
	h, err := p.readHours(rule.Hours)
	if err != nil {
		return nil, err
	}
	from := p.a.At
	for _, days := range []int{8, 30, 365} {
		until := p.a.At.AddDate(0, 0, days)
		spans, err := h.Spans(from, until)
		if err != nil {
			return nil, err
		}
		if len(spans) > 0 {
			return &spans[0].From, nil
		}
		from = until
	}
	return nil, nil
}
