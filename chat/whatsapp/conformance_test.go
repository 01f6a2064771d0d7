package whatsapp_test

import (
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/meta/metatest"
	"tandem/chat/whatsapp"
	"tandem/chat/whatsapp/whatsapptest"
)

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:    whatsapp.Maker(),
		New:      func(start time.Time) chattest.Platform { return whatsapptest.New(start) },
		Golden:   []chat.Hook{metatest.Golden()},
		Fixtures: suite.Lines(t, "testdata/fixtures.jsonl"),
		States:   []chattest.FileState{chattest.Gone},
	})
}
