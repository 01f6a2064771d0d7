package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/internal/storage"
)

// registration is ours with a trunk (RFC 3261 10.2); guarded by watch.mu.
type registration struct {
	busy      bool
	next      time.Time
	until     time.Time
	failures  int
	expires   time.Duration // what is asked for
	callID    string
	seq       uint32
	counts    map[string]int // uses of each nonce
	from      netip.Addr     // of the registrar
	problem   string
	elsewhere bool // another node keeps it
}

const (
	askExpires    = 5 * time.Minute
	leaseFor      = 90 * time.Second // a node that is gone is followed by another after this
	longestRetry  = 5 * time.Minute
	shortestRetry = 10 * time.Second
)

func (r *registration) due(now time.Time) bool { return !r.busy && !now.Before(r.next) }

// failed plans the next try: later and later, so that a registrar that refuses is not flooded.
func (r *registration) failed(now time.Time, problem string) {
	r.busy, r.problem = false, problem
	r.next = now.Add(min(shortestRetry<<min(r.failures, 6), longestRetry))
	r.failures++
}

// granted plans the refresh, well before the registration ends, and no later than the lease must be renewed.
func (r *registration) granted(now time.Time, life time.Duration, from netip.Addr) {
	r.busy, r.problem, r.failures, r.elsewhere = false, "", 0, false
	r.until, r.from = now.Add(life), from
	r.next = now.Add(max(min(life*4/5, leaseFor/3), shortestRetry))
}

// leads says whether this node keeps a trunk's registration, and keeps it for leaseFor if so.
func (d *Directory) leads(ctx context.Context, tr *Trunk) (ok bool, err error) {
	err = d.db.Tenant(ctx, tr.Tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE trunks SET registrar = $2, registrar_until = $3 WHERE trunk_id = $1 AND (registrar = $2 OR registrar_until IS NULL OR registrar_until < $4)`,
			tr.ID, d.node, tx.Now.Add(leaseFor), tx.Now)
		ok = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ask which node registers with a trunk: %w", err)
	}
	return ok, nil
}

// registerWith sends a REGISTER if this node is the one to, unless the registration holds for long enough yet.
func (s *Server) registerWith(ctx context.Context, tr *Trunk) {
	w := s.dir.watch
	leads, err := s.dir.leads(ctx, tr)
	var creds map[uuid.UUID]*Credentials
	if err == nil && leads {
		creds, err = s.dir.credentials(ctx, tr.Tenant, tr)
	}
	now := time.Now()
	w.mu.Lock()
	t := w.trunks[tr.ID]
	if t == nil {
		w.mu.Unlock()
		return
	}
	r := &t.reg
	switch {
	case err != nil:
		s.log.Error("cannot register with a trunk", "trunk", tr.ID, "err", err)
		r.failed(now, "database")
	case !leads:
		r.busy, r.elsewhere, r.problem, r.until, r.next = false, true, "", time.Time{}, now.Add(leaseFor/3)
	case r.until.Sub(now) > askExpires/2:
		r.busy, r.next = false, now.Add(leaseFor/3)
	default:
		w.mu.Unlock()
		s.sendRegister(ctx, tr, creds[tr.ID])
		return
	}
	w.mu.Unlock()
}

func (s *Server) sendRegister(ctx context.Context, tr *Trunk, cred *Credentials) {
	w := s.dir.watch
	h := s.hops(ctx, tr)[0]
	w.mu.Lock()
	t := w.trunks[tr.ID]
	if t == nil {
		w.mu.Unlock()
		return
	}
	r := &t.reg
	if r.callID == "" {
		r.callID, r.counts, r.expires = randomHex(16), map[string]int{}, askExpires
	}
	r.seq++
	req := s.stack.lone(gosip.REGISTER, tr.uri("", h.network), tr.uri(tr.OutboundUsername, h.network), h)
	callID := gosip.CallIDHeader(r.callID)
	req.ReplaceHeader(&callID)
	s.stack.t.trace.claim(r.callID, tr.Tenant)
	req.ReplaceHeader(&gosip.ToHeader{Address: req.From().Address})
	req.CSeq().SeqNo = r.seq
	req.AppendHeader(&gosip.ContactHeader{Address: s.stack.t.contact(tr.token(), h, h.network == "tls")})
	req.AppendHeader(gosip.NewHeader("Expires", seconds(r.expires)))
	w.mu.Unlock()
	s.tryRegister(tr, cred, req, h, 0)
}

// tryRegister follows one REGISTER to its end, challenges and a longer interval included.
func (s *Server) tryRegister(tr *Trunk, cred *Credentials, req *gosip.Request, h hop, tries int) {
	w := s.dir.watch
	s.stack.transact(req, func(res *gosip.Response) {
		if res.IsProvisional() {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		t := w.trunks[tr.ID]
		if t == nil || !t.is(tr) {
			return
		}
		again := req.Clone()
		switch {
		case res.IsSuccess():
			now := time.Now()
			t.reg.granted(now, lifeOf(res, tr.token(), t.reg.expires), w.learn(t, res.Source(), now))
			return
		case tries < maxChallenges && (res.StatusCode == 401 || res.StatusCode == 407) && cred != nil && authorize(again, res, *cred, t.reg.counts):
		case tries < maxChallenges && res.StatusCode == 423 && t.reg.longer(res):
			again.RemoveHeader("Expires")
			again.AppendHeader(gosip.NewHeader("Expires", seconds(t.reg.expires)))
		default:
			t.reg.failed(time.Now(), strconv.Itoa(res.StatusCode)+" "+quotable(res.Reason))
			return
		}
		t.reg.seq++
		again.CSeq().SeqNo = t.reg.seq
		s.stack.t.stamp(again, h)
		s.tryRegister(tr, cred, again, h, tries+1)
	}, func(error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if t := w.trunks[tr.ID]; t != nil && t.is(tr) {
			t.reg.failed(time.Now(), "no answer")
		}
	})
}

// longer takes the interval that a 423 wants, within reason.
func (r *registration) longer(res *gosip.Response) bool {
	h := res.GetHeader("Min-Expires")
	if h == nil {
		return false
	}
	n, ok := number(h.Value(), 24*3600)
	if !ok || time.Duration(n)*time.Second <= r.expires {
		return false
	}
	r.expires = time.Duration(n) * time.Second
	return true
}

// lifeOf is how long a 200 lets our contact live: what it says of it, or of all, or what was asked for.
func lifeOf(res *gosip.Response, token string, asked time.Duration) time.Duration {
	if h := res.GetHeader("Expires"); h != nil {
		if n, ok := number(h.Value(), 1<<31); ok {
			asked = time.Duration(n) * time.Second
		}
	}
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*gosip.ContactHeader)
		if !ok || c.Address.User != token {
			continue
		}
		if v, given := c.Params.Get("expires"); given {
			if n, ok := number(v, 1<<31); ok {
				asked = time.Duration(n) * time.Second
			}
		}
	}
	return asked
}
