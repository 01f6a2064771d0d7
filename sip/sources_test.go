package sip

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/door"
)

// However many user names are made up, guesses of somebody's password are counted; and a name that is none is told to nobody.
func TestMadeUpNames(t *testing.T) {
	s, now := newSources(), time.Now()
	var told []guess
	s.tell = func(g guess) {
		s.guessed(g.User, now) // as no message waits while others are told
		told = append(told, g)
	}
	liar := netip.MustParseAddr("203.0.113.9")
	for i := range maxSources + 1 {
		s.failed(liar, strconv.Itoa(i), false, uuid.Nil, now)
	}
	if n := len(s.users); n != maxSources {
		t.Errorf("%d user names are kept", n)
	}
	for i := range freeGuesses + 1 {
		s.failed(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "anna", false, uuid.New(), now)
	}
	if !s.guessed("anna", now) {
		t.Error("a user's password can be guessed")
	}
	told = nil
	for range freeGuesses + 1 {
		s.failed(liar, "", false, uuid.Nil, now)
	}
	for _, g := range told {
		if g.User != "" || g.Source != door.Source(liar) {
			t.Errorf("told %+v", g)
		}
	}
}

// A node hears its own words too: what it has forgiven is still written then, and what another has forgiven is not written any more.
func TestForgivenIsWritten(t *testing.T) {
	b := newBans(nil, newSources(), slog.New(slog.DiscardHandler))
	own, others := suspect{User: "8001"}, suspect{User: "8002"}
	b.pending[own], b.pending[others] = guess{suspect: own}, guess{suspect: others, Fails: 4}
	for who := range b.pending {
		word, err := json.Marshal(guess{suspect: who})
		if err != nil {
			t.Fatal(err)
		}
		b.hear(guessedAt, word)
	}
	if _, kept := b.pending[own]; !kept || len(b.pending) != 1 {
		t.Errorf("left to write: %+v", b.pending)
	}
}
