package api

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// renamed are types whose names mean nothing, or something else, outside their packages.
func renamed() map[string]string {
	return map[string]string{
		"tandem/queues.Prompt":           "QueuePrompt",
		"tandem/queues.AgentView":        "AgentStatus",
		"tandem/queues.Word":             "PresenceWord",
		"tandem/queues.Skill":            "AgentSkill",
		"tandem/queues.Group":            "AgentGroup",
		"tandem/queues.Ring":             "RoutingRing",
		"tandem/queues.Share":            "RoutingShare",
		"tandem/queues.Alarm":            "QueueAlarm",
		"tandem/internal/audit.Row":      "AuditRow",
		"tandem/internal/audit.Verdict":  "AuditVerdict",
		"tandem/recording.Waiting":       "RecordingWaiting",
		"tandem/crm.Field":               "TicketField",
		"tandem/crm.Values":              "TicketValues",
		"tandem/crm.Link":                "LinkedItem",
		"tandem/crm.View":                "ListView",
		"tandem/crm.Attribute":           "ContactAttribute",
		"tandem/crm.Conditions":          "ContactConditions",
		"tandem/crm.Condition":           "ContactCondition",
		"tandem/crm.Activity":            "ContactActivity",
		"tandem/crm.MergeField":          "ContactMergeField",
		"tandem/crm.MergePreview":        "ContactMergePreview",
		"tandem/crmsync.Connection":      "CRMConnection",
		"tandem/crmsync.Contact":         "CRMContact",
		"tandem/crmsync.Ticket":          "CRMTicket",
		"tandem/crmsync.Field":           "CRMField",
		"tandem/crmsync.Map":             "CRMMap",
		"tandem/crmsync.Health":          "CRMHealth",
		"tandem/crmsync.Pending":         "CRMPending",
		"tandem/crmsync.Choice":          "CRMChoice",
		"tandem/crmsync.Found":           "CRMFound",
		"tandem/crmsync.Lookup":          "CRMLookup",
		"tandem/chat.Attachment":         "MessageFile",
		"tandem/chat.Settings":           "ChatSettings",
		"tandem/chat.AccountView":        "ChannelAccount",
		"tandem/chat.AccountChange":      "ChannelAccountChange",
		"tandem/chat.AccountRef":         "ChannelAccountName",
		"tandem/chat.Filter":             "ConversationFilter",
		"tandem/chat.Counts":             "ConversationCounts",
		"tandem/chat.Happened":           "ConversationStep",
		"tandem/chat.Transfer":           "ConversationTransfer",
		"tandem/chat.Body":               "MessageBody",
		"tandem/chat.Person":             "ConversationPerson",
		"tandem/chat.Field":              "ChannelField",
		"tandem/chat.Traits":             "ChannelTraits",
		"tandem/chat.Option":             "MessageOption",
		"tandem/chat.Card":               "AddressCard",
		"tandem/chat.Failure":            "MessageFailure",
		"tandem/chat.Quota":              "ChannelQuota",
		"tandem/chat.Link":               "SharedLink",
		"tandem/chat/web.View":           "Widget",
		"tandem/chat/web.Settings":       "WidgetSettings",
		"tandem/chat/web.Text":           "WidgetText",
		"tandem/chat/web.FormField":      "WidgetFormField",
		"tandem/chat/web.Trigger":        "WidgetTrigger",
		"tandem/chat/web.Features":       "WidgetFeatures",
		"tandem/notify.Tone":             "Ringtone",
		"tandem/notify.View":             "OwnNotifications",
		"tandem/notify.Rule":             "NotificationRule",
		"tandem/notify.Account":          "StoredSMSAccount",
		"tandem/webhooks.Endpoint":       "Webhook",
		"tandem/webhooks.EndpointChange": "WebhookChange",
		"tandem/webhooks.Delivery":       "WebhookDelivery",
		"tandem/webhooks.Details":        "WebhookDetails",
		"tandem/webhooks.Attempt":        "WebhookAttempt",
		"tandem/smartactions.Page":       "ActionPage",
		"tandem/smartactions.File":       "ActionFile",
		"tandem/smartactions.Asked":      "AskedAction",
		"tandem/smartactions.Verified":   "ActionVerification",
		"tandem/smartactions.Ceremony":   "DeviceCeremony",
	}
}

