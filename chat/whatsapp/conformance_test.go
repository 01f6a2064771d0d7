package whatsapp_test

import (
	"encoding/json"
	"os"
	"strings"
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
		Fixtures: fixtures(t),
		States:   []chattest.FileState{chattest.Gone},
	})
}

// fixtures are changes and values of messages, one a line.
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
