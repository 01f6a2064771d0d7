package analytics

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Each metric is defined once: docs/reports.md has every name of the API with the words that the screens show, and no other.
func TestDefinitions(t *testing.T) {
	page, err := os.ReadFile("../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	type definition struct{ Name, Means string }
	texts := map[string]map[string]map[string]definition{}
	for _, language := range []string{"en", "zh"} {
		body, err := os.ReadFile("../web/src/i18n/" + language + "/reports.json")
		if err != nil {
			t.Fatal(err)
		}
		var all struct{ QueueMetrics, AgentMetrics map[string]definition }
		if err := json.Unmarshal(body, &all); err != nil {
			t.Fatal(err)
		}
		texts[language] = map[string]map[string]definition{"queues": all.QueueMetrics, "agents": all.AgentMetrics}
	}
	sections := strings.Split(string(page), "\n## ")
	for noun, names := range map[string][]string{
		"queues": slices.Concat(columns[QueueCounts](), columns[QueueFigures]()),
		"agents": slices.Concat(columns[AgentCounts](), columns[AgentFigures]()),
	} {
		var rows []string
		for _, s := range sections {
			if !strings.HasPrefix(strings.ToLower(s), noun+":") {
				continue
			}
			for line := range strings.Lines(s) {
				if strings.Count(line, "|") == 4 && strings.Contains(line, "`") {
					rows = append(rows, strings.TrimSpace(line))
				}
			}
		}
		if len(rows) != len(names) || len(texts["en"][noun]) != len(names) || len(texts["zh"][noun]) != len(names) {
			t.Errorf("%s: %d names, %d in the page, %d in English, %d in Chinese", noun, len(names), len(rows), len(texts["en"][noun]), len(texts["zh"][noun]))
		}
		for _, name := range names {
			name, _, _ = strings.Cut(name, ",")
			d := texts["en"][noun][name]
			if want := fmt.Sprintf("| %s | `%s` | %s |", d.Name, name, d.Means); d.Means == "" || !slices.Contains(rows, want) {
				t.Errorf("%s: docs/reports.md does not say %q", noun, want)
			}
			if texts["zh"][noun][name].Means == "" {
				t.Errorf("%s: there is no Chinese text for %s", noun, name)
			}
		}
	}
}
