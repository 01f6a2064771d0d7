package sip

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Trunk is a peer that may send us calls: known by the networks it sends from, by a user name and password (digest), or by both.
type Trunk struct {
	ID       uuid.UUID `json:"id" db:"trunk_id"`
	Tenant   uuid.UUID `json:"-" db:"tenant_id"`
	Name     string    `json:"name" db:"name"`
	Networks []string  `json:"networks" db:"networks"` // CIDR
	Username string    `json:"username" db:"username"`
	Trusted  bool      `json:"trusted" db:"trusted"` // identity, flags and call data in headers are believed
	NAT      bool      `json:"nat" db:"nat"`         // its media may come from another address than its SDP says
	Headers  []string  `json:"headers" db:"headers"` // allow-list of X- headers and User-to-User; "x-crm-*" is a pattern
	Codecs   []string  `json:"codecs" db:"codecs"`   // allowed, in our order of preference; none: all
	// Encryption of the audio: off, prefer or require.
	Encryption Encryption `json:"encryption" db:"encryption" enum:"off,prefer,require"`
	MaxCalls   int        `json:"max_calls" db:"max_calls"`
	Refer      bool       `json:"refer" db:"refer"` // its REFER is honoured: it sends our callers elsewhere, and joins calls that it has with us
	Enabled    bool       `json:"enabled" db:"enabled"`

	// The way out; without an address this trunk takes no calls from us.
	Outbound          string `json:"outbound" db:"outbound"`                     // host:port; a name without a port has SRV records asked for
	OutboundTransport string `json:"outbound_transport" db:"outbound_transport"` // udp, tcp, tls or auto
	OutboundUsername  string `json:"outbound_username" db:"outbound_username"`   // answers its challenges (digest)
	CallerID          string `json:"caller_id" db:"caller_id"`                   // the number it lets us show
	Priority          int    `json:"priority" db:"priority"`                     // the lowest is tried first, 1 to 100
	Weight            int    `json:"weight" db:"weight"`                         // its share among those of one priority, 1 to 100
	CallsPerSecond    int    `json:"calls_per_second" db:"calls_per_second"`     // begun by us, on each node; 0: no limit
	Keepalive         int    `json:"keepalive" db:"keepalive"`                   // seconds between OPTIONS; 0: none
	Register          bool   `json:"register" db:"register"`                     // we register there, to be called
	NumberFormat      string `json:"number_format" db:"number_format"`           // of numbers with a country code: e164 (+49…), digits (49…) or 00 (0049…)

	DataParameters []DataParameter `json:"data_parameters" db:"data_parameters"` // headers of calls that go out

	secret Secret
}

// The errors of trunks and phones that people see.
var (
	ErrTrunkNotFound = fault.New(fault.NotFound, "trunk_not_found", "There is no such trunk.")
	ErrTrunkTaken    = fault.New(fault.Conflict, "trunk_name_taken", "A trunk of that name exists; choose another name.").WithField("name")
	ErrUserTaken     = fault.New(fault.Conflict, "sip_username_taken", "That SIP user name is in use; choose another.").WithField("username")
	ErrPhoneNotFound = fault.New(fault.NotFound, "sip_phone_not_found", "There is no such SIP phone.")
)

// directoryChanged is the bus subject that makes every node read trunks and registrations again.
const directoryChanged = "sip.directory"

const reloadEvery = 30 * time.Second // the bus may lose a wake-up

// Directory knows trunks, phones and where the phones are. Run keeps the part that decides about every packet in memory.
type Directory struct {
	db    *storage.DB
	bus   *events.Bus
	log   *events.Log
	keys  *storage.Keys
	slog  *slog.Logger
	realm string
	node  string
	table atomic.Pointer[table]
	mu    sync.Mutex // one reload at a time

	presence PhonePresence
	// transports are how the server of this directory is reached; set before it runs.
	transports []Transport

	watch *watch
	trace *trace
}

// table is an immutable snapshot.
type table struct {
	byNetwork []networkTrunk // longest prefix first
	byUser    map[string]*Trunk
	phones    map[netip.Addr]bool     // where registered phones are, and where our own calls go out
	contacts  int                     // of registered phones
	outlets   map[string]bool         // where outbound trunks are, see outlet
	outbound  []*Trunk                // those that calls go out by
	traced    map[uuid.UUID]time.Time // until when SIP messages are kept, by tenant
}

type networkTrunk struct {
	prefix netip.Prefix
	trunk  *Trunk
}

// PhonePresence is told, within tx, that an agent's phone ("phone:8001") is registered where it was not, or is so no more.
type PhonePresence func(ctx context.Context, tx *storage.Tx, tenant, agent uuid.UUID, device string, there bool) error

// NewDirectory returns an empty directory; Load or Run fill it. Passwords of those who call us are kept as digests in realm, those that
// we give are sealed under the tenant's key; node names this process in registrations.
func NewDirectory(db *storage.DB, bus *events.Bus, elog *events.Log, keys *storage.Keys, log *slog.Logger, realm, node string, presence PhonePresence) *Directory {
	d := &Directory{db: db, bus: bus, log: elog, keys: keys, slog: log, realm: realm, node: node, presence: presence, watch: newWatch()}
	d.table.Store(&table{})
	d.trace = &trace{until: func() map[uuid.UUID]time.Time { return d.table.Load().traced }, node: node, self: uuid.New(), share: d.shareTrace}
	return d
}

