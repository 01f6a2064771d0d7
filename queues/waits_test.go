package queues_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"

	"tandem/internal/storage"
	"tandem/queues"
)

// come joins a call of a caller, or says what it met instead.
func (h *house) come(q uuid.UUID, n queues.NewItem) (*queues.Waiting, *queues.RefusedError) {
	h.Helper()
	n.Kind = queues.Call
	if n.ID == uuid.Nil {
		n.ID = storage.NewID()
	}
	w, err := h.s.Join(h.ctx, h.tenant, q, n)
	var refused *queues.RefusedError
	if errors.As(err, &refused) {
		return nil, refused
	}
	h.ok(err)
	return w, nil
}

func (h *house) standing(w *queues.Waiting) queues.Standing {
	h.Helper()
	st, err := w.Standing(h.ctx)
	h.ok(err)
	return st
}

// Rules act in their order, on how many wait ahead and on the estimated wait; the preview says the same as who comes meets.
func TestOvercapacity(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	other := h.queue("Other", queues.OwnSettings{})
	rules := []queues.OverRule{
		{Ahead: 4, Do: queues.Deflection{Mode: queues.DeflectQueue, Queue: other}},
		{Ahead: 3, WaitSeconds: 100_000 / 2, Do: queues.Deflection{Mode: queues.DeflectMessage}},
		{Ahead: 3, Do: queues.Deflection{Mode: queues.DeflectOff}}, // keep waiting, whatever comes after
		{Ahead: 2, Do: queues.Deflection{Mode: queues.DeflectCallback, Prompt: text("We call you back.")}},
		{WaitSeconds: 360, Do: queues.Deflection{Mode: queues.DeflectVoicemail}},
	}
	q := h.queue("Q", queues.OwnSettings{Overcapacity: &rules})
	h.staff(1, q)
	for i, want := range []struct {
		mode queues.DeflectionMode
		step func()
	}{
		{queues.DeflectOff, nil},      // idle agent: no wait
		{queues.DeflectOff, nil},      // 1 ahead, 180 s
		{queues.DeflectCallback, nil}, // 2 ahead
		{queues.DeflectOff, func() { // who has priority has nobody ahead; then there are 3
			if _, refused := h.come(q, queues.NewItem{Priority: 9}); refused != nil {
				t.Errorf("an urgent one met %+v", refused)
			}
		}},
		{queues.DeflectQueue, nil}, // 4 ahead
	} {
		if want.step != nil {
			want.step()
		}
		out := h.preview(q, queues.Arrival{At: time.Now(), Crowd: true})
		_, refused := h.come(q, queues.NewItem{})
		met := queues.DeflectOff
		if refused != nil {
			met = refused.Instead.Mode
			if refused.Why != queues.BecauseFull || !errors.Is(refused, queues.ErrQueueFull) {
				t.Errorf("refused because of %s", refused.Why)
			}
		}
		if met != want.mode || out.Visits[0].Instead.Mode != met {
			t.Errorf("%d: met %s, the preview says %s, want %s", i, met, out.Visits[0].Instead.Mode, want.mode)
		}
	}
}

// Who waits already is moved on only by rules that say so.
func TestOvercapacityOfThoseWhoWait(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	rules := []queues.OverRule{
		{WaitSeconds: 60, Do: queues.Deflection{Mode: queues.DeflectMessage}},
		{WaitSeconds: 60, AlreadyWaiting: true, Do: queues.Deflection{Mode: queues.DeflectVoicemail}},
	}
	q := h.queue("Q", queues.OwnSettings{})
	agents := h.staff(1, q)
	first, _ := h.come(q, queues.NewItem{})
	second, _ := h.come(q, queues.NewItem{})
	if st := h.standing(second); st.Position != 2 || st.Wait == nil || *st.Wait != 3*time.Minute || st.Instead.Mode != queues.DeflectOff {
		t.Errorf("standing %+v", st)
	}
	_, err := h.s.UpdateQueue(h.ctx, h.tenant, q, queues.QueueChange{Set: queues.OwnSettings{Overcapacity: &rules}})
	h.ok(err)
	h.eventually("the rule acts", func() bool { return h.standing(second).Instead.Mode == queues.DeflectVoicemail })
	if st := h.standing(first); st.Instead.Mode != queues.DeflectOff || st.Wait == nil || *st.Wait != 0 {
		t.Errorf("the next in turn: %+v", st)
	}
	// Nobody there: nobody can tell, and that is longer than any time.
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[0], queues.Offline, ""))
	h.eventually("the agent is gone", func() bool {
		st := h.standing(first)
		return st.Wait == nil && st.Instead.Mode == queues.DeflectVoicemail
	})
}

func TestEmptyPolicy(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	rule := func(c queues.EmptyCondition) queues.EmptyRule {
		return queues.EmptyRule{When: c, Do: queues.Deflection{Mode: queues.DeflectVoicemail}}
	}
	q := h.queue("Q", queues.OwnSettings{Empty: &queues.EmptyPolicy{Join: rule(queues.EmptyUnavailable), Leave: rule(queues.EmptySignedOut)}})
	agents := h.staff(2, q)
	presence := func(a int, p queues.Presence) { h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[a], p, "")) }
	joins := func() bool {
		_, refused := h.come(q, queues.NewItem{})
		if refused != nil && (refused.Why != queues.BecauseEmpty || refused.Instead.Mode != queues.DeflectVoicemail) {
			t.Errorf("refused: %+v", refused)
		}
		return refused == nil
	}
	w, _ := h.come(q, queues.NewItem{})
	presence(0, queues.Away)
	if !joins() {
		t.Error("one is available")
	}
	presence(1, queues.Busy)
	if joins() {
		t.Error("nobody is available")
	}
	if st := h.standing(w); st.Instead.Mode != queues.DeflectOff {
		t.Errorf("they are signed in: %+v", st)
	}
	presence(0, queues.Offline)
	presence(1, queues.Offline)
	h.eventually("those who wait leave", func() bool {
		st := h.standing(w)
		return st.Why == queues.BecauseEmpty && st.Instead.Mode == queues.DeflectVoicemail
	})
}

