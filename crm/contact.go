package crm

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nyaruka/phonenumbers"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Contact is a person (CR-1).
type Contact struct {
	ID          uuid.UUID  `json:"id" db:"contact_id"`
	FirstName   string     `json:"first_name" db:"first_name"`
	LastName    string     `json:"last_name" db:"last_name"`
	Email       string     `json:"email" db:"email"`
	Phone       string     `json:"phone" db:"phone"` // E.164
	Location    string     `json:"location" db:"location"`
	Country     string     `json:"country" db:"country"` // ISO 3166, two letters
	Company     string     `json:"company" db:"company"`
	JobTitle    string     `json:"job_title" db:"job_title"`
	Tags        []string   `json:"tags" db:"tags"` // customer segments; in lower case, sorted
	CreatedAt   time.Time  `json:"created_at" db:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at" db:"updated_at"`
	ContactedAt *time.Time `json:"contacted_at,omitempty" db:"contacted_at"`
	Owner       *uuid.UUID `json:"owner,omitempty" db:"owner"` // who looks after them

	Custom map[string]any `json:"custom" db:"custom"` // values by the attribute's key
}

const contactColumns = `contact_id, first_name, last_name, email, phone, location, country, company, job_title, tags, created_at, updated_at, contacted_at, owner, custom`

// ContactChange is what may be changed; nil leaves a field as it is. Owner uuid.Nil takes the contact from everybody; a custom value nil is none.
type ContactChange struct {
	FirstName *string `json:"first_name,omitempty"`
	LastName  *string `json:"last_name,omitempty"`
	Email     *string `json:"email,omitempty"`
	Phone     *string `json:"phone,omitempty"`
	Location  *string `json:"location,omitempty"`
	Country   *string `json:"country,omitempty"`
	Company   *string `json:"company,omitempty"`
	JobTitle  *string `json:"job_title,omitempty"`

	Tags   *[]string      `json:"tags,omitempty"`
	Owner  *uuid.UUID     `json:"owner,omitempty" doc:"the nil UUID takes it from everybody"`
	Custom map[string]any `json:"custom,omitempty" doc:"values by the attribute's key; null takes one away"`
}

// Identity is one way a contact is recognised.
type Identity struct {
	Kind  string `json:"kind" db:"kind"` // "phone", "email", or a channel's name
	Value string `json:"value" db:"value"`
}

// Kinds of identities.
const (
	IdentityPhone = "phone"
	IdentityEmail = "email"
	IdentitySIP   = "sip" // of a caller without a telephone number
)

// Errors for people.
var (
	ErrNoContact    = fault.New(fault.NotFound, "contact_not_found", "There is no such contact.")
	ErrPhone        = fault.New(fault.Invalid, "bad_phone", "That is no telephone number; write it with + and the country code.").WithField("phone")
	ErrEmail        = fault.New(fault.Invalid, "bad_email", "That is no e-mail address.").WithField("email")
	ErrCountry      = fault.New(fault.Invalid, "bad_country", "A country is two letters, such as CN or DE.").WithField("country")
	ErrTags         = fault.New(fault.Invalid, "bad_tags", "A contact has up to 30 tags of up to 50 characters.").WithField("tags")
	ErrTooLong      = fault.New(fault.Invalid, "too_long", "That text is too long.")
	ErrIdentityUsed = fault.New(fault.Conflict, "identity_used", "Another contact has this number or address.")
)

const longestField = 200

// Phone brings a number into E.164. Numbers without + are national ones of region; they must be of a range that is in use there, so that
// no extension of a house is taken for one.
func Phone(number, region string) (string, error) {
	n, err := phonenumbers.Parse(number, region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", ErrPhone
	}
	if !strings.HasPrefix(strings.TrimSpace(number), "+") && !phonenumbers.IsValidNumber(n) {
		return "", ErrPhone
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

func (s *Service) apply(ctx context.Context, tx *storage.Tx, c *Contact, ch ContactChange) error {
	for _, f := range []struct {
		to   *string
		from *string
		name string
	}{
		{&c.FirstName, ch.FirstName, "first_name"},
		{&c.LastName, ch.LastName, "last_name"},
		{&c.Location, ch.Location, "location"},
		{&c.Company, ch.Company, "company"},
		{&c.JobTitle, ch.JobTitle, "job_title"},
	} {
		if f.from == nil {
			continue
		}
		if *f.to = strings.TrimSpace(*f.from); utf8.RuneCountInString(*f.to) > longestField {
			return ErrTooLong.WithField(f.name)
		}
	}
	if ch.Country != nil {
		if c.Country = strings.ToUpper(strings.TrimSpace(*ch.Country)); c.Country != "" && phonenumbers.GetCountryCodeForRegion(c.Country) == 0 {
			return ErrCountry
		}
	}
	if ch.Email != nil {
		c.Email = strings.ToLower(strings.TrimSpace(*ch.Email))
		if a, err := mail.ParseAddress(c.Email); c.Email != "" && (err != nil || a.Address != c.Email || len(c.Email) > longestField) {
			return ErrEmail
		}
	}
	if ch.Phone != nil {
		c.Phone = strings.TrimSpace(*ch.Phone)
		if c.Phone != "" {
			var err error
			if c.Phone, err = Phone(c.Phone, s.cfg.Region); err != nil {
				return err
			}
		}
	}
	if ch.Tags != nil {
		var err error
		if c.Tags, err = tidyTags(*ch.Tags); err != nil {
			return err
		}
	}
	if ch.Owner != nil {
		c.Owner = storage.Nullable(*ch.Owner)
	}
	return applyCustom(ctx, tx, c, ch.Custom)
}

const (
	maxTags    = 30
	longestTag = 50
)

func tidyTags(given []string) ([]string, error) {
	tags := []string{}
	for _, t := range given {
		if t = strings.ToLower(strings.TrimSpace(t)); t == "" {
			continue
		}
		if utf8.RuneCountInString(t) > longestTag {
			return nil, ErrTags
		}
		tags = append(tags, t)
	}
	slices.Sort(tags)
	if tags = slices.Compact(tags); len(tags) > maxTags {
		return nil, ErrTags
	}
	return tags, nil
}

// CreateContact makes a contact.
func (s *Service) CreateContact(ctx context.Context, tenant uuid.UUID, ch ContactChange) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.createContact(ctx, tx, ch)
		return err
	})
	return c, err
}

