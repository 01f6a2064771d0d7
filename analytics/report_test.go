package analytics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"tandem/queues"
)

// What was stored batch by batch is what the projection makes of the whole history at once, whatever the batches.
func TestFactsStored(t *testing.T) {
	h := newHistory(noon)
	queue, agent := uuid.New(), uuid.New()
	h.presence(agent, queues.Available, "")
	h.pass(1000)
	h.enqueue(queue).offerTo(agent).answer(3, 4).finish(100, 10)
	h.enqueue(queue).offerTo(agent).to(queues.Alerting).h.pass(20)
	h.presence(agent, queues.Away, "lunch")
	h.pass(30)
	want := project(t, h.log)
	for _, batch := range []int{1, 3, 200} {
		w := newWorld(t)
		w.now = h.now
		w.keep(t, h.log, batch)
		r, err := w.QueueReport(t.Context(), w.tenant, Question{From: "2026-06-03", To: "2026-06-04", Interval: Total})
		if err != nil || len(r.Items) != 1 {
			t.Fatalf("batch %d: %+v, %v", batch, r, err)
		}
		if d := cmp.Diff(want.total(queue), r.Items[0].QueueCounts, cmpopts.EquateApprox(0, 1e-6)); d != "" {
			t.Errorf("batch %d: %s", batch, d)
		}
		a, err := w.AgentReport(t.Context(), w.tenant, Question{From: "2026-06-03", To: "2026-06-04", Interval: Total})
		if err != nil || len(a.Items) != 1 {
			t.Fatalf("batch %d: %+v, %v", batch, a, err)
		}
		// The lunch goes on; the report has it up to now.
		got := a.Items[0]
		if got.Away != 30 || got.Login != 1000+117+20+30 || len(got.Reasons) != 2 {
			t.Errorf("batch %d: away %v, login %v, reasons %v", batch, got.Away, got.Login, got.Reasons)
		}
	}
}
