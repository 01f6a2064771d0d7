package sip

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrNoOutbound says that a tenant has no way to the telephone network.
var ErrNoOutbound = fault.New(fault.Illegal, "trunk_no_outbound", "No trunk takes outbound calls. Give one an outbound address under Trunks first.")

// telephone is a number as it may be shown; a + and digits, or what a private exchange uses.
var telephone = regexp.MustCompile(`^\+?[0-9*#]{1,32}$`)

func (tr *Trunk) checkOutbound() error {
	if tr.OutboundTransport == "" {
		tr.OutboundTransport = "udp"
	}
	switch tr.OutboundTransport {
	case "udp", "tcp", "tls", byDNS:
	default:
		return fault.New(fault.Invalid, "trunk_transport_unknown", "Calls go out by udp, tcp, tls, or auto: by what the carrier's DNS says.").WithField("outbound_transport")
	}
	if err := tr.checkWays(); err != nil {
		return err
	}
	if tr.CallerID != "" && !telephone.MatchString(tr.CallerID) {
		return fault.New(fault.Invalid, "trunk_caller_id_invalid", "The caller id is a telephone number such as +49301234567.").WithField("caller_id")
	}
	if tr.Outbound == "" {
		return nil
	}
	host, port := tr.place()
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil && port == "" {
		port = strconv.Itoa(gosip.DefaultPort(tr.network()))
	}
	n, err := strconv.ParseUint(cmp.Or(port, "1"), 10, 16)
	if err != nil || n == 0 || !hostName.MatchString(host) || port == "" && strings.Contains(host, ":") {
		return fault.New(fault.Invalid, "trunk_outbound_invalid", "Give the address that calls go out to as host:port, such as sip.example.test:5060.").WithField("outbound")
	}
	if tr.Outbound = host; port != "" {
		tr.Outbound = net.JoinHostPort(host, port)
	}
	return nil
}

// checkWays fills in what chooses among several trunks.
func (tr *Trunk) checkWays() error {
	tr.Priority, tr.Weight, tr.NumberFormat = cmp.Or(tr.Priority, 1), cmp.Or(tr.Weight, 1), cmp.Or(tr.NumberFormat, "e164")
	switch {
	case tr.Priority < 1 || tr.Priority > 100 || tr.Weight < 1 || tr.Weight > 100:
		return fault.New(fault.Invalid, "trunk_priority_invalid", "Priority and weight are 1 to 100.").WithField("priority")
	case tr.Keepalive != 0 && (tr.Keepalive < 5 || tr.Keepalive > 3600):
		return fault.New(fault.Invalid, "trunk_keepalive_invalid", "OPTIONS are sent each 5 to 3,600 seconds, or never (0).").WithField("keepalive")
	case tr.CallsPerSecond < 0:
		return fault.New(fault.Invalid, "trunk_rate_invalid", "The calls in a second are 0 (no limit) or more.").WithField("calls_per_second")
	case tr.Register && (tr.Outbound == "" || tr.OutboundUsername == ""):
		return fault.New(fault.Invalid, "trunk_register_unidentified", "To register, give the address that calls go out to, and the user name and password there.").WithField("register")
	case !slices.Contains([]string{"e164", "digits", "00"}, tr.NumberFormat):
		return fault.New(fault.Invalid, "trunk_format_unknown", "Numbers are written as e164 (+49…), digits (49…) or 00 (0049…).").WithField("number_format")
	}
	return nil
}

var hostName = regexp.MustCompile(`^[0-9A-Za-z.:-]{1,253}$`)

func outboundSecret(trunk uuid.UUID) string { return "outbound trunk " + trunk.String() }

// seal returns what is stored of a password that we give a trunk; nil when there is none.
func (d *Directory) seal(ctx context.Context, tx *storage.Tx, trunk uuid.UUID, password string) ([]byte, error) {
	if password == "" {
		return nil, nil
	}
	key, err := d.keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	return key.Seal([]byte(password), outboundSecret(trunk))
}

// Outbound returns the trunk that a tenant's calls try first, or ErrNoOutbound.
func (d *Directory) Outbound(ctx context.Context, tenant uuid.UUID) (tr Trunk, err error) {
	list, err := d.Trunks(ctx, tenant)
	if err != nil {
		return tr, err
	}
	list = slices.DeleteFunc(list, func(tr Trunk) bool { return tr.Outbound == "" || !tr.Enabled })
	if len(list) == 0 {
		return tr, ErrNoOutbound
	}
	return slices.MinFunc(list, func(a, b Trunk) int { return a.Priority - b.Priority }), nil
}

// credentials are those that answer the challenges of a tenant's trunks; none for one that knows us by our address.
func (d *Directory) credentials(ctx context.Context, tenant uuid.UUID, trunks ...*Trunk) (map[uuid.UUID]*Credentials, error) {
	trunks = slices.DeleteFunc(slices.Clone(trunks), func(tr *Trunk) bool { return tr.OutboundUsername == "" })
	if len(trunks) == 0 {
		return nil, nil
	}
	found := map[uuid.UUID]*Credentials{}
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		key, err := d.keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		for _, tr := range trunks {
			var sealed []byte
			if err := tx.QueryRow(ctx, `SELECT outbound_password FROM trunks WHERE trunk_id = $1`, tr.ID).Scan(&sealed); err != nil {
				return storage.Missing(err, ErrTrunkNotFound)
			}
			if sealed == nil {
				continue
			}
			plain, err := key.Open(sealed, outboundSecret(tr.ID))
			if err != nil {
				return err
			}
			found[tr.ID] = &Credentials{User: tr.OutboundUsername, Password: string(plain)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the passwords for trunks: %w", err)
	}
	return found, nil
}
