package storage_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"tandem/internal/storage"
)

// Neither share opens anything alone, and the day's opens on a genuine order only: for this, in time, by one who may sign.
func TestSplitKey(t *testing.T) {
	keys := openKeys(t, t.TempDir()+"/keys")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day, err := keys.MakeEpoch(now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := storage.NewOpeningKey()
	if err != nil {
		t.Fatal(err)
	}
	crm, err := storage.ReadSealingKey(pair.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, shares, err := storage.NewSplitKey("rec 1", crm, day)
	if err != nil {
		t.Fatal(err)
	}
	releaser, err := keys.Releaser("send")
	if err != nil {
		t.Fatal(err)
	}
	forger, err := openKeys(t, t.TempDir()+"/keys").Releaser("send")
	if err != nil {
		t.Fatal(err)
	}
	sign := func(r *storage.Releaser, purpose string, until time.Time) storage.Release {
		order, err := r.Sign(purpose, until)
		if err != nil {
			t.Fatal(err)
		}
		return order
	}
	for name, order := range map[string]storage.Release{
		"none":      {},
		"forged":    sign(forger, "rec 1", now.Add(time.Minute)),
		"too old":   sign(releaser, "rec 1", now.Add(-time.Second)),
		"elsewhere": sign(releaser, "rec 2", now.Add(time.Minute)),
	} {
		if _, err := keys.OpenShare(order, now, now, shares.Day, "rec 1"); !errors.Is(err, storage.ErrNoRelease) {
			t.Errorf("order %s: %v", name, err)
		}
	}
	second, err := keys.OpenShare(sign(releaser, "rec 1", now.Add(time.Minute)), now, now, shares.Day, "rec 1")
	if err != nil {
		t.Fatal(err)
	}
	first, err := pair.Open(shares.CRM, "rec 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Open(shares.CRM, "rec 2"); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("the CRM's share of another recording: %v", err)
	}
	for name, alone := range map[string][]byte{"the CRM's": first, "the day's": second} {
		if _, err := storage.JoinKey(bytes.Clone(alone), make([]byte, len(alone))); !errors.Is(err, storage.ErrWrongKey) {
			t.Errorf("%s share alone: %v", name, err)
		}
	}
	joined, err := storage.JoinKey(first, second)
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := key.EncryptWriter(&sealed, "frame")
	if err == nil {
		_, err = w.Write([]byte("a voice"))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := joined.DecryptReader(&sealed, "frame")
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, 7)
	if _, err := r.Read(plain); err != nil || string(plain) != "a voice" {
		t.Errorf("%q, %v", plain, err)
	}
	if err := keys.DestroyEpoch(now); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenShare(sign(releaser, "rec 1", now.Add(time.Minute)), now, now, shares.Day, "rec 1"); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("after the day's end: %v", err)
	}
}
