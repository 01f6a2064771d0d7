package instagram_test

import (
	"encoding/json"
	"os"
	"strings"
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
		Fixtures: fixtures(t),
		States:   []chattest.FileState{chattest.Gone},
	})
}

// fixtures are items of messaging, and changes, one a line.
func fixtures(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/fixtures.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !json.Valid([]byte(line)) {
			t.Fatalf("no JSON: %s", line)
		}
		all = append(all, []byte(line))
	}
	return all
}
