package instagram_test

import (
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/instagram"
	"tandem/chat/instagram/instagramtest"
	"tandem/chat/meta/metatest"
)

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:    instagram.Maker(),
		New:      func(start time.Time) chattest.Platform { return instagramtest.New(start) },
		Golden:   []chat.Hook{metatest.Golden()},
		Fixtures: suite.Lines(t, "testdata/fixtures.jsonl"),
		States:   []chattest.FileState{chattest.Gone},
	})
}
