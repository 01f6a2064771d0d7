package smartactions

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"tandem/chat/attach"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// This file is the customer's side. Nobody is signed in there: the link says which action it is, and the key which browser.

// Link is what a customer's page shows of itself: the token of its address, and the key that Open gave this browser.
type Link struct {
	Token string
	Key   string
}

// Page is what a customer's page shows.
type Page struct {
	From      string    `json:"from" doc:"who asks"`
	Language  string    `json:"language" doc:"that of who asks"`
	Kind      Kind      `json:"kind"`
	Prompt    string    `json:"prompt"`
	Max       int       `json:"max" doc:"how many files may be sent"`
	State     State     `json:"state"`
	ExpiresAt time.Time `json:"expires_at"`
	Files     []int     `json:"files" doc:"the numbers of those that are here"`
	Device    bool      `json:"device" doc:"a device of this customer is known"`
	Key       string    `json:"key,omitempty" doc:"for the first browser only: what it shows from now on"`
}

// find resolves a link. Whatever is wrong with it is ErrLink.
func (s *Service) find(ctx context.Context, l Link) (tenant, action uuid.UUID, err error) {
	if len(l.Token) != letters.EncodedLen(16) {
		return tenant, action, ErrLink
	}
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		tenant, action, err = tenantOf(ctx, tx, hashOf(l.Token))
		return err
	})
	return tenant, action, err
}

// answering runs f on the action of a link, locked, if this browser may still answer.
func (s *Service) answering(ctx context.Context, l Link, f func(tx *storage.Tx, a *Action) error) error {
	tenant, id, err := s.find(ctx, l)
	if err != nil {
		return err
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		a, key, err := locked(ctx, tx, id)
		if err != nil {
			return gone(err)
		}
		if a.State != StateOpened || a.late(tx.Now) || !fits(l.Key, key) {
			return ErrLink
		}
		return f(tx, &a)
	})
}

// gone makes an action that was forgotten a link that is no longer valid.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrLink
	}
	return err
}

func fits(key string, hash []byte) bool {
	return key != "" && len(hash) > 0 && subtle.ConstantTimeCompare(hashOf(key), hash) == 1
}

