// Package sip is Tandem as a SIP user agent: calls from trunks and phones come in through Server, calls to SIP addresses and phones go
// out through Dialer, and both are legs of one kind over one dialog layer (RFC 3261, 3264, 3311, 3326, 4028, 6026, 7616). Of the sipgo
// library it uses transport and transactions only.
package sip

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
)

// Config is what a Server needs to know.
type Config struct {
	Listen  Listen
	MediaIP netip.Addr // put into SDP and Contact; invalid: the address towards each peer. Loopback peers see loopback
	// NonceKey makes nonces; nodes that share it accept each other's. Zero: random.
	NonceKey [32]byte
	// SessionExpires is the session interval we ask for and grant (RFC 4028); 0: 1800 s. MinSE below 90 s is for tests only.
	SessionExpires, MinSE time.Duration
	RTP                   RTP
	Resolver              *net.Resolver // of SRV records; nil: the system's
}

// Server answers SIP.
type Server struct {
	stack    *stack
	dir      *Directory
	sources  *sources
	bans     *bans
	digests  *challenger
	legs     *legs
	meter    *meter
	resolver *net.Resolver
	incoming func(ctx context.Context, leg calls.Leg, inv calls.Invite)
	m        *metrics
	log      *slog.Logger
}

// New binds the listeners; nothing is served before Run. incoming owns an inbound leg until it has ended, on a goroutine of its own; it
// refuses a call by hanging up with a cause.
func New(cfg Config, dir *Directory, incoming func(context.Context, calls.Leg, calls.Invite), reg prometheus.Registerer, log *slog.Logger) (*Server, error) {
	if cfg.NonceKey == ([32]byte{}) {
		_, _ = rand.Read(cfg.NonceKey[:])
	}
	if cfg.SessionExpires == 0 {
		cfg.SessionExpires = 30 * time.Minute
	}
	if cfg.MinSE == 0 {
		cfg.MinSE = 90 * time.Second
	}
	m := newMetrics(reg)
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tandem_sip_registrations_active", Help: "Contacts of SIP telephones that are registered now, with whichever node.",
	}, func() float64 { return float64(dir.table.Load().contacts) }))
	s := &Server{dir: dir, incoming: incoming, m: m, log: log, digests: newChallenger(dir.realm, cfg.NonceKey), meter: newMeter(dir, m, log), resolver: cmp.Or(cfg.Resolver, net.DefaultResolver)}
	s.sources = newSources()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tandem_sip_sources_banned", Help: "Sources that are refused for a time because of wrong credentials.",
	}, func() float64 { return float64(s.sources.banned(time.Now())) }))
	s.bans = newBans(dir, s.sources, log)
	s.sources.tell = s.bans.tell
	in := newIngress(m, s.sources)
	in.known = s.known
	in.gate = s.gate
	in.full = func() bool { return s.stack.size() >= maxDialogs }
	t, err := newTransport(cfg.Listen, cfg.MediaIP, in, m, log)
	if err != nil {
		return nil, err
	}
	t.trace = dir.trace
	dir.transports = t.listed()
	s.stack = newStack(t, m, log, timing{t1: gosip.T1, t2: gosip.T2, sessionExpires: cfg.SessionExpires, minSE: cfg.MinSE})
	s.stack.outside = s.outside
	s.legs = &legs{stack: s.stack, rtp: cfg.RTP, log: log, busy: map[uuid.UUID]int{}, begun: map[uuid.UUID][]time.Time{}, live: map[*leg]struct{}{}}
	return s, nil
}

// Addr is the bound address of "udp", "tcp", "tls", "ws" or "wss"; invalid when it is off.
func (s *Server) Addr(network string) netip.AddrPort {
	a, _ := s.stack.t.addr(network)
	return a
}

// Close releases the listeners of a server that was never run.
func (s *Server) Close() { s.stack.t.close() }