// Run follows changes made by any node until ctx ends, and sweeps registrations that have expired.
func (d *Directory) Run(ctx context.Context) error {
	wake, stop := d.bus.Wake(directoryChanged)
	defer stop()
	defer d.bus.Subscribe(tracedAt, d.trace.hear)()
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		if err := d.Load(ctx); err != nil && ctx.Err() == nil {
			d.slog.Error("cannot read trunks and SIP phones; the last state stays in force", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
			if err := d.sweep(ctx); err != nil && ctx.Err() == nil {
				d.slog.Error("cannot sweep expired registrations", "err", err)
			}
		}
	}
}

// Load reads trunks and registrations once.
func (d *Directory) Load(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	trunks, err := d.readTrunks(ctx)
	if err != nil {
		return err
	}
	phones, contacts, err := d.readRegistered(ctx)
	if err != nil {
		return err
	}
	traced, err := d.readTraces(ctx)
	if err != nil {
		return err
	}
	t := &table{traced: traced, byUser: map[string]*Trunk{}, phones: phones, contacts: contacts, outlets: map[string]bool{}}
	for i := range trunks {
		t.add(&trunks[i])
	}
	t.sort()
	d.table.Store(t)
	return nil
}

func (t *table) add(tr *Trunk) {
	if !tr.Enabled {
		return
	}
	for _, p := range tr.prefixes() {
		t.byNetwork = append(t.byNetwork, networkTrunk{p.Masked(), tr})
	}
	if tr.Username != "" {
		t.byUser[tr.Username] = tr
	}
	if tr.Outbound == "" {
		return
	}
	t.outbound = append(t.outbound, tr)
	host, port := tr.place()
	t.outlets[outlet(host, port)] = true
	if a, err := netip.ParseAddr(host); err == nil {
		t.phones[a.Unmap()] = true
	}
}

func (t *table) sort() {
	slices.SortStableFunc(t.byNetwork, func(a, b networkTrunk) int { return b.prefix.Bits() - a.prefix.Bits() })
}

// match returns the trunk whose network holds the address; the longest prefix wins.
func (t *table) match(a netip.Addr) *Trunk {
	a = a.Unmap().WithZone("")
	for _, n := range t.byNetwork {
		if n.prefix.Contains(a) {
			return n.trunk
		}
	}
	return nil
}

// knows says whether packets from the address come from a trunk or a registered phone.
func (d *Directory) knows(a netip.Addr) bool {
	t, a := d.table.Load(), a.Unmap().WithZone("")
	return d.watch.carrier(a) || t.phones[a] || t.match(a) != nil
}

// place is where calls go out to; the port is empty where SRV records tell it.
func (tr *Trunk) place() (host, port string) {
	host, port, err := net.SplitHostPort(tr.Outbound)
	if err != nil {
		return tr.Outbound, ""
	}
	return host, port
}

// network is the transport of calls to a trunk whose DNS says nothing of it: UDP, where none was chosen (RFC 3263 4.1), unless keys must not be read.
func (tr *Trunk) network() string {
	switch {
	case tr.OutboundTransport != byDNS:
		return tr.OutboundTransport
	case tr.Encryption == EncryptionRequire:
		return "tls"
	}
	return "udp"
}

// carries says that a host, a name or an address, is where some trunk takes our calls.
func (d *Directory) carries(host, port string) bool {
	if d.table.Load().outlets[outlet(host, port)] {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.IsLoopback() {
		return false
	}
	return d.watch.carrier(a)
}

// outlet names a carrier: a host, whatever the port; on loopback, where hosts are programs, a port.
func outlet(host, port string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return net.JoinHostPort(host, port)
	}
	return strings.ToLower(host)
}

func (tr *Trunk) prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, n := range tr.Networks {
		if p, err := netip.ParsePrefix(n); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// check validates a trunk before it is stored.
func (tr *Trunk) check() error {
	if tr.Name == "" || len(tr.Name) > 80 {
		return fault.New(fault.Invalid, "trunk_name_invalid", "A trunk's name has 1 to 80 characters.").WithField("name")
	}
	if len(tr.Networks) == 0 && tr.Username == "" && tr.Outbound == "" {
		return fault.New(fault.Invalid, "trunk_unidentified", "A trunk needs at least one network it sends from, or a user name and password, or an address that calls go out to.").WithField("networks")
	}
	if err := tr.checkOutbound(); err != nil {
		return err
	}
	if err := tr.checkEncryption(); err != nil {
		return err
	}
	if len(tr.DataParameters) > maxDataParameters {
		return errDataParameter
	}
	for _, p := range tr.DataParameters {
		if err := p.check(); err != nil {
			return err
		}
	}
	for i, n := range tr.Networks {
		if a, err := netip.ParseAddr(n); err == nil {
			n = netip.PrefixFrom(a, a.BitLen()).String()
		}
		p, err := netip.ParsePrefix(n)
		if err != nil || p.Bits() == 0 {
			return fault.Newf(fault.Invalid, "trunk_network_invalid", "%q is no network; write an address or a CIDR such as 198.51.100.0/24.", tr.Networks[i]).WithField("networks")
		}
		tr.Networks[i] = p.Masked().String()
	}
	for _, c := range tr.Codecs {
		if !slices.ContainsFunc(formats, func(f format) bool { return f.name == c }) {
			return fault.Newf(fault.Invalid, "trunk_codec_unknown", "%q is no codec of ours; use PCMU, PCMA, G722 or opus.", c).WithField("codecs")
		}
	}
	for _, h := range tr.Headers {
		name := strings.ToLower(h)
		if name != "user-to-user" && (!strings.HasPrefix(name, "x-") || !isToken(strings.TrimSuffix(name, "*"))) {
			return fault.Newf(fault.Invalid, "trunk_header_invalid", "%q cannot be allowed; allow X- headers and User-to-User.", h).WithField("headers")
		}
	}
	return nil
}
