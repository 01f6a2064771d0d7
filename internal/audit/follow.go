package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// Follow returns the follower that audits what the other nouns tell in the event log: changes of configuration, presence set by another
// person, the ends of recordings. It takes over ids and a few fields that say nothing about anybody.
func Follow(db *storage.DB, bus *events.Bus, log *slog.Logger) *events.Follower {
	return &events.Follower{Name: "audit", DB: db, Bus: bus, Log: log, Types: followed(), Handle: handle}
}

// followed are the types among which audited chooses.
func followed() []string {
	all := []string{
		"item.priority_changed", "item.assigned", "queue.changed", "conversation.watched", "conversation.unwatched", "conversation.closed", "conversation.changed",
		"channel.*", "contact.*", "contact_list.*", "ticket.*", "agent.presence", "recording.*",
		"call.ended_by_person", "call.record_chosen", "call.supervised", "call.supervision_changed", "call.supervision_ended",
	}
	for noun := range always {
		all = append(all, noun+".*")
	}
	return all
}

func handle(ctx context.Context, tx *storage.Tx, e events.Event) error {
	keep, ok := audited(e)
	if !ok {
		return nil
	}
	var all map[string]any
	if err := json.Unmarshal(e.Data, &all); err != nil {
		return fmt.Errorf("read event %s: %w", e.Type, err)
	}
	entry := Entry{Action: e.Type, Subject: e.Subject, Data: map[string]any{}}
	for _, field := range keep {
		if v, ok := all[field]; ok {
			entry.Data[field] = v
		}
	}
	return write(ctx, tx, e.Tenant, e.Actor, entry)
}

// ofConversation is audited for conversations: who looked at others', ended them, or gave them to somebody.
func ofConversation(e events.Event, verb string) (keep []string, ok bool) {
	switch verb {
	case "watched", "unwatched":
		return []string{"why"}, e.Actor != nil
	case "closed":
		return []string{"reason", "queue", "agent"}, e.Actor != nil && fieldIs(e.Data, "reason", "ended")
	case "changed":
		return []string{"what", "queue", "agent"}, e.Actor != nil && fieldIs(e.Data, "what", "assigned")
	}
	return nil, false
}

// fieldIs says whether a text field of an event's data has a value.
func fieldIs(data json.RawMessage, field, value string) bool {
	var all map[string]any
	return json.Unmarshal(data, &all) == nil && all[field] == value
}

// always are the nouns of which every event is audited, with the fields that are kept.
var always = map[string][]string{
	"tenant": nil, "number": nil, "trunk": nil, "prompt": nil, "ringtone": nil, "sms_account": nil, "bot": nil, "chat_settings": nil, "canned_response": nil, "widget": nil,
	"action":            {"item", "item_kind", "agent", "kind", "files"}, // what customers were asked for (V3.7): who asked for what, and what came of it
	"ticket_type":       {"type", "name", "fields", "survey"},
	"ticket_settings":   {"type", "fields", "survey"},
	"sla_policy":        {"priority", "response_seconds", "resolution_seconds"},
	"crm_connection":    {"provider"},
	"webhook":           {"enabled", "personal_data", "why", "deliveries"}, // where events go outside the house, and what was sent there again
	"contact_attribute": {"key", "type"},
	"dial_rules":        nil,
	"sip_trace":         {"minutes"},
	"sip_ban":           {"source", "username"},
	"outbound":          {"code", "country", "calls"}, // calls to telephone numbers that the rules refused or ended
}

// audited says whether an event is audited, and which of its fields are kept.
func audited(e events.Event) (keep []string, ok bool) {
	noun, verb, _ := strings.Cut(e.Type, ".")
	if keep, ok := always[noun]; ok {
		return keep, true
	}
	switch noun {
	case "item":
		return []string{"priority", "from", "agent"}, (verb == "priority_changed" || verb == "assigned") && e.Actor != nil
	case "queue":
		return nil, verb == "changed"
	case "conversation":
		return ofConversation(e, verb)
	case "channel":
		return []string{"channel", "name", "state"}, verb != "templates"
	case "contact":
		return []string{"from", "into", "merge_id", "note_id"}, e.Actor != nil && slices.Contains([]string{"deleted", "merged", "unmerged", "note_deleted"}, verb)
	case "contact_list":
		return nil, verb == "deleted"
	case "ticket":
		return []string{"into"}, e.Actor != nil && (verb == "deleted" || verb == "merged")
	case "agent":
		// What agents set for themselves is no matter for the audit; what another sets for them is (Q2.5).
		return []string{"presence", "from"}, verb == "presence" && e.Actor != nil && *e.Actor != e.Subject
	case "call":
		switch verb {
		case "ended_by_person":
			return []string{"why"}, e.Actor != nil
		case "record_chosen":
			return []string{"kind", "provider"}, true
		case "supervised", "supervision_changed", "supervision_ended":
			return []string{"supervision_id", "supervisor_id", "mode", "why", "cause", "seconds"}, true
		}
		return nil, false
	case "recording":
		return []string{"call_id", "reason", "parts", "days", "truncated", "incomplete"}, verb != "started" || e.Actor != nil
	}
	return nil, false
}