// schemaName names a type in the document.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	for full, better := range renamed() {
		if t.PkgPath()+"."+t.Name() == full {
			return better
		}
		if strings.HasSuffix(t.Name(), "["+full+"]") { // Page[queues.AgentView]
			return strings.TrimSuffix(name, full[strings.LastIndex(full, ".")+1:]) + better
		}
	}
	return name
}

// values are those of properties whose Go types are open strings.
func values() map[string][]string {
	return map[string][]string{
		"AgentStatus.presence":        {"OFFLINE", "AVAILABLE", "AWAY", "BUSY"},
		"AgentStatus.state":           {"IDLE", "RESERVED", "ALERTING", "CONNECTING", "INTERACTING", "HELD", "RECOVERING", "WRAP_UP", "NOT_RESPONDING", "UNREACHABLE"},
		"AgentsItem.state":            {"RESERVED", "ALERTING", "CONNECTING", "INTERACTING", "HELD", "RECOVERING", "WRAP_UP"},
		"CallRow.direction":           {"inbound", "outbound"},
		"CallRow.state":               {"new", "playing", "menu", "bot", "dialing", "waiting", "offering", "whisper", "countdown", "talking", "held", "ended"},
		"LegRecord.direction":         {"inbound", "outbound"},
		"LiveCall.direction":          {"inbound", "outbound"},
		"LiveCall.state":              {"new", "playing", "menu", "bot", "dialing", "waiting", "offering", "whisper", "countdown", "talking", "held", "ended"},
		"QueuedItem.kind":             {"call", "chat", "callback"},
		"LegRecord.party":             {"customer", "agent", "bot", "far_end"},
		"BotRule.when":                {"always", "hours"},
		"TrialEvent.kind":             {"connected", "unreachable", "started", "audio", "message", "unreadable", "closed", "quiet"},
		"Number.kind":                 {"menu", "queue", "echo", "music", "message", "address", "voicemail", "agent"},
		"Prompt.kind":                 {"upload", "speech", "music"},
		"Queue.kind":                  {"queue", "message"},
		"MenuOption.kind":             {"menu", "queue", "message"},
		"MenuRule.final":              {"queue", "first", "last", "voicemail", "hang_up"},
		"MenuRule.zero":               {"nothing", "up", "queue"},
		"Whisper.mode":                {"off", "queue_name", "text", "recording"},
		"Notification.text":           {"off", "offered", "missed", "both"},
		"WrapUpRule.mode":             {"none", "optional", "timed", "mandatory", "requested"},
		"AgentStatus.next_presence":   {"OFFLINE", "AVAILABLE", "AWAY", "BUSY"},
		"PresenceWord.presence":       {"AVAILABLE", "AWAY", "BUSY"},
		"OwnSettings.algorithm":       {"longest_idle", "round_robin", "fewest_interactions", "least_talk", "ordered_list", "skills", "percentage"},
		"OwnSettings.offer_mode":      {"one", "all"},
		"SkillRule.match":             {"all", "best"},
		"Ageing.curve":                {"none", "linear", "steps"},
		"Decision.algorithm":          {"longest_idle", "round_robin", "fewest_interactions", "least_talk", "ordered_list", "skills", "percentage"},
		"Deflection.mode":             {"off", "message", "voicemail", "queue", "number", "callback"},
		"AnnouncementPart.play":       {"greeting", "position", "estimated_wait", "prompt", "music"},
		"EmptyRule.when":              {"never", "nobody_signed_in", "nobody_available"},
		"Outcome.end":                 {"off", "message", "voicemail", "queue", "number", "callback"},
		"Visit.why":                   {"after_hours", "paused", "over_capacity", "no_agents"},
		"Visit.origin":                {"global", "parent", "own"},
		"Visit.problem":               {"loop", "gone"},
		"HoursRule.origin":            {"global", "parent", "own"},
		"ClientOption.kind":           {"scheduled_call", "email", "number", "voicemail", "queue"},
		"Skipped.why":                 {"not_all_day", "repeats", "cancelled", "dates", "too_long"},
		"OwnSettings.record":          {"yes", "no", "ask"},
		"RecordingWaiting.kind":       {"call", "voicemail"},
		"RecordingWaiting.state":      {"capturing", "sealed", "planned", "quarantined"},
		"CRMConnection.provider":      {"own", "rt"},
		"Ticket.priority":             {"urgent", "high", "medium", "low"},
		"Ticket.status":               {"to_do", "in_progress", "on_hold", "resolved", "reopened"},
		"TicketPage.priority":         {"urgent", "high", "medium", "low"},
		"TicketPage.status":           {"to_do", "in_progress", "on_hold", "resolved", "reopened"},
		"Action.item_kind":            {"call", "conversation"},
		"Action.kind":                 {"verification", "photos", "screenshot", "video", "text"},
		"Action.state":                {"requested", "opened", "done", "declined", "expired", "cancelled"},
		"Action.delivery":             {"sending", "sent", "failed"},
		"ChannelAccount.state":        {"ok", "needs_reauthorisation", "paused"},
		"ChannelAccountName.state":    {"ok", "needs_reauthorisation", "paused"},
		"ChannelTraits.unit":          {"characters", "bytes", "utf16"},
		"Conversation.state":          {"open", "snoozed", "closed"},
		"Conversation.owner_kind":     {"none", "bot", "human"},
		"Conversation.close_reason":   {"agent", "ended", "customer", "agent_silent", "customer_silent", "never_wrote", "merged"},
		"Conversation.last_direction": {"in", "out", "internal"},
		"Message.direction":           {"in", "out", "internal"},
		"Message.author":              {"customer", "agent", "bot", "system", "app"},
		"Quoted.author":               {"customer", "agent", "bot", "system", "app"},
		"Message.kind":                {"text", "media", "location", "contacts", "choice", "order", "begin", "system", "template", "options", "action", "note", "unsupported"},
		"Message.status":              {"queued", "sent", "failed", "delivered", "read", "played"},
		"MessageFile.kind":            {"image", "video", "audio", "file", "sticker"},
		"MessageFile.state":           {"pending", "stored", "failed", "too_large", "gone"},
		"WidgetSettings.position":     {"right", "left"},
		"WidgetSettings.theme":        {"auto", "light", "dark"},
		"WidgetFormField.kind":        {"text", "email", "tel", "select"},
		"AskedAction.item_kind":       {"call", "conversation"},
		"AskedAction.kind":            {"verification", "photos", "screenshot", "video", "text"},
		"AskedAction.state":           {"requested", "opened", "done", "declined", "expired", "cancelled"},
		"AskedAction.delivery":        {"sending", "sent", "failed"},
		"ActionPage.kind":             {"verification", "photos", "screenshot", "video", "text"},
		"ActionPage.state":            {"requested", "opened", "done", "declined", "expired", "cancelled"},
		"VoicemailRow.state":          {"unread", "read", "assigned", "done"},
		"VoicemailRow.why":            {"after_hours", "over_capacity", "no_agents", "paused", "asked"},
		"Callback.state":              {"scheduled", "waiting", "dialing", "done", "given_up", "cancelled"},
	}
}