// Who hangs up and calls again soon has the place and the priority that they had; once, and nobody else.
func TestRedial(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	q, other := h.queue("Q", queues.OwnSettings{MaxWaiting: new(4)}), h.queue("Other", queues.OwnSettings{})
	never := h.queue("Never", queues.OwnSettings{RedialSeconds: new(0)})
	const number = "+4930123456"
	for _, each := range []uuid.UUID{q, never} {
		w, _ := h.come(each, queues.NewItem{Caller: number, Priority: 2})
		h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	}
	ahead, _ := h.come(q, queues.NewItem{Priority: 2})
	for range 3 {
		h.come(q, queues.NewItem{Caller: "+4930999999"})
	}
	if _, refused := h.come(q, queues.NewItem{Caller: "+4930888888"}); refused == nil {
		t.Error("the queue is not full")
	}
	for _, c := range []struct {
		queue  uuid.UUID
		caller string
		place  int
	}{
		{other, number, 1}, // another queue: its end, which is its beginning
		{never, "x", 1},    // somebody before them
		{never, number, 2}, // places are not kept there
		{q, number, 1},     // although it is full
	} {
		w, refused := h.come(c.queue, queues.NewItem{Caller: c.caller})
		if refused != nil {
			t.Fatalf("%s was refused", c.caller)
		}
		if st := h.standing(w); st.Position != c.place {
			t.Errorf("%s has place %d, want %d", c.caller, st.Position, c.place)
		}
	}
	h.eventually("the one who came meanwhile is second", func() bool { return h.standing(ahead).Position == 2 })
	if _, refused := h.come(q, queues.NewItem{Caller: number}); refused == nil {
		t.Error("the place was given twice")
	}
	w, _ := h.come(other, queues.NewItem{Caller: ""})
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	if w, _ := h.come(other, queues.NewItem{}); h.standing(w).Position != 2 {
		t.Error("a withheld number has a place")
	}
	// Too late: the row is made old.
	late, _ := h.come(other, queues.NewItem{Caller: "+4930777777", Priority: 5})
	h.ok(late.Leave(h.ctx, queues.LeftAbandoned))
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(h.ctx, `UPDATE queue_items SET left_at = left_at - interval '61 seconds' WHERE caller = '+4930777777'`)
		return err
	}))
	if w, _ := h.come(other, queues.NewItem{Caller: "+4930777777"}); h.standing(w).Position != 3 {
		t.Error("the place was kept too long")
	}
}

// The estimate follows positions, agents and how long interactions took; its error is measured for each item.
func TestEstimatedWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone}})
	agents := h.staff(2, q)
	busy, _ := h.join(q)
	o := h.offer(busy)
	h.serve(o)
	second, _ := h.join(q)
	o2 := h.offer(second)
	h.serve(o2)
	e, err := h.s.Estimate(h.ctx, h.tenant, q)
	h.ok(err)
	if e.Available != 2 || e.Waiting != 0 || e.Handling != 180 || e.Wait == nil || *e.Wait != 90 || e.Measured != 2 {
		t.Errorf("two agents talk: %+v", e)
	}
	var waiting []*queues.Waiting
	for range 3 {
		w, _ := h.join(q)
		waiting = append(waiting, w)
	}
	for i, w := range waiting {
		if st := h.standing(w); st.Wait == nil || *st.Wait != time.Duration(i+1)*90*time.Second {
			t.Errorf("position %d waits %v", i+1, st.Wait)
		}
	}
	// One interaction of no time at all: 3 × 180 s and 0 s.
	h.ok(h.s.Ended(h.ctx, o.ID))
	h.serve(h.offer(waiting[0]))
	e, err = h.s.Estimate(h.ctx, h.tenant, q)
	h.ok(err)
	if e.Handling < 134 || e.Handling > 137 || e.Measured != 3 || e.Error < 25 || e.Error > 35 || e.Bias > -20 {
		t.Errorf("after a short one: %+v", e)
	}
	all, err := h.reg.Gather()
	h.ok(err)
	measured := slices.ContainsFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == "tandem_queue_wait_estimate_error_seconds" })
	if !measured {
		t.Error("the error is not measured")
	}
	var told *float64
	var since, whole float64
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT (data->>'estimated_wait_seconds')::float8, (data->>'waited_since_join_seconds')::float8, (data->>'waited_seconds')::float8
			FROM events WHERE type = 'item.left' ORDER BY xid DESC, seq DESC LIMIT 1`).Scan(&told, &since, &whole)
	}))
	if told == nil || *told != 90 || since != whole {
		t.Errorf("item.left says %v %v %v", told, since, whole)
	}
	// Agents who serve two queues in which somebody waits count by half; those who leave count no more.
	side := h.queue("Side", queues.OwnSettings{})
	h.ok(h.s.SetMembers(h.ctx, h.tenant, side, agents))
	before := fmt.Sprint(*e.Wait)
	h.join(side)
	if e, err = h.s.Estimate(h.ctx, h.tenant, q); err != nil || e.Wait == nil || fmt.Sprint(*e.Wait) == before {
		t.Errorf("with a side queue: %+v, before %s", e, before)
	}
	for _, a := range agents {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, a, queues.Away, ""))
	}
	if e, err = h.s.Estimate(h.ctx, h.tenant, q); err != nil || e.Wait != nil {
		t.Errorf("nobody there: %+v %v", e, err)
	}
}
