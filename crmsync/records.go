package crmsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// The names of the profile flags in data_records (V1.6); all other names are those of a call's data, and AllData means every one of them.
const (
	recordVerified = "reserved_verified_customer"
	recordBadActor = "reserved_bad_actor"
	recordRepeat   = "reserved_repeat_customer"
	AllData        = "*"
)

func defaultRecords() []string { return []string{recordVerified, recordBadActor, recordRepeat} }

// ErrRecords refuses a setting that names nothing.
var ErrRecords = fault.New(fault.Invalid, "bad_data_records", "Name at most 64 flags or data, each with 1 to 64 characters; * stands for all data.").WithField("data_records")

func checkRecords(names []string) error {
	if len(names) > 64 {
		return ErrRecords
	}
	for _, name := range names {
		if name == "" || len(name) > 64 || strings.ContainsAny(name, "\r\n") {
			return ErrRecords
		}
	}
	return nil
}

// dataRecords is a tenant's setting.
func dataRecords(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (names []string, err error) {
	err = tx.QueryRow(ctx, `SELECT data_records FROM crm_connections WHERE tenant_id = $1`, tenant).Scan(&names)
	if errors.Is(err, pgx.ErrNoRows) {
		return defaultRecords(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which data go to the CRM: %w", err)
	}
	return names, nil
}

type datum struct{ name, value string }

// recorded is what a call carries of the named flags and data, in a fixed order.
func recorded(r *calls.Record, names []string) (out []datum) {
	for _, f := range []struct {
		name, words string
		set         *bool
	}{
		{recordVerified, "Verified customer", r.Reserved.VerifiedCustomer},
		{recordBadActor, "Bad actor", r.Reserved.BadActor},
		{recordRepeat, "Repeat customer", r.Reserved.RepeatCustomer},
	} {
		switch {
		case f.set == nil || !slices.Contains(names, f.name):
		case *f.set:
			out = append(out, datum{f.words, "yes"})
		default:
			out = append(out, datum{f.words, "no"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if slices.Contains(names, name) || slices.Contains(names, AllData) {
			out = append(out, datum{name, r.Headers[name]})
		}
	}
	return out
}
