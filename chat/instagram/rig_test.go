package instagram_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/instagram"
	"tandem/chat/instagram/instagramtest"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is an account on a fake platform, and its first customer.
type rig struct {
	*suite.Rig
	instagramtest.Platform
	ann chat.Person
}

func newRig(t testing.TB) *rig {
	t.Helper()
	p := instagramtest.New(began)
	return &rig{Rig: suite.NewRig(t, instagram.Maker(), p, "media_hosts", "fbcdn.net"), Platform: p, ann: chat.Person{ID: p.Customer(0)}}
}

func (r *rig) out(kind chat.Kind, text string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: r.ann, Kind: kind, Text: text, Author: chat.ByAgent}
}