func (s *Service) createContact(ctx context.Context, tx *storage.Tx, ch ContactChange) (Contact, error) {
	c := Contact{ID: storage.NewID(), Tags: []string{}, Custom: map[string]any{}, CreatedAt: tx.Now, UpdatedAt: tx.Now}
	if err := s.apply(ctx, tx, &c, ch); err != nil {
		return c, err
	}
	if err := insertContact(ctx, tx, c); err != nil {
		return c, err
	}
	if err := setIdentities(ctx, tx, Contact{ID: c.ID}, c); err != nil {
		return c, err
	}
	if err := index(ctx, tx, c); err != nil {
		return c, err
	}
	s.contacts.WithLabelValues("made").Inc()
	return c, s.tell(ctx, tx, "contact.created", c.ID, map[string]uuid.UUID{"contact_id": c.ID})
}

func insertContact(ctx context.Context, tx *storage.Tx, c Contact) error {
	_, err := tx.Exec(ctx, `INSERT INTO contacts (tenant_id, `+contactColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		tx.Tenant, c.ID, c.FirstName, c.LastName, c.Email, c.Phone, c.Location, c.Country, c.Company, c.JobTitle, c.Tags, c.CreatedAt, c.UpdatedAt, c.ContactedAt, c.Owner, c.Custom)
	if err != nil {
		return fmt.Errorf("write the contact: %w", err)
	}
	return nil
}

// updateContact writes what a contact is now, and makes them found by it.
func updateContact(ctx context.Context, tx *storage.Tx, c Contact) error {
	_, err := tx.Exec(ctx, `UPDATE contacts SET first_name = $2, last_name = $3, email = $4, phone = $5, location = $6, country = $7, company = $8, job_title = $9, tags = $10,
		updated_at = $11, contacted_at = $12, owner = $13, custom = $14 WHERE contact_id = $1`,
		c.ID, c.FirstName, c.LastName, c.Email, c.Phone, c.Location, c.Country, c.Company, c.JobTitle, c.Tags, c.UpdatedAt, c.ContactedAt, c.Owner, c.Custom)
	if err != nil {
		return fmt.Errorf("change the contact: %w", err)
	}
	return index(ctx, tx, c)
}

// setIdentities replaces the identities that were a contact's own number and address by the new ones.
func setIdentities(ctx context.Context, tx *storage.Tx, old, c Contact) error {
	for _, i := range []struct{ kind, old, value string }{{IdentityPhone, old.Phone, c.Phone}, {IdentityEmail, old.Email, c.Email}} {
		if i.old == i.value {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM contact_identities WHERE contact_id = $1 AND kind = $2 AND value = $3`, c.ID, i.kind, i.old); err != nil {
			return fmt.Errorf("remove an identity: %w", err)
		}
		if i.value == "" {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO contact_identities (tenant_id, contact_id, kind, value, created_at) VALUES ($1, $2, $3, $4, $5)`, tx.Tenant, c.ID, i.kind, i.value, tx.Now)
		if storage.Duplicate(err, "contact_identities_pkey") {
			return ErrIdentityUsed.WithField(i.kind)
		}
		if err != nil {
			return fmt.Errorf("write an identity: %w", err)
		}
	}
	return nil
}

// Contact returns one.
func (s *Service) Contact(ctx context.Context, tenant, id uuid.UUID) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = getContact(ctx, tx, id)
		return err
	})
	return c, err
}

// getContact reads a contact; of one that was merged, the one that they became.
func getContact(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Contact, error) {
	c, err := readContact(ctx, tx, id, "")
	if !errors.Is(err, ErrNoContact) {
		return c, err
	}
	if id, err = becameOf(ctx, tx, id); err != nil {
		return c, err
	}
	return readContact(ctx, tx, id, "")
}

