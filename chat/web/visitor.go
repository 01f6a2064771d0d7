package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/chat"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Visitor is a browser that has opened a widget: anonymous, or that of a customer whom the site's server has vouched for.
type Visitor struct {
	ID       uuid.UUID
	Tenant   uuid.UUID
	Account  uuid.UUID
	Key      string // of the person
	Customer string // the site's id; "": anonymous
	Name     string
	Email    string
	Language string
	Mobile   bool
	Data     map[string]string
	Reserved calls.Reserved
	Secret   string // only in the answer that made the visitor
}

// Identity is what a page says of its customer. Signature is the HMAC-SHA256 of ID with the widget's secret, in hex; name and address are
// only shown.
type Identity struct {
	ID        string `json:"id"`
	Signature string `json:"signature"`
	Name      string `json:"name,omitempty"`
	Email     string `json:"email,omitempty"`
}

// Hello is what a page says first.
type Hello struct {
	Account  string    `json:"widget"`
	Visitor  uuid.UUID `json:"visitor"`
	Secret   string    `json:"secret"`
	Identity *Identity `json:"identity"`
	Origin   string    `json:"origin"` // of the page around us
	Language string    `json:"language"`
	Mobile   bool      `json:"mobile"` // the mobile SDK
	// Attributes are what the page says of the visitor, and a token that vouches for more (V1.6).
	Attributes *attributesData `json:"attributes"`
	// Since are the revisions of conversations that the page has.
	Since map[uuid.UUID]int64 `json:"since"`
	// Own is our own origin, as the request has it; not the page's to say.
	Own string `json:"-"`
}

// Errors of visitors.
var (
	ErrNoWidget  = fault.New(fault.NotFound, "widget_not_found", "There is no such widget.")
	ErrOrigin    = fault.New(fault.Forbidden, "origin_not_allowed", "This site may not show the widget; add its origin to the widget's settings.")
	ErrVisitor   = fault.New(fault.Unauthorized, "visitor_unknown", "This browser is not known (any more).")
	ErrSignature = fault.New(fault.Forbidden, "identity_invalid", "The customer's id is not signed with the widget's secret.")
)

const (
	maxCustomer = 200
	personOf    = "customer:" // before a known customer's id, where anonymous visitors have their own
)

// Signature signs a customer's id as the site's server does.
func Signature(secret, customer string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(customer))
	return hex.EncodeToString(m.Sum(nil))
}

func (w *widget) vouched(id Identity) bool {
	given := strings.ToLower(strings.TrimSpace(id.Signature))
	return id.ID != "" && len(id.ID) <= maxCustomer && subtle.ConstantTimeCompare([]byte(given), []byte(Signature(w.secret, id.ID))) == 1
}

