package queues

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Browser is the device of agents who talk on their page. The others begin with PhoneDevice and the user name of a SIP telephone, with
// NumberDevice and a telephone number in E.164, or with "sip:".
const (
	Browser      = "browser"
	PhoneDevice  = "phone:"
	NumberDevice = "number:"
)

// The seconds that an agent's own device may ring.
const (
	minDeviceRing = 10
	maxDeviceRing = 120
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)

func checkDevice(device string) error {
	kind, rest, _ := strings.Cut(device, ":")
	switch {
	case device == Browser, (kind == "sip" || kind == "phone") && rest != "":
		return nil
	case kind == "number":
		if !e164.MatchString(rest) {
			return invalid("number", "Write the telephone number with + and its country code, like +49301234567.")
		}
		return nil
	}
	return invalid("device", "The device is browser, phone:extension, number:+49301234567 or sip:user@host.")
}

// Device is what an agent takes calls on.
type Device struct {
	Address     string // as Agent.Device
	RingSeconds int    // how long it rings; 0: as long as the queue says
	There       bool   // calls reach it now
}

// DeviceChosen is the data of the event agent.device_chosen. It names no telephone number.
type DeviceChosen struct {
	Agent       uuid.UUID `json:"agent"`
	Kind        string    `json:"kind"` // browser, phone, number, sip
	RingSeconds int       `json:"ring_seconds,omitempty"`
}

// DeviceOf returns what an agent takes calls on, without There.
func (s *Service) DeviceOf(ctx context.Context, tenant, agent uuid.UUID) (d Device, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT device, ring_seconds FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL`, agent).Scan(&d.Address, &d.RingSeconds)
		return storage.Missing(err, ErrNoAgent)
	})
	return d, wrap("read an agent's device", err)
}

// ChooseDevice makes an agent take calls on another device, from the next call on. Whoever comes to the browser has yet to show there that they
// hear and are heard: they are offline until then.
func (s *Service) ChooseDevice(ctx context.Context, tenant, agent uuid.UUID, d Device) error {
	if err := checkDevice(d.Address); err != nil {
		return err
	}
	if d.RingSeconds != 0 && (d.RingSeconds < minDeviceRing || d.RingSeconds > maxDeviceRing) {
		return invalid("ring_seconds", "A device rings for 10 to 120 seconds, or as long as the queue says (0).")
	}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var before string
		if err := tx.QueryRow(ctx, `SELECT device FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent).Scan(&before); err != nil {
			return storage.Missing(err, ErrNoAgent)
		}
		if _, err := tx.Exec(ctx, `UPDATE queue_agents SET device = $2, ring_seconds = $3 WHERE agent_id = $1`, agent, d.Address, d.RingSeconds); err != nil {
			return err
		}
		err := s.changePresenceIn(ctx, tx, tenant, agent, func(r *presenceRow) {
			r.reached(d.There)
			if d.Address == Browser && before != Browser {
				r.presence, r.reason = Offline, ""
			}
		})
		if err != nil {
			return err
		}
		kind, _, _ := strings.Cut(d.Address, ":")
		return s.log.Append(ctx, tx, "agent.device_chosen", agent, DeviceChosen{Agent: agent, Kind: kind, RingSeconds: d.RingSeconds})
	})
	return wrap("choose a device", err)
}

// DeviceIs notes, within another's transaction, whether calls reach a device, if it is what the agent takes calls on: one who is UNREACHABLE is
// offered none, whatever their presence.
func (s *Service) DeviceIs(ctx context.Context, tx *storage.Tx, tenant, agent uuid.UUID, device string, there bool) error {
	var its string
	err := tx.QueryRow(ctx, `SELECT device FROM queue_agents WHERE agent_id = $1 AND tenant_id = $2 AND archived_at IS NULL`, agent, tenant).Scan(&its)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && its != device {
		return nil
	}
	if err == nil {
		err = s.changePresenceIn(ctx, tx, tenant, agent, func(r *presenceRow) { r.reached(there) })
	}
	return wrap("note whether a device is there", err)
}

// reached bars an agent whose device calls do not reach, for as long as that lasts, whatever barred them before: one who missed offers, or was to be
// tried again in a while because an offer has failed.
func (r *presenceRow) reached(there bool) {
	switch {
	case there && r.barred == Unreachable:
		r.barred = ""
	case !there:
		r.barred, r.away = Unreachable, true
	}
}
