package messenger_test

import (
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/messenger"
	"tandem/chat/messenger/messengertest"
	"tandem/chat/meta/metatest"
)

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:    messenger.Maker(),
		New:      func(start time.Time) chattest.Platform { return messengertest.New(start) },
		Golden:   []chat.Hook{metatest.Golden()},
		Fixtures: suite.Lines(t, "testdata/fixtures.jsonl"),
		States:   []chattest.FileState{chattest.Gone},
	})
}
