package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Settings are what a tenant has set for all its conversations.
type Settings struct {
	// Time-outs in minutes, 0: never (IN-4).
	AgentSilent    int `json:"agent_silent_minutes"`    // the agent has not answered: back to the queue
	CustomerSilent int `json:"customer_silent_minutes"` // the customer has not answered: closed
	NeverWrote     int `json:"never_wrote_minutes"`     // the customer opened it and said nothing: closed
	// ReopenDays is for how long a customer's message opens a closed conversation again; after that it begins a new one. 0: for ever.
	ReopenDays int `json:"reopen_days"`
	// Automatic gives conversations to agents without asking them.
	Automatic bool `json:"automatic"`
	// KeepUnsent keeps text and files of messages that customers have taken back.
	KeepUnsent    bool `json:"keep_unsent"`
	SeveralWeChat bool `json:"several_wechat"`
	// ComplaintWarn and ComplaintPause are shares of failed or blocked messages, in per cent, at which an account warns and pauses (CH-4).
	ComplaintWarn  float64 `json:"complaint_warn_percent"`
	ComplaintPause float64 `json:"complaint_pause_percent"`
	// HumanAgent are the accounts whose app has the HUMAN_AGENT feature approved, by account id.
	HumanAgent []uuid.UUID `json:"human_agent_accounts"`
}

// DefaultSettings are those of a tenant that has set nothing.
func DefaultSettings() Settings {
	return Settings{AgentSilent: 0, CustomerSilent: 24 * 60, NeverWrote: 30, ComplaintWarn: 1, ComplaintPause: 2, HumanAgent: []uuid.UUID{}}
}

func (set Settings) validate() error {
	for name, n := range map[string]int{
		"agent_silent_minutes": set.AgentSilent, "customer_silent_minutes": set.CustomerSilent, "never_wrote_minutes": set.NeverWrote,
	} {
		if n < 0 || n > 60*24*60 {
			return fault.New(fault.Invalid, "chat_setting_invalid", "A time-out is 0 (never) to 86,400 minutes.").WithField(name)
		}
	}
	if set.ReopenDays < 0 || set.ReopenDays > 3650 {
		return fault.New(fault.Invalid, "chat_setting_invalid", "Give 0 (for ever) to 3,650 days.").WithField("reopen_days")
	}
	if set.ComplaintWarn < 0 || set.ComplaintPause < set.ComplaintWarn || set.ComplaintPause > 100 {
		return fault.New(fault.Invalid, "chat_setting_invalid", "The pause must not come before the warning; both are per cent.").WithField("complaint_pause_percent")
	}
	return nil
}

func readSettings(ctx context.Context, tx *storage.Tx) (Settings, error) {
	return settingsOf(ctx, tx, tx.Tenant)
}

func settingsOf(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (Settings, error) {
	set := DefaultSettings()
	var body []byte
	err := tx.QueryRow(ctx, `SELECT settings FROM chat_settings WHERE tenant_id = $1`, tenant).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return set, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &set)
	}
	return set, wrap("read the chat settings", err)
}

// Settings returns what the tenant has set.
func (s *Service) Settings(ctx context.Context, tenant uuid.UUID) (set Settings, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { set, err = readSettings(ctx, tx); return err })
	return set, err
}

// SetSettings stores it.
func (s *Service) SetSettings(ctx context.Context, tenant uuid.UUID, set Settings) (Settings, error) {
	if err := set.validate(); err != nil {
		return set, err
	}
	if set.HumanAgent == nil {
		set.HumanAgent = []uuid.UUID{}
	}
	body, err := json.Marshal(set)
	if err != nil {
		return set, fmt.Errorf("encode the chat settings: %w", err)
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO chat_settings (tenant_id, settings) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET settings = excluded.settings`, tenant, body); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "chat_settings.changed", tenant, set)
	})
	return set, wrap("store the chat settings", err)
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
