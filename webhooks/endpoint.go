package webhooks

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Endpoint is where a tenant's other program hears of events.
type Endpoint struct {
	ID           uuid.UUID  `json:"id" db:"endpoint_id"`
	URL          string     `json:"url" db:"url"`
	Description  string     `json:"description" db:"description"`
	Events       []string   `json:"events" db:"events"`
	Personal     bool       `json:"personal_data" db:"personal"` // numbers and names of customers, and what agents wrote, are told too
	Enabled      bool       `json:"enabled" db:"enabled"`
	DisabledWhy  Disabled   `json:"disabled_why,omitempty" db:"disabled_why"`
	FailingSince *time.Time `json:"failing_since,omitempty" db:"failing_since"` // nothing has been taken since
	OldUntil     *time.Time `json:"old_secret_until,omitempty" db:"old_until"`  // the secret before signs too until then
	CreatedAt    time.Time  `json:"created_at" db:"created_at"`
	Waiting      int        `json:"waiting" db:"waiting"` // deliveries; counted up to 1,000
	Failed       int        `json:"failed" db:"failed"`
	Secret       string     `json:"secret,omitempty" db:"-"` // shown once: when it was made
}

// Disabled says why an endpoint is switched off.
type Disabled string

// The reasons.
const (
	DisabledByPerson Disabled = "person"
	DisabledGone     Disabled = "gone"    // it answered 410
	DisabledFailing  Disabled = "failing" // it took nothing for days
)

// EndpointChange makes or changes an endpoint. What is nil stays as it is.
type EndpointChange struct {
	URL         *string   `json:"url,omitempty" maxLength:"2000" doc:"https://…; redirects are not followed"`
	Description *string   `json:"description,omitempty" maxLength:"200"`
	Events      *[]string `json:"events,omitempty" minItems:"1" maxItems:"100" doc:"types of events: docs/webhooks.md"`
	Personal    *bool     `json:"personal_data,omitempty" doc:"whether numbers and names of customers and what agents wrote are told too"`
	Enabled     *bool     `json:"enabled,omitempty" doc:"what happens while it is not is not told later; what waited has failed, and can be replayed"`
}

const maxEndpoints = 50

// Errors for people.
var (
	ErrNoEndpoint = fault.New(fault.NotFound, "webhook_not_found", "There is no such endpoint.")
	ErrNoDelivery = fault.New(fault.NotFound, "webhook_delivery_not_found", "There is no such delivery.")
	ErrForgotten  = fault.New(fault.Conflict, "webhook_body_forgotten", "What was sent is no longer kept, so it cannot be sent again.")
	ErrDisabled   = fault.New(fault.Conflict, "webhook_disabled", "The endpoint is switched off; switch it on first.")
	ErrTooMany    = fault.Newf(fault.Conflict, "webhook_too_many", "There are %d endpoints already; remove one first.", maxEndpoints)
	errURL        = fault.New(fault.Invalid, "webhook_url_invalid", "The address must be like https://example.com/hook, without user and password.").WithField("url")
	errPrivate    = fault.New(fault.Invalid, "webhook_url_private", "The address must be on the public Internet, reached by https at its usual port.").WithField("url")
	errEvents     = fault.New(fault.Invalid, "webhook_events_invalid", "Choose at least one of the known types of events.").WithField("events")
	errText       = fault.New(fault.Invalid, "webhook_description_invalid", "A description has at most 200 characters.").WithField("description")
)

// checkURL tidies an address and refuses those that requests do not go to.
func checkURL(g egress.Guard, text string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || len(text) > 2000 {
		return "", errURL
	}
	u.Fragment = ""
	if err := g.Check(u); err != nil {
		return "", errPrivate.Because(err)
	}
	if !g.Private && !egress.PublicName(u.Hostname()) {
		return "", errPrivate
	}
	return u.String(), nil
}