// Run serves until ctx ends. Calls that still live are then dropped without a word: hang up first.
func (s *Server) Run(ctx context.Context) error {
	defer s.dir.bus.Subscribe(guessedAt, s.bans.hear)()
	s.bans.look(ctx)                                                 // before anybody is answered
	metering, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends last: it writes which calls have ended
	var w sync.WaitGroup
	w.Go(func() { s.meter.run(metering) })
	w.Go(func() { s.watchTrunks(ctx) })
	w.Go(func() { s.bans.run(metering) })
	w.Go(func() { s.legs.watch(ctx) })
	err := s.stack.run(ctx)
	stop()
	w.Wait()
	return err
}

// gate judges, without keeping any state, a request from a source that is neither trunk nor phone. What gets past it has proved by a
// nonce of ours that its address is real, or belongs to a dialog.
func (s *Server) gate(m *rawMessage, src netip.AddrPort) *refusal {
	callID, _ := m.first("call-id")
	to, _ := m.first("to")
	if _, tag, ok := strings.Cut(to, ";tag="); ok {
		tag, _, _ = strings.Cut(tag, ";")
		if s.stack.find(callID, tag) != nil {
			return nil
		}
	}
	if m.method() == "OPTIONS" {
		return refuse(0, "silence")
	}
	var values []string
	for _, h := range m.headers {
		if h.name == "authorization" || h.name == "proxy-authorization" {
			values = append(values, h.value)
		}
	}
	now := time.Now()
	cred := s.digests.pick(values)
	if cred != nil {
		if valid, fresh := s.digests.ours(cred.Nonce, src.Addr(), now); valid && fresh {
			return nil
		} else if valid {
			return refuse(401, "Unauthorized", s.digests.headers("WWW-Authenticate", src.Addr(), true, now)...)
		}
	}
	if m.method() != "REGISTER" && len(s.dir.table.Load().byUser) == 0 {
		return refuse(403, "Forbidden")
	}
	return refuse(401, "Unauthorized", s.digests.headers("WWW-Authenticate", src.Addr(), false, now)...)
}

// outside serves requests outside a dialog from sources that passed the gate.
func (s *Server) outside(req *gosip.Request, tx *gosip.ServerTx) {
	if unsupported := unknownOptions(req); unsupported != "" {
		s.stack.t.reply(req, tx, refuse(420, "Bad Extension", gosip.NewHeader("Unsupported", unsupported)))
		return
	}
	switch req.Method {
	case gosip.INVITE:
		s.invite(req, tx)
	case gosip.REGISTER:
		s.register(req, tx)
	case gosip.OPTIONS:
		s.stack.t.reply(req, tx, refuse(200, "OK", capabilities()...))
	case gosip.BYE, gosip.INFO, gosip.UPDATE, gosip.PRACK:
		s.stack.t.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
	case gosip.REFER: // nobody is sent anywhere outside a call of theirs
		s.m.transfers.WithLabelValues("REFER", "refused").Inc()
		s.stack.t.reply(req, tx, refuse(603, "Decline"))
	default:
		s.stack.t.reply(req, tx, refuse(405, "Method Not Allowed", allowHeader()))
	}
}

// caller is who sent a request: a trunk, or a phone.
type caller struct {
	trunk *Trunk
	phone *Phone
}

// identify finds out who calls: a trunk by its address alone, everybody else by digest.
func (s *Server) identify(ctx context.Context, req *gosip.Request, src netip.Addr) (caller, *refusal) {
	if tr := s.dir.watch.registeredBy(req, src); tr != nil {
		return caller{trunk: tr}, nil
	}
	if tr := s.dir.table.Load().match(src); tr != nil && tr.Username == "" {
		return caller{trunk: tr}, nil
	}
	return s.authenticate(ctx, req, src)
}