func hashed(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Enter finds out who opens a widget. Without credentials it is a new visitor; a customer whom the site vouches for finds what they wrote
// elsewhere, and what they wrote in this browser before becomes theirs. What belongs to one customer is never shown to another, nor to whoever
// uses the browser after a logout: then the answer is ErrVisitor, and the page comes again without credentials.
func (s *Service) Enter(ctx context.Context, h Hello) (Visitor, error) {
	w, err := s.widget(ctx, h.Account)
	if err != nil {
		return Visitor{}, err
	}
	if !w.Settings.embeds(h.Origin, h.Own) {
		return Visitor{}, ErrOrigin
	}
	if h.Identity != nil && !w.vouched(*h.Identity) {
		return Visitor{}, ErrSignature
	}
	if h.Visitor == uuid.Nil {
		return s.newVisitor(ctx, w, h)
	}
	v, merged, err := s.recognise(ctx, w, h)
	if errors.Is(err, errOther) {
		return s.newVisitor(ctx, w, h)
	}
	if err != nil || merged {
		return v, err
	}
	return v, s.merge(ctx, v)
}

var errOther = errors.New("the browser was another customer's")

// recognise checks a visitor's credentials, and binds an anonymous one to the customer who has logged in.
func (s *Service) recognise(ctx context.Context, w *widget, h Hello) (v Visitor, merged bool, err error) {
	err = s.cfg.DB.Tenant(ctx, w.Tenant, func(tx *storage.Tx) error {
		var hash []byte
		v, hash, merged, err = lockVisitor(ctx, tx, w.Account, h.Visitor)
		if err != nil && !errors.Is(err, ErrVisitor) {
			return err
		}
		// An id that does not exist is compared with something too: neither time nor answer tell.
		if subtle.ConstantTimeCompare(hash, hashed(h.Secret)) != 1 || err != nil {
			return ErrVisitor
		}
		switch {
		case h.Identity == nil && v.Customer != "":
			return ErrVisitor
		case h.Identity != nil && v.Customer != "" && v.Customer != h.Identity.ID:
			return errOther
		}
		if h.Language != "" {
			v.Language = clip(h.Language, 20)
		}
		if h.Identity != nil {
			merged = merged && v.Customer != ""
			v.Customer, v.Key = h.Identity.ID, personOf+h.Identity.ID
			v.Name, v.Email = shown(*h.Identity, v)
		}
		return saveVisitor(ctx, tx, v, merged)
	})
	if err != nil && !errors.Is(err, errOther) && fault.KindOf(err) == fault.Internal {
		err = fmt.Errorf("find a visitor: %w", err)
	}
	return v, merged || v.Customer == "", err
}

// shown are name and address, as the page says them.
func shown(id Identity, v Visitor) (name, email string) {
	name, email = clip(id.Name, 100), v.Email
	if name == "" {
		name = v.Name
	}
	if validEmail(id.Email) {
		email = id.Email
	}
	return name, email
}

func (s *Service) newVisitor(ctx context.Context, w *widget, h Hello) (v Visitor, err error) {
	zone, err := s.cfg.Zone(ctx, w.Tenant)
	if err != nil {
		return v, fmt.Errorf("find the tenant's time zone: %w", err)
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	err = s.cfg.DB.Tenant(ctx, w.Tenant, func(tx *storage.Tx) error {
		v = Visitor{
			ID: random(), Tenant: w.Tenant, Account: w.Account, Name: anonymous(tx.Now.In(place), h.Mobile), Language: clip(h.Language, 20), Mobile: h.Mobile,
			Data: map[string]string{}, Secret: rand.Text(),
		}
		v.Key = v.ID.String()
		if h.Identity != nil {
			v.Customer, v.Key = h.Identity.ID, personOf+h.Identity.ID
			v.Name, v.Email = shown(*h.Identity, v)
		}
		return addVisitor(ctx, tx, v, hashed(v.Secret))
	})
	if err != nil {
		return v, fmt.Errorf("make a visitor: %w", err)
	}
	return v, nil
}

// anonymous is what a visitor without a login is called in the CRM (W-3).
func anonymous(at time.Time, mobile bool) string {
	if mobile {
		return "Mobile User " + at.Format("01/02 15:04")
	}
	return "Web User " + at.Format("01/02 15:04")
}

// random is 128 bits that nobody guesses.
func random() (id uuid.UUID) {
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

// merge gives what the visitor wrote before they logged in to the customer, once, whatever dies in between: the event has a key.
func (s *Service) merge(ctx context.Context, v Visitor) error {
	e := chat.Event{
		Key: "login " + v.ID.String(), From: s.person(v),
		Contact: &chat.ContactEvent{Merged: chat.Person{ID: v.ID.String()}},
	}
	if err := s.receive(ctx, v, e); err != nil {
		return fmt.Errorf("merge a visitor with the customer: %w", err)
	}
	err := s.cfg.DB.Tenant(ctx, v.Tenant, func(tx *storage.Tx) error { return setMerged(ctx, tx, v.ID) })
	if err != nil {
		return fmt.Errorf("note that a visitor is merged: %w", err)
	}
	return nil
}

func (s *Service) person(v Visitor) chat.Person {
	return chat.Person{ID: v.Key, Name: v.Name, Language: v.Language}
}

// clip makes a line of text of what a page says.
func clip(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if r := []rune(strings.TrimSpace(text)); len(r) > most {
		return string(r[:most])
	}
	return strings.TrimSpace(text)
}

// newSecret is a secret for the site's server.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