// apply is e with the change, checked.
func (e Endpoint) apply(g egress.Guard, c EndpointChange) (_ Endpoint, err error) {
	set(&e.URL, c.URL)
	set(&e.Description, c.Description)
	set(&e.Personal, c.Personal)
	if c.Events != nil {
		e.Events = slices.Clone(*c.Events)
		slices.Sort(e.Events)
		e.Events = slices.Compact(e.Events)
	}
	if c.Enabled != nil && *c.Enabled != e.Enabled {
		e.Enabled, e.DisabledWhy = *c.Enabled, DisabledByPerson
		if e.Enabled {
			e.DisabledWhy, e.FailingSince = "", nil
		}
	}
	if e.Description = strings.TrimSpace(e.Description); utf8.RuneCountInString(e.Description) > 200 {
		return e, errText
	}
	known := Types()
	if len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(typ string) bool { return !slices.Contains(known, typ) }) {
		return e, errEvents
	}
	e.URL, err = checkURL(g, e.URL)
	return e, err
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Endpoints lists a tenant's endpoints, the oldest first.
func (s *Service) Endpoints(ctx context.Context, tenant uuid.UUID) (all []Endpoint, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		all, err = readEndpoints(ctx, tx, nil)
		return err
	})
	return all, err
}

// Endpoint returns one.
func (s *Service) Endpoint(ctx context.Context, tenant, id uuid.UUID) (e Endpoint, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		e, err = readEndpoint(ctx, tx, id)
		return err
	})
	return e, err
}

// AddEndpoint makes an endpoint and returns it with its secret, which is never shown again.
func (s *Service) AddEndpoint(ctx context.Context, tenant uuid.UUID, c EndpointChange) (e Endpoint, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if e, err = (Endpoint{Enabled: true}).apply(s.cfg.Guard, c); err != nil {
			return err
		}
		all, err := readEndpoints(ctx, tx, nil)
		if err != nil {
			return err
		}
		if len(all) >= maxEndpoints {
			return ErrTooMany
		}
		e.ID, e.CreatedAt, e.Secret = storage.NewID(), tx.Now, newSecret()
		sealed, err := s.seal(ctx, tx, e.ID, e.Secret)
		if err != nil {
			return err
		}
		if err := insertEndpoint(ctx, tx, e, sealed); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "webhook.created", e.ID, map[string]any{"enabled": e.Enabled, "personal_data": e.Personal})
	})
	return e, err
}

// ChangeEndpoint changes an endpoint. What waits goes to the new address; switched off, what waits has failed.
func (s *Service) ChangeEndpoint(ctx context.Context, tenant, id uuid.UUID, c EndpointChange) (e Endpoint, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		was, err := readEndpoint(ctx, tx, id)
		if err != nil {
			return err
		}
		if e, err = was.apply(s.cfg.Guard, c); err != nil {
			return err
		}
		if err := updateEndpoint(ctx, tx, e, e.Enabled && !was.Enabled); err != nil {
			return err
		}
		if !e.Enabled && was.Enabled {
			if err := failWaiting(ctx, tx, id); err != nil {
				return err
			}
		}
		if e, err = readEndpoint(ctx, tx, id); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "webhook.changed", id, map[string]any{"enabled": e.Enabled, "personal_data": e.Personal})
	})
	return e, err
}

// DeleteEndpoint removes an endpoint with all its deliveries.
func (s *Service) DeleteEndpoint(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := deleteEndpoint(ctx, tx, id); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "webhook.deleted", id, struct{}{})
	})
}

// Rotate gives an endpoint a new secret and returns it. The one before signs too for a day; one that was replaced earlier no longer does.
func (s *Service) Rotate(ctx context.Context, tenant, id uuid.UUID) (e Endpoint, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		secret := newSecret()
		sealed, err := s.seal(ctx, tx, id, secret)
		if err != nil {
			return err
		}
		if err := rotateSecret(ctx, tx, id, sealed, tx.Now.Add(s.cfg.Overlap)); err != nil {
			return err
		}
		if e, err = readEndpoint(ctx, tx, id); err != nil {
			return err
		}
		e.Secret = secret
		return s.cfg.Events.Append(ctx, tx, "webhook.secret_rotated", id, struct{}{})
	})
	return e, err
}
