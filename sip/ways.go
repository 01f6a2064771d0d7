package sip

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// way is one of the ways of a call to the telephone network: a trunk, and which of its servers.
type way struct {
	trunk *Trunk
	cred  *Credentials
	hop   hop
}

// ErrTrunksBusy says that each trunk carries as many calls as it may, or as many have just begun.
var ErrTrunksBusy = fault.New(fault.TooMany, "trunks_busy", "All outbound trunks carry as many calls as they may; try again in a moment.")

const (
	tryFor  = 4 * time.Second // without any answer, while there is another way
	maxWays = 8
)

// findTrunk aims at a telephone number by the tenant's outbound trunks.
func (d *Dialer) findTrunk(ctx context.Context, to calls.Target, number string, o *outgoing) error {
	trunks := d.s.dir.watch.order(d.s.dir.outbound(to.Tenant))
	if len(trunks) == 0 {
		return ErrNoOutbound
	}
	return d.goBy(ctx, trunks, to, number, o)
}

// goBy aims at a telephone number by trunks in their order, if the rules let the call out.
func (d *Dialer) goBy(ctx context.Context, trunks []*Trunk, to calls.Target, number string, o *outgoing) error {
	metered, goes, err := d.s.meter.permit(ctx, to.Tenant, number)
	if err != nil {
		return err
	}
	ways, err := d.ways(ctx, trunks)
	if err != nil {
		metered.end()
		return err
	}
	o.metered, o.ways = metered, make([]outgoing, 0, len(ways))
	for _, w := range ways {
		o.ways = append(o.ways, d.by(w, to, goes.number, *o))
	}
	return nil
}

// MayCall says in which form a number is called, and whether a call may go there now: what a dialler asks before it rings anybody. It counts no
// call; the call itself is asked about again.
func (s *Server) MayCall(ctx context.Context, tenant uuid.UUID, dialled string) (number string, err error) {
	if len(s.dir.outbound(tenant)) == 0 {
		return "", ErrNoOutbound
	}
	to, err := s.meter.ask(ctx, tenant, dialled, func(*storage.Tx, destination) error { return nil })
	return to.number, err
}

// outbound are a tenant's trunks that calls go out by.
func (d *Directory) outbound(tenant uuid.UUID) (list []*Trunk) {
	for _, tr := range d.table.Load().outbound {
		if tr.Tenant == tenant {
			list = append(list, tr)
		}
	}
	return list
}

// ways are the servers of trunks, in their order.
func (d *Dialer) ways(ctx context.Context, trunks []*Trunk) (ways []way, err error) {
	creds, err := d.s.dir.credentials(ctx, trunks[0].Tenant, trunks...)
	if err != nil {
		return nil, err
	}
	for _, tr := range trunks {
		for _, h := range d.s.hops(ctx, tr) {
			ways = append(ways, way{tr, creds[tr.ID], h})
		}
	}
	return ways[:min(len(ways), maxWays)], nil
}

// leadsOut says whether a URI leads to a carrier, whatever its host is called there.
func (s *Server) leadsOut(ctx context.Context, u *gosip.Uri) bool {
	host, port, err := net.SplitHostPort(hopOf(u).addr)
	if err != nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	if s.dir.carries(host, port) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	found, err := s.resolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(found, func(a netip.Addr) bool { return s.dir.carries(a.Unmap().WithZone("").String(), port) })
}

// by is a call by one way. It shows the number that was chosen for it, else the trunk's caller id, else the caller's own.
func (d *Dialer) by(w way, to calls.Target, number string, o outgoing) outgoing {
	o.target = w.trunk.uri(w.trunk.format(number), w.hop.network)
	o.to = *o.target.Clone()
	o.to.UriParams = nil
	o.via, o.cred, o.trunk, o.headers = w.hop, w.cred, w.trunk, w.trunk.dataHeaders(to)
	if id := cmp.Or(to.CallerID, w.trunk.CallerID); id != "" {
		o.from = d.from(calls.Party{Number: id})
	}
	return o
}