// tidySchemas makes the document say what we send and take: our errors, lists that are never null, the values of open strings.
func tidySchemas(o *huma.OpenAPI) {
	problem := o.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	schemas := o.Components.Schemas.Map()
	for _, s := range schemas {
		neverNull(s)
	}
	for place, list := range values() {
		name, property, _ := strings.Cut(place, ".")
		s := schemas[name]
		if s == nil || s.Properties[property] == nil {
			panic("api: the document has no " + place)
		}
		p := s.Properties[property]
		p.Enum = nil
		for _, v := range list {
			p.Enum = append(p.Enum, v)
		}
		p.PrecomputeMessages()
	}
	for _, op := range operations(o) {
		op.Responses["default"] = &huma.Response{
			Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}
		for status := range op.Responses {
			if status[0] == '4' || status[0] == '5' {
				delete(op.Responses, status)
			}
		}
	}
	for _, unused := range []string{"ErrorModel", "ErrorDetail", "FormFile"} {
		delete(schemas, unused)
	}
}

func operations(o *huma.OpenAPI) []*huma.Operation {
	var all []*huma.Operation
	for _, item := range o.Paths {
		all = append(all, item.Get, item.Post, item.Put, item.Patch, item.Delete)
	}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	neverNull(s.Items)
	for _, p := range s.Properties {
		neverNull(p)
	}
}