// Open opens the customer's page. The first browser gets a key, and is the only one from then on; it may come back with it, also to see
// how it ended.
func (s *Service) Open(ctx context.Context, l Link) (p Page, err error) {
	tenant, id, err := s.find(ctx, l)
	if err != nil {
		return p, err
	}
	who, err := s.cfg.Tenant(ctx, tenant)
	if err != nil {
		return p, err
	}
	var a Action
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var key []byte
		if a, key, err = locked(ctx, tx, id); err != nil {
			return gone(err)
		}
		p.Key = ""
		switch {
		case a.late(tx.Now):
			return ErrLink
		case a.State == StateRequested:
			var hash []byte
			p.Key, hash = newSecret()
			if err := setKey(ctx, tx, id, hash); err != nil {
				return err
			}
			return s.step(ctx, tx, &a, StepOpen, "opened")
		case !fits(l.Key, key):
			return ErrLink
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	p.From, p.Language, p.Kind, p.Prompt, p.Max, p.State, p.ExpiresAt, p.Files = who.Name, who.Language, a.Kind, a.Prompt, a.Max, a.State, a.ExpiresAt, []int{}
	for _, f := range a.Files {
		p.Files = append(p.Files, f.N)
	}
	if a.Kind == Verification && a.State == StateOpened {
		p.Device, err = s.knowsDevice(ctx, tenant, &a)
	}
	return p, err
}

// PutFile takes the customer's file number n (from 1 on); sent again, it takes the place of the one before. What is kept is not what came:
// it is looked into and encoded anew, without what a camera wrote into it.
func (s *Service) PutFile(ctx context.Context, l Link, n int, r io.Reader) error {
	var kind Kind
	var tenant uuid.UUID
	check := func(tx *storage.Tx, a *Action) error {
		kind, tenant = a.Kind, tx.Tenant
		if n < 1 || n > a.Max {
			return ErrFiles
		}
		return nil
	}
	if err := s.answering(ctx, l, check); err != nil {
		return err
	}
	clean, err := s.clean(ctx, kind, r)
	if err != nil {
		if fault.KindOf(err) != fault.Internal {
			s.count(kind, "refused")
		}
		return err
	}
	defer clean.File.Close()
	return s.keep(ctx, l, tenant, n, clean, check)
}

// keep encrypts a file into the store, and then names it in the action, if that still waits for it.
func (s *Service) keep(ctx context.Context, l Link, tenant uuid.UUID, n int, clean attach.Clean, check func(*storage.Tx, *Action) error) error {
	f, err := s.seal(ctx, tenant, clean)
	if err != nil {
		return err
	}
	f.N = n
	var before uuid.UUID
	err = s.answering(ctx, l, func(tx *storage.Tx, a *Action) error {
		if err := check(tx, a); err != nil {
			return err
		}
		f.Name = fmt.Sprintf("%s-%s-%d%s", a.Kind, a.ID.String()[24:], n, clean.Ext)
		before, err = putFile(ctx, tx, a.ID, f)
		return err
	})
	if err != nil {
		before = f.Blob
	}
	if before != uuid.Nil {
		s.removeBlob(context.WithoutCancel(ctx), blobName(tenant, before))
	}
	return err
}

// Finish hands in what was sent; text is the answer to an action that asks for one. The link is used up.
func (s *Service) Finish(ctx context.Context, l Link, text string) error {
	return s.answering(ctx, l, func(tx *storage.Tx, a *Action) error {
		switch a.Kind {
		case Text:
			var err error
			if a.Answer, err = answerText(text); err != nil {
				return err
			}
		case Verification: // the device's signature ends it
			return ErrNoAnswer
		default:
			if len(a.Files) == 0 {
				return ErrNoAnswer
			}
		}
		return s.step(ctx, tx, a, StepFinish, "done")
	})
}

// answerText keeps what people can read: no control characters but new lines and tabs.
func answerText(text string) (string, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), ""))
	text = strings.TrimSpace(text)
	if n := len([]rune(text)); n < 1 || n > MaxText {
		return "", ErrText
	}
	return text, nil
}

// Decline says that the customer will not answer. What they have sent so far is removed.
func (s *Service) Decline(ctx context.Context, l Link) error {
	var removed []string
	err := s.answering(ctx, l, func(tx *storage.Tx, a *Action) error {
		removed = nil
		rows, err := tx.Query(ctx, `DELETE FROM smartaction_files WHERE action_id = $1 RETURNING blob_id`, a.ID)
		if err != nil {
			return fmt.Errorf("remove a customer's files: %w", err)
		}
		for rows.Next() {
			var blob uuid.UUID
			if err := rows.Scan(&blob); err != nil {
				rows.Close()
				return err
			}
			removed = append(removed, blobName(tx.Tenant, blob))
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("remove a customer's files: %w", err)
		}
		a.Files = nil
		return s.step(ctx, tx, a, StepDecline, "declined")
	})
	if err != nil {
		return err
	}
	for _, name := range removed {
		s.removeBlob(context.WithoutCancel(ctx), name)
	}
	return nil
}

// Embedders are the origins whose pages may show the page of a link in a frame; none for a link that is not valid.
func (s *Service) Embedders(ctx context.Context, token string) ([]string, error) {
	if s.cfg.Embedders == nil {
		return nil, nil
	}
	tenant, id, err := s.find(ctx, Link{Token: token})
	if err != nil {
		return nil, nil //nolint:nilerr // the page itself says that the link is not valid
	}
	a, err := s.Get(ctx, tenant, id)
	if err != nil || a.ItemKind != OnConversation {
		return nil, err
	}
	return s.cfg.Embedders(ctx, tenant, a.Item)
}
