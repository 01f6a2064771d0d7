package crmsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

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

// ErrMapping refuses a mapping that names nothing.
var ErrMapping = fault.New(fault.Invalid, "bad_mapping", "Name what is to be written and the CRM's field, each in 1 to 100 characters, at most 50 times, each field once.").WithField("mapping")

func checkMapping(all []Map) error {
	fields := make(map[string]bool)
	for _, m := range all {
		if m.From == "" || m.To == "" || len(m.From) > 100 || len(m.To) > 100 || fields[m.To] {
			return ErrMapping
		}
		fields[m.To] = true
	}
	if len(all) > 50 {
		return ErrMapping
	}
	return nil
}

// wanted is what a tenant's CRM is to be told of a call beside its ticket.
type wanted struct {
	records []string // flags and data for the note
	mapping []Map
	contact string // the datum that names the contact
}

func readWanted(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (w wanted, err error) {
	err = tx.QueryRow(ctx, `SELECT data_records, mapping, contact_data FROM crm_connections WHERE tenant_id = $1`, tenant).Scan(&w.records, &w.mapping, &w.contact)
	if errors.Is(err, pgx.ErrNoRows) {
		return wanted{records: defaultRecords()}, nil
	}
	if err != nil {
		return w, fmt.Errorf("read which data go to the CRM: %w", err)
	}
	return w, nil
}

// call is a call as the CRM is told of it, with no more data than are wanted.
func (w wanted) call(r *calls.Record) Call {
	c := told(r)
	if w.contact != "" {
		c.External = r.Headers[strings.ToLower(w.contact)]
	}
	facts := Facts(r)
	for _, m := range w.mapping {
		if v := facts[m.From]; v != "" {
			if c.Facts == nil {
				c.Facts = make(map[string]string)
			}
			c.Facts[m.From] = v
		}
	}
	return c
}

// Facts is what can be said of a call, by the names of Map.From.
func Facts(r *calls.Record) map[string]string {
	c := told(r)
	facts := map[string]string{
		FactNumber: c.Number, FactCaller: c.Caller, FactCallerName: c.CallerName, FactQueuePath: strings.Join(c.QueuePath, " › "), FactAgent: r.AgentName,
		FactStartedAt: r.StartedAt.UTC().Format(time.RFC3339), FactWait: strconv.Itoa(int(r.WaitSeconds)), FactTalk: strconv.Itoa(int(r.TalkSeconds)),
		FactDirection: string(r.Direction),
	}
	if n := len(c.QueuePath); n > 0 {
		facts[FactQueue] = c.QueuePath[n-1]
	}
	for name, value := range r.Headers {
		facts[FactHeader+name] = value
	}
	return facts
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