// readContact reads a row; with "FOR UPDATE" it locks it.
func readContact(ctx context.Context, tx *storage.Tx, id uuid.UUID, lock string) (Contact, error) {
	rows, err := tx.Query(ctx, `SELECT `+contactColumns+` FROM contacts WHERE contact_id = $1 `+lock, id)
	if err != nil {
		return Contact{}, fmt.Errorf("read the contact: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Contact])
	return c, storage.Missing(err, ErrNoContact)
}

// Identities lists how a contact is recognised.
func (s *Service) Identities(ctx context.Context, tenant, contact uuid.UUID) (list []Identity, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		list, err = identities(ctx, tx, contact)
		return err
	})
	return list, err
}

func identities(ctx context.Context, tx *storage.Tx, contact uuid.UUID) ([]Identity, error) {
	rows, err := tx.Query(ctx, `SELECT kind, value FROM contact_identities WHERE contact_id = $1 ORDER BY kind, value`, contact)
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Identity])
}

// ChangeContact changes what is given.
func (s *Service) ChangeContact(ctx context.Context, tenant, id uuid.UUID, ch ContactChange) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		found, err := getContact(ctx, tx, id)
		if err != nil {
			return err
		}
		old, err := readContact(ctx, tx, found.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		c = old
		if err := s.apply(ctx, tx, &c, ch); err != nil {
			return err
		}
		if err := setIdentities(ctx, tx, old, c); err != nil {
			return err
		}
		c.UpdatedAt = tx.Now
		if err := updateContact(ctx, tx, c); err != nil {
			return err
		}
		return s.tell(ctx, tx, "contact.changed", c.ID, map[string]uuid.UUID{"contact_id": c.ID})
	})
	return c, err
}

// TagsOf tells the tags of the contact who has a telephone number; none for an unknown one.
func (s *Service) TagsOf(ctx context.Context, tenant uuid.UUID, number string) (tags []string, err error) {
	kind, value := s.identity(number)
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT tags FROM contacts JOIN contact_identities USING (contact_id) WHERE kind = $1 AND value = $2`, kind, value).Scan(&tags)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the caller's tags: %w", err)
	}
	return tags, nil
}

// identity is how a caller's number recognises a contact. Extensions and SIP names are no telephone numbers, but they do as well.
func (s *Service) identity(number string) (kind, value string) {
	if e164, err := Phone(number, s.cfg.Region); err == nil {
		return IdentityPhone, e164
	}
	return IdentitySIP, number
}

// Caller is whoever is at the other end of a call. Without a number (withheld) it is a new contact each time.
type Caller struct {
	Number string
	Name   string
}

// EnsureCaller returns the contact with the caller's number, made when there is none.
func (s *Service) EnsureCaller(ctx context.Context, tenant uuid.UUID, who Caller) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.ensureCaller(ctx, tx, who)
		return err
	})
	return c, err
}

func (s *Service) ensureCaller(ctx context.Context, tx *storage.Tx, who Caller) (Contact, error) {
	kind, value := s.identity(who.Number)
	if who.Number != "" {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "caller "+tx.Tenant.String()+kind+value); err != nil {
			return Contact{}, fmt.Errorf("lock the caller: %w", err)
		}
		var id uuid.UUID
		err := tx.QueryRow(ctx, `SELECT contact_id FROM contact_identities WHERE kind = $1 AND value = $2`, kind, value).Scan(&id)
		if err == nil {
			return s.touched(ctx, tx, id)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return Contact{}, fmt.Errorf("look for the caller: %w", err)
		}
	}
	first, last, _ := strings.Cut(clip(who.Name), " ")
	ch := ContactChange{FirstName: &first, LastName: &last}
	if who.Number != "" && kind == IdentityPhone {
		ch.Phone = &value
	}
	c, err := s.createContact(ctx, tx, ch)
	if err == nil && who.Number != "" && kind != IdentityPhone {
		_, err = tx.Exec(ctx, `INSERT INTO contact_identities (tenant_id, contact_id, kind, value, created_at) VALUES ($1, $2, $3, $4, $5)`, tx.Tenant, c.ID, kind, value, tx.Now)
	}
	if err != nil {
		return c, fmt.Errorf("make a contact of the caller: %w", err)
	}
	return s.touched(ctx, tx, c.ID)
}

func (s *Service) touched(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Contact, error) {
	c, err := getContact(ctx, tx, id)
	if err != nil {
		return c, err
	}
	if _, err := tx.Exec(ctx, `UPDATE contacts SET contacted_at = $2 WHERE contact_id = $1`, c.ID, tx.Now); err != nil {
		return c, fmt.Errorf("note the contact's call: %w", err)
	}
	c.ContactedAt = &tx.Now
	return c, nil
}

// clip shortens what a network sent as a name to what a field holds.
func clip(text string) string {
	r := []rune(strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")))
	return string(r[:min(len(r), longestField)])
}
