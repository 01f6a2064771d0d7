package queues

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// The checker must see what the picture does not: here nobody decides at all.
func TestCheckerSeesWhoWaitsBesideAnIdleAgent(t *testing.T) {
	st := newSite(t)
	tenant := storagetest.Tenant(t, st.db, "t")
	s := st.service()
	q, err := s.CreateQueue(st.ctx, tenant, NewQueue{Name: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	agent := storage.NewID()
	if err := s.PutAgent(st.ctx, tenant, Agent{ID: agent, Name: "A", Device: "browser"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetMembers(st.ctx, tenant, q.ID, []uuid.UUID{agent}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(st.ctx, tenant, q.ID, NewItem{ID: storage.NewID(), Kind: Call}); err != nil {
		t.Fatal(err)
	}
	d := st.dispatcher(t, s, tenant)
	check := func(later time.Duration) float64 {
		t.Helper()
		for p, since := range d.suspects {
			d.suspects[p] = since.Add(-later)
		}
		v, err := d.look(st.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.check(st.ctx, v); err != nil {
			t.Fatal(err)
		}
		var m dto.Metric
		if err := s.metrics.violations.Write(&m); err != nil {
			t.Fatal(err)
		}
		return m.GetCounter().GetValue()
	}
	check(0)
	if n := check(time.Minute); n != 0 {
		t.Fatalf("%v violations beside an agent who is offline", n)
	}
	if err := s.SetPresence(st.ctx, tenant, agent, Available, ""); err != nil {
		t.Fatal(err)
	}
	check(0)
	if n := check(time.Second / 2); n != 0 {
		t.Fatalf("%v violations after half a second", n)
	}
	if n := check(time.Second); n != 1 {
		t.Fatalf("%v violations after more than a second, want 1", n)
	}
	if _, _, err := d.step(st.ctx); err != nil {
		t.Fatal(err)
	}
	if n := check(time.Minute); n != 1 || len(d.suspects) != 0 {
		t.Errorf("%v violations after the offer, suspects %v", n, d.suspects)
	}
}

// BenchmarkDispatch has 10,000 items waiting and 5,000 agents in 20 queues, with PostgreSQL on this machine. In each operation agents come
// free, the dispatcher sees it, decides, and stores reservations, decisions and events; p50-ms and p99-ms are of whole passes.
func BenchmarkDispatch(b *testing.B) {
	for _, atOnce := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("free=%d", atOnce), func(b *testing.B) {
			st := newSite(b)
			tenant := storagetest.Tenant(b, st.db, "t")
			s := st.service()
			agents := crowd(b, st, s, tenant)
			d := st.dispatcher(b, s, tenant)
			if _, _, err := d.step(st.ctx); err != nil {
				b.Fatal(err)
			}
			next := 0
			var took []time.Duration
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				free := agents[next%4900:][:atOnce]
				next += atOnce
				st.exec(b, `UPDATE queue_offers SET state = 'IDLE', ended_at = now() WHERE agent_id = ANY ($1) AND state <> 'IDLE'`, free)
				st.exec(b, `UPDATE queue_agents SET used = 0, idle_since = now() WHERE agent_id = ANY ($1)`, free)
				b.StartTimer()
				began := time.Now()
				offers, _, err := d.step(st.ctx)
				took = append(took, time.Since(began))
				if err != nil || len(offers) != atOnce {
					b.Fatalf("%d offers, %v", len(offers), err)
				}
			}
			slices.Sort(took)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
			b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
			b.ReportMetric(float64(b.N*atOnce)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

// BenchmarkAlgorithms is BenchmarkDispatch with one agent at a time, for each algorithm, with skills, rings, ageing, shares and own agents in
// play, and with offers to all at once.
func BenchmarkAlgorithms(b *testing.B) {
	for _, alg := range algorithms {
		for _, mode := range []OfferMode{OfferOne, OfferAll} {
			b.Run(string(alg)+"/"+string(mode), func(b *testing.B) { benchAlgorithm(b, alg, mode) })
		}
	}
}

func benchAlgorithm(b *testing.B, alg Algorithm, mode OfferMode) {
	st := newSite(b)
	tenant := storagetest.Tenant(b, st.db, "t")
	s := st.service()
	agents := crowd(b, st, s, tenant)
	var groups []uuid.UUID
	for n := range 4 {
		g, err := s.PutGroup(st.ctx, tenant, Group{Name: fmt.Sprint("G", n), Agents: agents[n*1250:][:1250]})
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, g.ID)
	}
	skill, err := s.PutSkill(st.ctx, tenant, uuid.Nil, "German")
	if err != nil {
		b.Fatal(err)
	}
	st.exec(b, `INSERT INTO queue_agent_skills SELECT agent_id, $1, tenant_id, 1 + (random() * 4)::int FROM queue_agents`, skill.ID)
	st.exec(b, `INSERT INTO queue_work (offer_id, tenant_id, shard, agent_id, began_at, seconds)
		SELECT gen_random_uuid(), tenant_id, shard, agent_id, now() - random() * interval '23 hours', random() * 600 FROM queue_agents, generate_series(1, 20)`)
	st.exec(b, `UPDATE queue_items SET preferred = (SELECT agent_id FROM queue_members m WHERE m.queue_id = queue_items.queue_id LIMIT 1) WHERE random() < 0.1`)
	skills := SkillRule{Match: MatchBest, Required: []SkillNeed{{skill.ID, 3}}}
	rings := []Ring{{Groups: groups[:2]}, {AfterSeconds: 20, Groups: groups[2:3]}, {AfterSeconds: 40, Everybody: true}}
	shares := []Share{{groups[0], 40}, {groups[1], 30}, {groups[2], 20}, {groups[3], 10}}
	if _, err := s.SetGlobal(st.ctx, tenant, OwnSettings{
		Algorithm: &alg, OfferMode: &mode, Skills: &skills, Rings: &rings, Shares: &shares,
		Ageing: &Ageing{Curve: AgeingLinear, PerMinute: 0.5}, Preferred: &PreferredRule{LastAgent: true, WaitSeconds: 10},
	}, nil); err != nil {
		b.Fatal(err)
	}
	d := st.dispatcher(b, s, tenant)
	settle := func() {
		for more := true; more; {
			var err error
			if _, more, err = d.step(st.ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	settle()
	var took []time.Duration
	next := 0
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		free := agents[next%5000]
		next++
		st.exec(b, `UPDATE queue_offers SET state = 'IDLE', ended_at = now() WHERE agent_id = $1 AND state <> 'IDLE'`, free)
		st.exec(b, `UPDATE queue_agents SET used = 0, idle_since = now() WHERE agent_id = $1`, free)
		b.StartTimer()
		began := time.Now()
		if _, _, err := d.step(st.ctx); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
}

// crowd fills a tenant: busy agents, and callers who wait.
func crowd(b *testing.B, st *site, s *Service, tenant uuid.UUID) []uuid.UUID {
	b.Helper()
	agents := make([]Agent, 5000)
	ids := make([]uuid.UUID, len(agents))
	for i := range agents {
		ids[i] = storage.NewID()
		agents[i] = Agent{ID: ids[i], Name: fmt.Sprint("Agent ", i), Device: "browser", AlwaysAvailable: true}
	}
	if err := s.PutAgents(st.ctx, tenant, agents); err != nil {
		b.Fatal(err)
	}
	for n := range 20 {
		q, err := s.CreateQueue(st.ctx, tenant, NewQueue{Name: fmt.Sprint("Q", n)})
		if err != nil {
			b.Fatal(err)
		}
		var members []uuid.UUID
		for i := range ids {
			if (n-i%20+20)%20%5 == 0 { // each agent serves four queues
				members = append(members, ids[i])
			}
		}
		if err := s.SetMembers(st.ctx, tenant, q.ID, members); err != nil {
			b.Fatal(err)
		}
		st.exec(b, `
			INSERT INTO queue_items (item_id, tenant_id, shard, queue_id, kind, channel, priority, weight, exclusive, enqueued_at, node, state)
			SELECT gen_random_uuid(), $1, $2, $3, 'call', 'ivr', n % 3, 100, false, now() + n * interval '1 ms', $4, 'waiting' FROM generate_series(1, 500) n`,
			tenant, shardOf(tenant), q.ID, s.node)
	}
	st.exec(b, `UPDATE queue_agents SET used = 100`)
	st.exec(b, `ANALYZE`)
	return ids
}
