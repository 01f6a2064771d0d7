package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
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
	case "udp", "tcp", "tls":
	default:
		return fault.New(fault.Invalid, "trunk_transport_unknown", "Calls go out by udp, tcp or tls.").WithField("outbound_transport")
	}
	if tr.CallerID != "" && !telephone.MatchString(tr.CallerID) {
		return fault.New(fault.Invalid, "trunk_caller_id_invalid", "The caller id is a telephone number such as +49301234567.").WithField("caller_id")
	}
	if tr.Outbound == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(tr.Outbound)
	if err != nil { // without a port: the transport's own
		host, port = strings.Trim(tr.Outbound, "[]"), strconv.Itoa(gosip.DefaultPort(tr.OutboundTransport))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || !hostName.MatchString(host) {
		return fault.New(fault.Invalid, "trunk_outbound_invalid", "Give the address that calls go out to as host:port, such as sip.example.test:5060.").WithField("outbound")
	}
	tr.Outbound = net.JoinHostPort(host, port)
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

// route is the way of a call to the telephone network.
type route struct {
	trunk Trunk
	cred  *Credentials // nil: the trunk knows us by our address
}

// Outbound returns the trunk that a tenant's calls go out by, the first by name, or ErrNoOutbound.
func (d *Directory) Outbound(ctx context.Context, tenant uuid.UUID) (Trunk, error) {
	r, err := d.route(ctx, tenant)
	return r.trunk, err
}

func (d *Directory) route(ctx context.Context, tenant uuid.UUID) (r route, err error) {
	err = d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+trunkColumns+` FROM trunks WHERE outbound <> '' AND enabled ORDER BY name LIMIT 1`)
		if err != nil {
			return fmt.Errorf("look for an outbound trunk: %w", err)
		}
		r.trunk, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Trunk])
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoOutbound
		}
		if err != nil || r.trunk.OutboundUsername == "" {
			return err
		}
		var sealed []byte
		if err := tx.QueryRow(ctx, `SELECT outbound_password FROM trunks WHERE trunk_id = $1`, r.trunk.ID).Scan(&sealed); err != nil || sealed == nil {
			return err
		}
		key, err := d.keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		plain, err := key.Open(sealed, outboundSecret(r.trunk.ID))
		r.cred = &Credentials{User: r.trunk.OutboundUsername, Password: string(plain)}
		return err
	})
	return r, err
}

// findTrunk aims at a telephone number by the tenant's outbound trunk, if the rules let the call out. Where the caller has no number of their
// own to show, the trunk's caller id is shown.
func (d *Dialer) findTrunk(ctx context.Context, to calls.Target, number string, o *outgoing) error {
	r, err := d.s.dir.route(ctx, to.Tenant)
	if err != nil {
		return err
	}
	metered, goes, err := d.s.meter.permit(ctx, to.Tenant, number)
	if err != nil {
		return err
	}
	if o.target, err = r.trunk.uri(goes.number); err != nil {
		metered.end()
		return err
	}
	if r.trunk.CallerID != "" {
		o.from = d.from(calls.Party{Number: r.trunk.CallerID})
	}
	o.cred, o.trunk, o.headers, o.metered = r.cred, &r.trunk, r.trunk.dataHeaders(to), metered
	return nil
}

// uri is a number at the trunk.
func (tr *Trunk) uri(number string) (u gosip.Uri, err error) {
	host, port, err := net.SplitHostPort(tr.Outbound)
	if err != nil {
		return u, errAddress.Because(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return u, errAddress.Because(err)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u = gosip.Uri{Scheme: "sip", User: escapeUser(number), Host: host, Port: n}
	switch tr.OutboundTransport {
	case "tcp":
		u.UriParams = gosip.HeaderParams{{K: "transport", V: "tcp"}}
	case "tls":
		u.Scheme = "sips"
	}
	return u, nil
}
