package sip

import (
	"context"
	"errors"
	"slices"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
)

// Dialer calls SIP addresses ("sip:user@host:port"), registered phones ("phone:8001") and telephone numbers by the tenant's outbound trunk
// ("trunk:+49301234567"). It implements calls.Dialer.
type Dialer struct{ s *Server }

// Dialer returns the server's way out: the same sockets, dialogs and ports.
func (s *Server) Dialer() *Dialer { return &Dialer{s} }

var errAddress = fault.New(fault.Invalid, "sip_address_invalid", "That is no SIP address; write sip:user@host or sip:user@host:port.").WithField("address")

// Dial implements calls.Dialer.
func (d *Dialer) Dial(ctx context.Context, to calls.Target) (calls.Leg, error) {
	o := outgoing{from: d.from(to.From), contact: "tandem", codec: to.Codec}
	switch {
	case strings.HasPrefix(to.Device, "phone:"):
		if err := d.findPhone(ctx, to, &o); err != nil {
			return nil, err
		}
	case strings.HasPrefix(to.Device, "trunk:"):
		if err := d.findTrunk(ctx, to, strings.TrimPrefix(to.Device, "trunk:"), &o); err != nil {
			return nil, err
		}
	default:
		if err := d.findAddress(ctx, to, &o); err != nil {
			return nil, err
		}
	}
	o.to = *o.target.Clone()
	o.to.UriParams = nil
	o.tenant = to.Tenant
	if to.Agent != uuid.Nil && strings.HasPrefix(to.Device, "phone:") {
		o.desk = desk{strings.TrimPrefix(to.Device, "phone:"), o.via.ip()}
	}
	if o.trunk == nil {
		o.by = to.TransferredBy // which is nobody's business outside
	}
	return d.s.legs.outbound(o)
}

// findAddress aims at a SIP address. A telephone number at a trunk is no way past the rules for telephone numbers.
func (d *Dialer) findAddress(ctx context.Context, to calls.Target, o *outgoing) error {
	if gosip.ParseUri(to.Device, &o.target) != nil || o.target.Scheme != "sip" && o.target.Scheme != "sips" || o.target.Host == "" || !cleanAddress(&o.target, "") {
		return errAddress
	}
	o.target.Headers = nil
	user, ok := userPart(o.target.User)
	if !ok {
		return errAddress
	}
	if looksDialled(user) && d.s.dir.leadsOut(&o.target) {
		return d.findTrunk(ctx, to, user, o)
	}
	return nil
}

// from makes the From header: a caller's number unchanged as user part, or anonymous (RFC 3323).
func (d *Dialer) from(p calls.Party) gosip.FromHeader {
	if p.Withheld || p.Number == "" {
		return gosip.FromHeader{DisplayName: "Anonymous", Address: gosip.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}}
	}
	return gosip.FromHeader{DisplayName: quotable(p.Name), Address: gosip.Uri{Scheme: "sip", User: escapeUser(p.Number)}}
}

// findPhone aims at the newest registration of a phone. One that is not registered is a leg that ends as unreachable, so the target
// stays empty.
func (d *Dialer) findPhone(ctx context.Context, to calls.Target, o *outgoing) error {
	name := strings.TrimPrefix(to.Device, "phone:")
	found, err := d.s.dir.Registered(ctx, to.Tenant, name)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if len(found) == 0 {
		return nil
	}
	r := found[0]
	if err := gosip.ParseUri(r.Contact, &o.target); err != nil {
		return errAddress.Because(err)
	}
	o.via = hop{r.Transport, r.Received}
	return nil
}

// preferring is our order of codecs with one of them first.
func preferring(first string) []string {
	names := make([]string, 0, len(formats))
	for _, f := range formats {
		if strings.EqualFold(f.name, first) {
			names = slices.Insert(names, 0, f.name)
		} else {
			names = append(names, f.name)
		}
	}
	return names
}

// outbound makes a leg and begins its call, by the first of its ways if there are several.
func (l *legs) outbound(o outgoing) (*leg, error) {
	h := o.via
	if len(o.ways) > 0 {
		h = o.ways[0].via
	} else if h.addr == "" {
		h = hopOf(&o.target)
	}
	g, err := l.newLeg(calls.Outbound, h, trunkMedia{nat: o.via.addr != "", codecs: preferring(o.codec)})
	if err != nil {
		o.metered.end()
		return nil, fault.New(fault.Unavailable, "rtp_ports", "No RTP port is free; widen media.rtp_ports.").Because(err)
	}
	g.tenant, g.desk = o.tenant, o.desk
	d := l.dialogFor(g, &o, h)
	if d == nil {
		o.metered.end()
		return nil, errors.Join(ErrTrunksBusy, g.port.Close())
	}
	g.d = d
	l.run(g)
	if len(o.ways) == 0 && o.metered == nil && o.target.Host == "" {
		g.finish(end{status: 404, text: "not registered"})
		g.setCause(calls.CauseUnreachable)
		return g, nil
	}
	offer := g.n.makeOffer()
	if !l.stack.start(d) {
		g.finish(end{status: 503, byUs: true})
		return nil, fault.New(fault.Unavailable, "sip_stopping", "This node is stopping.")
	}
	d.begin(offer)
	return g, nil
}

// dialogFor makes the first dialog of a call; nil: no trunk has room.
func (l *legs) dialogFor(g *leg, o *outgoing, h hop) *dialog {
	on := g.hooks()
	if o.metered == nil {
		if o.from.Address.Host == "" {
			o.from.Address.Host = l.stack.t.localIP(h.ip()).String()
		}
		if o.by != "" { // RFC 3892
			by := gosip.Uri{Scheme: "sip", User: escapeUser(o.by), Host: l.stack.t.localIP(h.ip()).String()}
			o.headers = append(o.headers, gosip.NewHeader("Referred-By", "<"+by.String()+">"))
		}
		d := l.stack.newUAC(*o, on)
		l.stack.t.trace.claim(d.callID, g.tenant)
		return d
	}
	told := on.answered
	on.answered = func(res *gosip.Response) { o.metered.answer(); told(res) }
	on.ended = func(e end) {
		if !l.elsewhere(g, o, on, e) {
			g.finish(e)
		}
	}
	g.free = o.metered.end
	o.metered.attach(g)
	return l.setOut(g, o, on)
}