// authenticate checks a digest against phones and trunks. Whether the user exists shows neither in the answer nor in the work done.
func (s *Server) authenticate(ctx context.Context, req *gosip.Request, src netip.Addr) (caller, *refusal) {
	now := time.Now()
	var values []string
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range req.GetHeaders(name) {
			values = append(values, h.Value())
		}
	}
	challenge := func(stale bool) *refusal {
		return refuse(401, "Unauthorized", s.digests.headers("WWW-Authenticate", src, stale, now)...)
	}
	cred := s.digests.pick(values)
	if cred == nil {
		return caller{}, challenge(false)
	}
	if s.sources.guessedHere(src, cred.Username, now) {
		return caller{}, refuse(403, "Forbidden")
	}
	phone, secret, exists, err := s.dir.phoneSecret(ctx, cred.Username)
	if err != nil {
		s.log.Error("cannot check a digest", "err", err)
		return caller{}, refuse(503, "Service Unavailable", gosip.NewHeader("Retry-After", "5"))
	}
	who := caller{phone: &phone}
	if tr := s.dir.table.Load().byUser[cred.Username]; tr != nil && !exists && tr.allows(src) {
		who, secret, exists = caller{trunk: tr}, tr.secret, true
	}
	result := s.digests.verify(cred, string(req.Method), src, secret, exists, now)
	if (result == authenticated || result == staleNonce) && s.sources.guessed(cred.Username, now) && !s.belongs(ctx, who, src, now) {
		result = wrongPassword // the right one gives nothing away either
	}
	switch result {
	case authenticated:
		s.sources.succeeded(src, cred.Username, now)
		return who, nil
	case staleNonce:
		return caller{}, challenge(true)
	case wrongPassword:
		s.m.refused.WithLabelValues("wrong_digest").Inc()
		s.sources.failed(src, cred.Username, s.known(src), who.tenant(), now)
		if s.sources.failures(src, cred.Username) >= freeTries {
			return caller{}, refuse(403, "Forbidden")
		}
	case noCredentials:
	}
	return caller{}, challenge(false)
}

// known says that a trunk or telephone is at an address.
func (s *Server) known(a netip.Addr) bool { return s.dir.knows(a) || s.sources.vouched(a, time.Now()) }

// belongs says that a source is where a trunk or a phone was known to be before: whoever guesses its password elsewhere does not lock it out.
func (s *Server) belongs(ctx context.Context, who caller, src netip.Addr, now time.Time) bool {
	if s.sources.vouched(src, now) || who.trunk != nil && len(who.trunk.Networks) > 0 {
		return true
	}
	at, err := s.dir.registeredAt(ctx, who.phone, src)
	if err != nil {
		s.log.Error("cannot look up where a phone is registered", "err", err)
	}
	return at
}

// allows says whether a trunk with a digest may also come from this address: from anywhere when it names no network.
func (tr *Trunk) allows(src netip.Addr) bool {
	if len(tr.Networks) == 0 {
		return true
	}
	return slices.ContainsFunc(tr.prefixes(), func(p netip.Prefix) bool { return p.Contains(src) })
}

// invite takes a call: who sends it, what it says, a leg with its media, and over to the switchboard.
func (s *Server) invite(req *gosip.Request, tx *gosip.ServerTx) {
	src := sourceOf(req).Addr()
	ctx, cancel := context.WithTimeout(s.stack.ctx, 10*time.Second)
	defer cancel()
	who, r := s.identify(ctx, req, src)
	if r == nil {
		s.stack.t.trace.claim(req.CallID().Value(), who.tenant())
	}
	if r == nil && s.stack.merged(req) {
		r = refuse(482, "Loop Detected")
	}
	if r == nil && req.GetHeader("Replaces") != nil {
		if r = s.replace(req, tx, who); r == nil {
			return
		}
	}
	var inv calls.Invite
	if r == nil {
		inv, r = invitation(req, who)
	}
	if r == nil {
		r = s.stack.timing.tooShort(req)
	}
	var leg *leg
	if r == nil {
		leg, r = s.legs.inbound(req, tx, who)
	}
	if r != nil {
		s.stack.t.reply(req, tx, r)
		return
	}
	inv.Codec = leg.spoken
	owned := s.stack.spawn(func() {
		defer leg.Hangup(calls.CauseFailed) // whatever was forgotten; no effect on a leg that has ended
		s.incoming(s.stack.ctx, leg, inv)
	})
	if !owned {
		leg.Hangup(calls.CauseDraining)
	}
}

