package sip

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Bounds of a registration's life.
const (
	minExpires     = 60 * time.Second
	defaultExpires = 10 * time.Minute
	maxExpires     = time.Hour
	maxContacts    = 4
)

// register serves REGISTER (RFC 3261 10.3). The digest is asked for whatever the user name, so nobody learns which names exist.
func (s *Server) register(req *gosip.Request, tx *gosip.ServerTx) {
	ctx, cancel := context.WithTimeout(s.stack.ctx, 5*time.Second)
	defer cancel()
	src := sourceOf(req)
	who, r := s.authenticate(ctx, req, src.Addr())
	if r == nil && who.phone == nil {
		r = refuse(403, "Forbidden")
	}
	if r == nil {
		// A phone may register itself and nobody else; the answer does not tell whether there is such another.
		if user, ok := userPart(req.To().Address.User); !ok || user != who.phone.Username {
			r = refuse(403, "Forbidden")
		}
	}
	var headers []gosip.Header
	if r == nil {
		headers, r = s.bind(ctx, req, *who.phone, src)
	}
	if r != nil {
		s.stack.t.reply(req, tx, r)
		return
	}
	s.stack.t.reply(req, tx, refuse(200, "OK", headers...))
}

// bind changes the bindings as the request says and returns them as headers of the 200.
func (s *Server) bind(ctx context.Context, req *gosip.Request, p Phone, src netip.AddrPort) ([]gosip.Header, *refusal) {
	change, all, r := wishes(req)
	if r != nil {
		return nil, r
	}
	now, moved, err := s.dir.register(ctx, p, wishOf(req, src, change, all))
	if err != nil {
		r := asRefusal(err)
		if r.status == 500 {
			s.log.Error("cannot store a registration", "err", err)
		}
		return nil, r
	}
	if moved {
		if err := s.dir.Load(ctx); err != nil {
			s.log.Error("cannot read registrations", "err", err)
		}
	}
	out := []gosip.Header{supported()}
	for _, b := range now {
		left := max(int(b.Expires.Sub(s.dir.db.Now())/time.Second), 0)
		out = append(out, gosip.NewHeader("Contact", "<"+b.Contact+">;expires="+strconv.Itoa(left)))
	}
	return out, nil
}

// wishes reads the contacts of a REGISTER: when each is to expire, and whether all others go ("*").
func wishes(req *gosip.Request) (change map[string]time.Duration, all bool, r *refusal) {
	general := defaultExpires
	if h := req.GetHeader("Expires"); h != nil {
		n, _ := number(h.Value(), 1<<32-1)
		general = time.Duration(n) * time.Second
	}
	change = map[string]time.Duration{}
	contacts := req.GetHeaders("Contact")
	if len(contacts) > maxContacts {
		return nil, false, refuse(400, "Too Many Contacts")
	}
	for _, h := range contacts {
		c, ok := h.(*gosip.ContactHeader)
		if !ok {
			return nil, false, refuse(400, "Bad Contact")
		}
		if c.Address.Wildcard {
			if general != 0 || len(contacts) > 1 {
				return nil, false, refuse(400, "Bad Contact")
			}
			return nil, true, nil
		}
		if (c.Address.Scheme != "sip" && c.Address.Scheme != "sips") || c.Address.Host == "" || !cleanAddress(&c.Address, "") {
			return nil, false, refuse(400, "Bad Contact")
		}
		life := general
		if v, ok := c.Params.Get("expires"); ok {
			n, good := number(v, 1<<32-1)
			if !good {
				n = uint64(defaultExpires / time.Second) // RFC 3261 20.10: malformed means 3600; ours is shorter
			}
			life = time.Duration(n) * time.Second
		}
		if life > 0 && life < minExpires {
			return nil, false, refuse(423, "Interval Too Brief", gosip.NewHeader("Min-Expires", seconds(minExpires)))
		}
		u := c.Address.Clone()
		u.Headers = nil
		change[u.String()] = min(life, maxExpires)
	}
	return change, false, nil
}
