package whatsapp

import (
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/meta"
)

// status reads how a message of ours fares.
func (v *value) status(raw json.RawMessage) []chat.Event {
	var s struct {
		ID          meta.Text      `json:"id"`
		Status      string         `json:"status"`
		Timestamp   meta.Text      `json:"timestamp"`
		Recipient   meta.Text      `json:"recipient_id"`
		UserID      meta.Text      `json:"recipient_user_id"`
		Participant meta.Text      `json:"recipient_participant_id"`
		Ours        meta.Text      `json:"biz_opaque_callback_data"`
		Pricing     meta.Flat      `json:"pricing"`
		Errors      []meta.Failure `json:"errors"`
	}
	status := map[string]chat.Status{
		"sent": chat.StatusSent, "delivered": chat.StatusDelivered, "read": chat.StatusRead, "played": chat.StatusPlayed, "failed": chat.StatusFailed,
	}
	if meta.Lenient(raw, &s) != nil || s.ID == "" || status[s.Status] == "" {
		return nil
	}
	r := &chat.Receipt{ID: string(s.ID), Status: status[s.Status], Price: s.Pricing}
	if local, err := uuid.Parse(string(s.Ours)); err == nil {
		r.Local = local
	}
	if r.Status == chat.StatusFailed {
		r.Err = &chat.SendError{Verdict: chat.VerdictRejected}
		if len(s.Errors) > 0 {
			r.Err = s.Errors[0].SendError()
		}
	}
	key := "status:" + string(s.ID) + ":" + s.Status
	if s.Participant != "" {
		key += ":" + string(s.Participant)
	}
	return []chat.Event{{Key: key, At: s.Timestamp.Seconds(), From: v.person(string(s.Recipient), string(s.UserID)), Receipt: r}}
}

// preference is what a customer allows us.
type preference struct {
	WaID      meta.Text `json:"wa_id"`
	UserID    meta.Text `json:"user_id"`
	Category  string    `json:"category"`
	Value     string    `json:"value"`
	Detail    string    `json:"detail"`
	Timestamp meta.Text `json:"timestamp"`
}

func (v *value) preference(p preference) chat.Event {
	e := chat.Event{At: p.Timestamp.Seconds(), From: v.person(string(p.WaID), string(p.UserID))}
	category := strings.TrimSuffix(p.Category, "_messages")
	e.Contact = &chat.ContactEvent{Why: p.Detail}
	switch p.Value {
	case "stop":
		e.Contact.Consent = map[string]bool{category: false}
	case "resume", "signup":
		e.Contact.Consent = map[string]bool{category: true}
	}
	if p.Timestamp != "" {
		e.Key = strings.Join([]string{"preference", e.From.ID, e.From.Alias, p.Category, p.Value, string(p.Timestamp)}, ":")
	}
	return e
}

// failure is an error that is about no message.
func failure(entry meta.Entry, f meta.Failure) chat.Event {
	err := f.SendError()
	a := &chat.AccountEvent{Reason: err.Detail, Detail: map[string]string{"error": err.Code}}
	switch err.Verdict {
	case chat.VerdictReauthorise:
		a.State = chat.AccountReauthorise
	case chat.VerdictPaused:
		a.State = chat.AccountPaused
	}
	return chat.Event{At: entry.Time.Seconds(), Account: a}
}

// events reads what is no message: news of templates and of the account. Fields that say nothing of either are left alone.
func events(entry meta.Entry, field string, raw json.RawMessage) []chat.Event {
	var v meta.Flat
	if meta.Lenient(raw, &v) != nil {
		return nil
	}
	e := chat.Event{At: entry.Time.Seconds()}
	if entry.Time != "" {
		e.Key = strings.Join([]string{field, string(entry.ID), string(entry.Time), v["message_template_id"], v["event"]}, ":")
	}
	t := &chat.TemplateEvent{ID: v["message_template_id"], Name: v["message_template_name"], Language: v["message_template_language"]}
	switch field {
	case "message_template_status_update":
		t.Status, t.Reason = v["event"], v["reason"]
		if t.Reason == "NONE" {
			t.Reason = ""
		}
		e.Template = t
	case "message_template_quality_update":
		t.Quality = v["new_quality_score"]
		e.Template = t
	case "template_category_update":
		t.Category = v["new_category"]
		e.Template = t
	case "message_template_components_update":
		e.Template = t
	case "account_update", "account_alerts", "account_review_update", "business_capability_update", "phone_number_quality_update",
		"phone_number_name_update", "security":
		e.Account = account(field, v)
	default:
		return nil
	}
	return []chat.Event{e}
}

func account(field string, v meta.Flat) *chat.AccountEvent {
	a := &chat.AccountEvent{Reason: v["event"], Detail: map[string]string{"field": field}}
	for name, value := range v {
		a.Detail[name] = value
	}
	if a.Reason == "" {
		a.Reason = field
	}
	if field != "account_update" {
		return a
	}
	switch v["event"] {
	case "DISABLED_UPDATE":
		switch ban := v["ban_info"]; {
		case strings.Contains(ban, `"REINSTATE"`):
			a.State = chat.AccountOK
		case strings.Contains(ban, `"DISABLE"`):
			a.State = chat.AccountPaused
		}
	case "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED":
		a.State = chat.AccountPaused
	case "ACCOUNT_RESTRICTION":
		// A restriction of what the business begins leaves answers alone; one of answers stops everything.
		if strings.Contains(v["restriction_info"], "RESTRICTED_CUSTOMER_INITIATED_MESSAGING") {
			a.State = chat.AccountPaused
		}
	case "ACCOUNT_RECONNECTED":
		a.State = chat.AccountOK
	}
	return a
}
