package sip

import (
	"context"
	"encoding/hex"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Reach is whether a trunk answers OPTIONS.
type Reach string

// The states of Reach.
const (
	ReachUnknown Reach = "unknown" // not asked yet, or never
	ReachUp      Reach = "up"
	ReachDown    Reach = "down"
)

// maxSilent is how many questions in a row may stay without an answer.
const maxSilent = 2

// next is the state after a question that was answered, or after so many in a row that were not.
func (r Reach) next(silent int) Reach {
	switch {
	case silent == 0:
		return ReachUp
	case silent >= maxSilent:
		return ReachDown
	}
	return r
}

// TrunkState is how a trunk is, as this node sees it.
type TrunkState struct {
	Reach      Reach      `json:"reach" enum:"unknown,up,down"`
	Since      *time.Time `json:"since,omitempty"`
	Status     int        `json:"status,omitempty" doc:"of the last answer"`
	Millis     float64    `json:"milliseconds,omitempty" doc:"until the last answer"`
	Registered *time.Time `json:"registered_until,omitempty"`
	Problem    string     `json:"problem,omitempty" doc:"why it is not registered: the registrar's answer"`
	Elsewhere  bool       `json:"elsewhere,omitempty" doc:"another node keeps the registration"`
}

// watch is what this node knows of the outbound trunks.
type watch struct {
	mu       sync.Mutex
	trunks   map[uuid.UUID]*watched
	carriers atomic.Pointer[map[netip.Addr]bool] // where trunks have answered from, whatever their names
}

// watched is one trunk; guarded by watch.mu.
type watched struct {
	trunk  *Trunk
	reach  Reach
	since  time.Time
	silent int
	next   time.Time // of the next OPTIONS
	wanted bool      // a person asks, whatever keepalive says
	asked  time.Time // the open question; zero: none
	status int
	took   time.Duration
	reg    registration
	from   map[netip.Addr]time.Time // where it has answered from, and when last
}

func newWatch() *watch {
	w := &watch{trunks: map[uuid.UUID]*watched{}}
	w.carriers.Store(&map[netip.Addr]bool{})
	return w
}

const (
	watchTick    = time.Second
	answerWithin = 5 * time.Second
	movedAfter   = 2 * time.Hour // without an answer, which is longer than the longest keepalive: the trunk's name leads elsewhere, or nobody asks it any more
)

// watchTrunks asks trunks whether they are there (OPTIONS) and registers with those that want it, until ctx ends. Each node asks for itself;
// one of them registers.
func (s *Server) watchTrunks(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		ask, register := s.dir.watch.due(s.dir.table.Load().outbound, time.Now())
		for _, tr := range ask {
			s.stack.spawn(func() { s.ask(ctx, tr) }) // a slow name server for one trunk keeps no other waiting
		}
		for _, tr := range register {
			s.stack.spawn(func() { s.registerWith(ctx, tr) })
		}
		for state, n := range s.dir.watch.count(time.Now()) {
			s.m.trunks.WithLabelValues(state).Set(float64(n))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// due follows the directory and returns which trunks are to be asked, and registered with, now.
func (w *watch) due(outbound []*Trunk, now time.Time) (ask, register []*Trunk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[uuid.UUID]bool{}
	defer w.forget(now)
	for _, tr := range outbound {
		there[tr.ID] = true
		t := w.trunks[tr.ID]
		if t == nil || !t.is(tr) {
			t = &watched{reach: ReachUnknown}
			w.trunks[tr.ID] = t
		}
		t.trunk = tr
		if !t.asked.IsZero() && now.Sub(t.asked) >= answerWithin {
			t.unanswered(now)
		}
		if t.asked.IsZero() && (t.wanted || tr.Keepalive > 0 && !now.Before(t.next)) {
			t.wanted, t.asked, t.next = false, now, now.Add(time.Duration(tr.Keepalive)*time.Second)
			ask = append(ask, tr)
		}
		if tr.Register && t.reg.due(now) {
			t.reg.busy = true
			register = append(register, tr)
		}
	}
	maps.DeleteFunc(w.trunks, func(id uuid.UUID, _ *watched) bool { return !there[id] })
	return ask, register
}

// is says whether a trunk leads where it did when it was asked.
func (t *watched) is(tr *Trunk) bool {
	return t.trunk.Outbound == tr.Outbound && t.trunk.OutboundTransport == tr.OutboundTransport && t.trunk.OutboundUsername == tr.OutboundUsername
}

// learn notes where an answer of a trunk came from; the caller holds mu.
func (w *watch) learn(t *watched, source string, now time.Time) netip.Addr {
	from, err := netip.ParseAddrPort(source)
	if err != nil {
		return netip.Addr{}
	}
	a := from.Addr().Unmap().WithZone("")
	if t.from == nil {
		t.from = map[netip.Addr]time.Time{}
	}
	t.from[a] = now
	w.forget(now)
	return a
}

// forget drops addresses that trunks have not answered from for long, unless we are registered there, and those of trunks that are gone or lead elsewhere;
// the caller holds mu.
func (w *watch) forget(now time.Time) {
	left := map[netip.Addr]bool{}
	for _, t := range w.trunks {
		maps.DeleteFunc(t.from, func(a netip.Addr, last time.Time) bool {
			return now.Sub(last) >= movedAfter && (a != t.reg.from || !now.Before(t.reg.until))
		})
		for a := range t.from {
			left[a] = true
		}
	}
	if !maps.Equal(left, *w.carriers.Load()) {
		w.carriers.Store(&left)
	}
}

// carrier says whether a trunk has answered from an address.
func (w *watch) carrier(a netip.Addr) bool { return (*w.carriers.Load())[a] }

// count is how many trunks there are by state, and how many are registered with.
func (w *watch) count(now time.Time) map[string]int {
	n := map[string]int{string(ReachUp): 0, string(ReachDown): 0, string(ReachUnknown): 0, "registered": 0}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.trunks {
		n[string(t.reach)]++
		if now.Before(t.reg.until) {
			n["registered"]++
		}
	}
	return n
}

// unanswered asks again soon, so that a trunk that has gone is known within seconds.
func (t *watched) unanswered(now time.Time) {
	t.asked = time.Time{}
	t.silent++
	t.become(t.reach.next(t.silent), now)
	if t.silent < maxSilent {
		t.next = now
	}
}

func (t *watched) become(r Reach, now time.Time) {
	if r != t.reach {
		t.reach, t.since = r, now
	}
}

// ask sends OPTIONS to a trunk's first server.
func (s *Server) ask(ctx context.Context, tr *Trunk) {
	h := s.hops(ctx, tr)[0]
	req := s.stack.lone(gosip.OPTIONS, tr.uri("", h.network), tr.uri(tr.OutboundUsername, h.network), h)
	s.stack.t.trace.claim(req.CallID().Value(), tr.Tenant)
	s.stack.transact(req, func(res *gosip.Response) {
		if !res.IsProvisional() {
			s.dir.watch.heard(tr, res.StatusCode, res.Source(), time.Now())
		}
	}, func(error) { s.dir.watch.heard(tr, 0, "", time.Now()) })
}

// heard takes an answer to OPTIONS and where it came from, 0 for none. Any but one of overload says that the trunk is there, however late it comes.
func (w *watch) heard(tr *Trunk, status int, source string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.trunks[tr.ID]
	if t == nil || !t.is(tr) {
		return
	}
	if status != 0 {
		w.learn(t, source, now)
	}
	if status == 0 || status == 503 || status == 408 {
		if !t.asked.IsZero() {
			t.status = status
			t.unanswered(now)
		}
		return
	}
	if !t.asked.IsZero() {
		t.took = now.Sub(t.asked)
	}
	t.asked, t.silent, t.status = time.Time{}, 0, status
	t.become(t.reach.next(0), now)
}

// AskTrunk has an outbound trunk asked at once whether it is there; TrunkStates soon tell.
func (d *Directory) AskTrunk(ctx context.Context, tenant, id uuid.UUID) error {
	tr, err := d.Trunk(ctx, tenant, id)
	if err != nil {
		return err
	}
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	t := d.watch.trunks[tr.ID]
	if t == nil {
		return ErrTrunkOff
	}
	t.wanted, t.reg.next = true, time.Time{}
	return nil
}

// ErrTrunkOff says that calls do not go out by a trunk, so that there is nobody to ask.
var ErrTrunkOff = fault.New(fault.Conflict, "trunk_off", "Calls do not go out by this trunk: it has no outbound address, or is switched off.")

// lone is a request outside any dialog.
func (s *stack) lone(method gosip.RequestMethod, target, self gosip.Uri, h hop) *gosip.Request {
	req := gosip.NewRequest(method, target)
	hops, callID := gosip.MaxForwardsHeader(70), gosip.CallIDHeader(randomHex(16))
	self.UriParams = nil
	req.AppendHeader(&gosip.FromHeader{Address: self, Params: gosip.HeaderParams{{K: "tag", V: randomHex(8)}}})
	to := target
	to.UriParams = nil
	req.AppendHeader(&gosip.ToHeader{Address: to})
	req.AppendHeader(&callID)
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: 1, MethodName: method})
	req.AppendHeader(&hops)
	s.t.stamp(req, h)
	return req
}

// TrunkStates are those of a tenant's outbound trunks.
func (d *Directory) TrunkStates(tenant uuid.UUID) map[uuid.UUID]TrunkState {
	w := d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[uuid.UUID]TrunkState{}
	for id, t := range w.trunks {
		if t.trunk.Tenant != tenant {
			continue
		}
		st := TrunkState{
			Reach: t.reach, Since: when(t.since), Status: t.status, Millis: float64(t.took.Microseconds()) / 1000,
			Problem: t.reg.problem, Elsewhere: t.reg.elsewhere,
		}
		if t.reg.until.After(time.Now()) {
			st.Registered = when(t.reg.until)
		}
		out[id] = st
	}
	return out
}

// token is the user part of our contact at a registrar, by which its calls are known.
func (tr *Trunk) token() string { return "t" + hex.EncodeToString(tr.ID[6:]) }

// registeredBy is the trunk whose registrar calls the contact that we have registered there.
func (w *watch) registeredBy(req *gosip.Request, src netip.Addr) *Trunk {
	user := strings.ToLower(req.Recipient.User)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.trunks {
		if t.trunk.Register && t.trunk.token() == user && t.reg.from == src.Unmap().WithZone("") && time.Now().Before(t.reg.until) {
			return t.trunk
		}
	}
	return nil
}
