package storage

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tandem/internal/fault"
)

// Nobody asks for the key of a day to open a share: they show a Release, which says for whom, what and until when, signed by one of the few that
// may. An uploader signs for the send that it has leased; the break-glass way signs once the second factor and the CRM's word are in.

// ErrNoRelease says that a share of a key was asked for without an order, or with one for something else or too old.
var ErrNoRelease = fault.New(fault.Forbidden, "no_release", "The key of this recording is released only for a delivery that is under way, or by the break-glass way.")

// A Releaser signs orders to open shares.
type Releaser struct {
	reason  string
	private ed25519.PrivateKey
}

// Release is a signed order to open the day's share of one thing.
type Release struct{ order, signature []byte }

type order struct {
	Reason  string    `json:"reason"`
	Purpose string    `json:"purpose"`
	Until   time.Time `json:"until"`
}

// Releaser makes whoever has the result able to have shares opened for a reason, "send" or "access". Its key lives in memory only.
func (k *Keys) Releaser(reason string) (*Releaser, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.releasers == nil {
		k.releasers = map[string][]ed25519.PublicKey{}
	}
	k.releasers[reason] = append(k.releasers[reason], public)
	return &Releaser{reason, private}, nil
}

// Sign orders the share of one thing, named by its purpose, to be opened until a time.
func (r *Releaser) Sign(purpose string, until time.Time) (Release, error) {
	b, err := json.Marshal(order{r.reason, purpose, until})
	if err != nil {
		return Release{}, fmt.Errorf("write an order: %w", err)
	}
	return Release{b, ed25519.Sign(r.private, b)}, nil
}

// OpenShare opens the day's share of a data key on a signed order; ErrNoRelease, ErrEpochDestroyed or ErrWrongKey otherwise.
func (k *Keys) OpenShare(r Release, day, now time.Time, share []byte, purpose string) ([]byte, error) {
	var o order
	if err := json.Unmarshal(r.order, &o); err != nil {
		return nil, ErrNoRelease
	}
	k.mu.Lock()
	signers := k.releasers[o.Reason]
	k.mu.Unlock()
	genuine := slices.ContainsFunc(signers, func(p ed25519.PublicKey) bool { return ed25519.Verify(p, r.order, r.signature) })
	if !genuine || o.Purpose != purpose || now.After(o.Until) {
		return nil, ErrNoRelease
	}
	key, err := k.EpochKey(day)
	if err != nil {
		return nil, err
	}
	return key.Open(share, sharePurpose(purpose))
}

// Reason is what the releaser signs for.
func (r *Releaser) Reason() string { return r.reason }