// uri is a number, or "" for the trunk itself, at a server reached by the network.
func (tr *Trunk) uri(number, network string) gosip.Uri {
	host, port := tr.place()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u := gosip.Uri{Scheme: "sip", User: escapeUser(number), Host: host}
	u.Port, _ = strconv.Atoi(port)
	switch network {
	case "tcp":
		u.UriParams = gosip.HeaderParams{{K: "transport", V: "tcp"}}
	case "tls":
		u.Scheme = "sips"
	}
	return u
}

// format writes a number as the trunk wants it.
func (tr *Trunk) format(number string) string {
	digits, international := strings.CutPrefix(number, "+")
	switch {
	case international && tr.NumberFormat == "digits":
		return digits
	case international && tr.NumberFormat == "00":
		return "00" + digits
	}
	return number
}

// order puts trunks that are known not to answer last, and the others by priority and, among equals, by chance and weight.
func (w *watch) order(list []*Trunk) []*Trunk {
	type placed struct {
		trunk *Trunk
		down  int
		lot   float64
	}
	all := make([]placed, 0, len(list))
	w.mu.Lock()
	for _, tr := range list {
		p := placed{trunk: tr, lot: rand.ExpFloat64() / float64(tr.Weight)}
		if t := w.trunks[tr.ID]; t != nil && t.reach == ReachDown {
			p.down = 1
		}
		all = append(all, p)
	}
	w.mu.Unlock()
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(a.down-b.down, a.trunk.Priority-b.trunk.Priority, cmp.Compare(a.lot, b.lot))
	})
	list = list[:0:0]
	for _, p := range all {
		list = append(list, p.trunk)
	}
	return list
}

// setOut begins a call by the first way that has room; o keeps those that are left.
func (l *legs) setOut(g *leg, o *outgoing, on hooks) *dialog {
	for len(o.ways) > 0 {
		next := o.ways[0]
		o.ways = o.ways[1:]
		free, ok := l.occupy(next.trunk)
		if !ok {
			continue
		}
		if !l.mayBegin(next.trunk) {
			free()
			continue
		}
		g.goesBy(free)
		if next.from.Address.Host == "" {
			next.from.Address.Host = l.stack.t.localIP(next.via.ip()).String()
		}
		g.trunk = mediaOf(next.trunk)
		if len(g.trunk.codecs) == 0 {
			g.trunk.codecs = preferring(o.codec)
		}
		g.n = g.negotiator(g.trunk, next.via, l.stack.t)
		d := l.stack.newUAC(next, on)
		d.leg = g
		l.stack.t.trace.claim(d.callID, g.tenant)
		if len(o.ways) > 0 {
			d.patience = tryFor
		}
		return d
	}
	return nil
}

// elsewhere goes on by the next way when one has failed before anybody was reached. It runs on the failed dialog's goroutine.
func (l *legs) elsewhere(g *leg, o *outgoing, on hooks, e end) bool {
	if e.byUs || g.rang || g.n.settled || !slices.Contains([]int{408, 500, 502, 503, 504}, e.status) || g.Cause() != "" {
		return false
	}
	d := l.setOut(g, o, on)
	if d == nil {
		return false
	}
	offer := g.n.makeOffer() // before the new dialog's goroutine owns it
	g.takeOver(d)
	if !l.stack.start(d) {
		return false
	}
	l.stack.m.failovers.Inc()
	d.begin(offer)
	return true
}

// goesBy notes which trunk's place the leg takes, and gives back the one before.
func (g *leg) goesBy(free func()) {
	g.mu.Lock()
	before := g.place
	g.place = free
	g.mu.Unlock()
	before()
}

// mayBegin keeps to the calls that a trunk takes in a second from this node.
func (l *legs) mayBegin(tr *Trunk) bool {
	if tr.CallsPerSecond == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	recent := slices.DeleteFunc(l.begun[tr.ID], func(t time.Time) bool { return now.Sub(t) >= time.Second })
	ok := len(recent) < tr.CallsPerSecond
	if ok {
		recent = append(recent, now)
	}
	l.begun[tr.ID] = recent
	return ok
}
