package sip

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/sound"
)

// TestCall is how a call went that somebody made to see whether a trunk works.
type TestCall struct {
	Result   string         `json:"result" doc:"answered, or why not: busy, no_answer, declined, unreachable and other causes"`
	Status   int            `json:"sip_status" doc:"of the last answer to the INVITE; 0: there was none"`
	Rang     *float64       `json:"rang_after_seconds,omitempty"`
	Answered *float64       `json:"answered_after_seconds,omitempty"`
	Codec    string         `json:"codec,omitempty"`
	Quality  *media.Quality `json:"quality,omitempty"` // of the seconds after the answer
}

// TrunkTested is the data of the event trunk.tested. It names no number.
type TrunkTested struct {
	Trunk  uuid.UUID `json:"trunk"`
	Result string    `json:"result"`
	Status int       `json:"sip_status"`
}

const (
	testRing = 30 * time.Second
	testTalk = 3 * time.Second // in which the called hear a tone, and we hear what there is
)

// TestCall calls a number by one trunk and no other, within the outbound rules, and hangs up by itself. It returns when the call is over; ctx ends it
// before. ErrTrunkOff: calls do not go out there.
func (d *Dialer) TestCall(ctx context.Context, tenant, trunk uuid.UUID, number string) (r TestCall, err error) {
	var by []*Trunk
	for _, tr := range d.s.dir.outbound(tenant) {
		if tr.ID == trunk {
			by = append(by, tr)
		}
	}
	if len(by) == 0 {
		return r, ErrTrunkOff
	}
	to, o := calls.Target{Tenant: tenant, Device: "trunk:" + number}, outgoing{from: d.from(calls.Party{}), contact: "tandem"}
	if err := d.goBy(ctx, by, to, number, &o); err != nil {
		return r, err
	}
	o.address(to)
	g, err := d.s.legs.outbound(o)
	if err != nil {
		return r, err
	}
	r = g.test(ctx)
	ctx = context.WithoutCancel(ctx) // also when nobody waits for the result any more
	err = d.s.dir.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return d.s.dir.log.Append(ctx, tx, "trunk.tested", trunk, TrunkTested{Trunk: trunk, Result: r.Result, Status: r.Status})
	})
	if err != nil {
		return r, fmt.Errorf("note that a trunk was tested: %w", err)
	}
	return r, nil
}

// test waits for an answer, speaks for a while, and hangs up.
func (g *leg) test(ctx context.Context) (r TestCall) {
	begun := time.Now()
	after := func() *float64 { return new(time.Since(begun).Seconds()) }
	limit, gone := time.NewTimer(testRing), ctx.Done()
	defer limit.Stop()
	for {
		select {
		case e, open := <-g.Events():
			switch {
			case !open:
				r.Result, r.Status = g.outcome()
				if r.Answered != nil {
					r.Result, r.Quality = "answered", new(g.stream.Quality())
				}
				return r
			case e == calls.LegRinging && r.Rang == nil:
				r.Rang = after()
			case e == calls.LegAnswered:
				r.Answered, r.Codec = after(), g.stream.Format().Codec.Name
				g.stream.Play(testTone())
				limit.Reset(testTalk)
			}
		case <-limit.C:
			if r.Answered == nil {
				g.Hangup(calls.CauseNoAnswer)
			} else {
				g.Hangup(calls.CauseNormal)
			}
		case <-gone:
			gone = nil
			g.Hangup(calls.CauseNormal)
		}
	}
}

// testTone is what the called hear: two notes at once.
func testTone() media.Source {
	tone := sound.Tone{Hz: []float64{440, 880}, On: testTalk, Level: -20}
	a, err := sound.NewAsset(tone.PCM(8000), nil)
	if err != nil {
		return media.Silence()
	}
	return media.Sound(a, media.SoundOptions{})
}

// outcome is how the leg has ended, and the final status of its INVITE.
func (g *leg) outcome() (cause string, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(g.cause), g.status
}
