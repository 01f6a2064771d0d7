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
	o.address(to)
	for i := range o.contacts {
		o.contacts[i].address(to)
	}
	return d.s.legs.outbound(o)
}

// address fills in what follows from where the call goes.
func (o *outgoing) address(to calls.Target) {
	o.to = *o.target.Clone()
	o.to.UriParams = nil
	o.tenant = to.Tenant
	if extension, ok := strings.CutPrefix(to.Device, "phone:"); ok && to.Agent != uuid.Nil {
		o.desk = desk{extension, o.via.ip()}
	}
	if o.trunk == nil {
		o.by = to.TransferredBy // which is nobody's business outside
	}
}

// findAddress aims at a SIP address. What a carrier may take for a telephone number is no way past the rules for those.
func (d *Dialer) findAddress(ctx context.Context, to calls.Target, o *outgoing) error {
	if gosip.ParseUri(to.Device, &o.target) != nil || o.target.Scheme != "sip" && o.target.Scheme != "sips" || o.target.Host == "" || !cleanAddress(&o.target, "") {
		return errAddress
	}
	o.target.Headers = nil
	user, ok := userPart(o.target.User)
	if !ok {
		return errAddress
	}
	if user != "" && !named(user) && d.s.leadsOut(ctx, &o.target) {
		return d.findTrunk(ctx, to, o.target.User, o)
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

// findPhone aims at all contacts of a phone. One that is not registered is a leg that ends as unreachable, so the target stays empty.
func (d *Dialer) findPhone(ctx context.Context, to calls.Target, o *outgoing) error {
	name := strings.TrimPrefix(to.Device, "phone:")
	found, err := d.s.dir.Registered(ctx, to.Tenant, name)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	for _, r := range found {
		if d.s.hungUp(r) {
			if err := d.s.dir.forget(ctx, to.Tenant, name, r); err != nil {
				return err
			}
			continue
		}
		one := *o
		one.contacts, one.via = nil, hop{r.Transport, r.Received}
		if err := gosip.ParseUri(r.Contact, &one.target); err != nil {
			return errAddress.Because(err)
		}
		o.contacts = append(o.contacts, one)
	}
	if len(o.contacts) > 0 {
		o.target, o.via = o.contacts[0].target, o.contacts[0].via
	}
	return nil
}

// hungUp says that a phone has closed the connection to this node that it registered by: nobody can call it until it comes again.
func (s *Server) hungUp(r Registration) bool {
	return r.Transport != "udp" && r.Node == s.dir.node && !s.stack.t.connected(r.Transport, r.Received)
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
	g, err := l.newLeg(calls.Outbound, h, trunkMedia{nat: o.via.addr != "", codecs: preferring(o.codec)}, slices.Concat(o.ways, o.contacts)...)
	if err != nil {
		o.metered.end()
		return nil, fault.New(fault.Unavailable, "rtp_ports", "No RTP port is free; widen media.rtp_ports.").Because(err)
	}
	g.tenant, g.desk = o.tenant, o.desk
	if len(o.contacts) > 1 {
		return l.ringAll(g, o.contacts)
	}
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
		return l.toPeer(g, o, h, on)
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

// toPeer makes the dialog of a call to an address or a phone.
func (l *legs) toPeer(g *leg, o *outgoing, h hop, on hooks) *dialog {
	here := l.stack.t.localIP(h.ip()).String()
	if o.from.Address.Host == "" {
		o.from.Address.Host = here
	}
	if o.by != "" { // RFC 3892
		by := gosip.Uri{Scheme: "sip", User: escapeUser(o.by), Host: here}
		o.headers = append(o.headers, gosip.NewHeader("Referred-By", "<"+by.String()+">"))
	}
	d := l.stack.newUAC(*o, on)
	d.leg = g
	l.stack.t.trace.claim(d.callID, g.tenant)
	return d
}