// invitation reads what the signalling says about a call, and leaves out what this peer is not believed.
func invitation(req *gosip.Request, who caller) (calls.Invite, *refusal) {
	number, ok := userPart(req.Recipient.User)
	if req.Recipient.Scheme == "tel" {
		number, ok = userPart(req.Recipient.Raw())
	}
	if who.trunk != nil && who.trunk.Register && number == who.trunk.token() {
		number, ok = userPart(req.To().Address.User) // our own contact; what was dialled is in To
	}
	if !ok {
		return calls.Invite{}, refuse(400, "Bad Request-URI")
	}
	if number == "" {
		return calls.Invite{}, refuse(404, "Not Found")
	}
	from, ok := callerPart(req.From().Address.User)
	if !ok {
		return calls.Invite{}, refuse(400, "Bad From")
	}
	inv := calls.Invite{
		Number: number, SignalID: req.CallID().Value(), Transport: strings.ToLower(req.Transport()),
		Caller: calls.Party{Number: from, Name: quotable(req.From().DisplayName)},
	}
	if strings.EqualFold(from, "anonymous") || strings.HasSuffix(strings.ToLower(req.From().Address.Host), "anonymous.invalid") {
		inv.Caller = calls.Party{Withheld: true}
	}
	if who.phone != nil {
		inv.Tenant = who.phone.Tenant
		inv.Caller = calls.Party{Number: who.phone.Username, Name: inv.Caller.Name}
		if who.phone.Agent != nil {
			inv.Agent = *who.phone.Agent
		}
		return inv, nil
	}
	inv.Tenant, inv.Trunk = who.trunk.Tenant, who.trunk.ID
	if who.trunk.Trusted {
		inv.Caller = assertedCaller(req, inv.Caller)
		inv.Reserved = reservedFlags(req)
		inv.Headers = callData(req, who.trunk.Headers)
	}
	return inv, nil
}

// assertedCaller prefers what a trusted network asserts (RFC 3325) and honours the caller's wish to stay unknown (RFC 3323).
func assertedCaller(req *gosip.Request, p calls.Party) calls.Party {
	for _, h := range req.GetHeaders("P-Asserted-Identity") {
		var u gosip.Uri
		name, err := gosip.ParseAddressValue(h.Value(), &u, nil)
		if err != nil {
			continue
		}
		user := u.User
		if u.Scheme == "tel" {
			user = u.Raw()
		}
		if n, ok := callerPart(user); ok && n != "" {
			p = calls.Party{Number: n, Name: quotable(name)}
			break
		}
	}
	for _, h := range req.GetHeaders("Privacy") {
		for v := range strings.SplitSeq(h.Value(), ";") {
			if v = strings.ToLower(strings.TrimSpace(v)); v == "id" || v == "user" || v == "header" {
				return calls.Party{Withheld: true}
			}
		}
	}
	return p
}

// reservedFlags reads the three profile flags of V1.6; their headers may be written with dashes or with underscores.
func reservedFlags(req *gosip.Request) calls.Reserved {
	flag := func(attribute string) *bool {
		h := req.GetHeader("x-" + strings.ReplaceAll(attribute, "_", "-"))
		if h == nil {
			h = req.GetHeader("x-" + attribute)
		}
		if h == nil {
			return nil
		}
		v := strings.ToLower(strings.TrimSpace(h.Value()))
		yes := v == "true" || v == "1" || v == "yes"
		if !yes && v != "false" && v != "0" && v != "no" {
			return nil
		}
		return &yes
	}
	return calls.Reserved{
		VerifiedCustomer: flag("reserved_verified_customer"), BadActor: flag("reserved_bad_actor"), RepeatCustomer: flag("reserved_repeat_customer"),
	}
}

// newLegID names a leg.
func newLegID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
