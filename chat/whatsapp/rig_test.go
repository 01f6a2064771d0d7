package whatsapp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/whatsapp"
	"tandem/chat/whatsapp/whatsapptest"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is a number on a fake platform, and its first customer.
type rig struct {
	*suite.Rig
	*whatsapptest.Platform
	ann chat.Person
}

func newRig(t testing.TB) *rig {
	t.Helper()
	p := whatsapptest.New(began)
	return &rig{Rig: suite.NewRig(t, whatsapp.Maker(), p), Platform: p, ann: chat.Person{ID: p.Customer(0), Alias: whatsapptest.UserID(p.Customer(0))}}
}

func (r *rig) out(kind chat.Kind, text string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: r.ann, Kind: kind, Text: text, Author: chat.ByAgent}
}

// one reads an event that says one thing.
func (r *rig) one(event string) chat.Event {
	r.T.Helper()
	all := r.Events([]byte(event))
	if len(all) != 1 {
		r.T.Fatalf("%d events of %s", len(all), event)
	}
	return all[0]
}

func list(n int, title string) []chat.Option {
	var all []chat.Option
	for i := range n {
		all = append(all, chat.Option{ID: fmt.Sprintf("o%d", i), Title: title})
	}
	return all
}
