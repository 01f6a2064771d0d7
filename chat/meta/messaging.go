package meta

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tandem/chat"
)

// Thread is the account whose messages an entry holds: a Page or an Instagram account.
type Thread struct {
	ID      string // of the entry
	Account string // of the hook's own account
}

// Messages reads what an entry of Messenger or Instagram holds, in messaging and in standby.
func (t Thread) Messages(e Entry) []chat.Event {
	if e.ID == "0" {
		return nil // the console's test
	}
	t.ID = string(e.ID)
	var all []chat.Event
	for _, raw := range e.Messaging {
		all = append(all, t.item(raw, false)...)
	}
	for _, raw := range e.Standby {
		all = append(all, t.item(raw, true)...)
	}
	return t.To(all)
}

// To notes in events for whom they are, where the application has several accounts on one hook.
func (t Thread) To(all []chat.Event) []chat.Event {
	if t.ID == t.Account {
		return all
	}
	for i := range all {
		all[i].To = t.ID
	}
	return all
}

type item struct {
	Sender    who       `json:"sender"`
	Recipient who       `json:"recipient"`
	Timestamp Text      `json:"timestamp"`
	Message   *message  `json:"message"`
	Postback  *postback `json:"postback"`
	Referral  Flat      `json:"referral"`
	Delivery  *struct {
		Mids      []Text `json:"mids"`
		Watermark Text   `json:"watermark"`
	} `json:"delivery"`
	Read *struct {
		Mid       Text `json:"mid"`
		Watermark Text `json:"watermark"`
	} `json:"read"`
	Reaction *struct {
		Mid      Text   `json:"mid"`
		Action   string `json:"action"`
		Reaction string `json:"reaction"`
		Emoji    string `json:"emoji"`
	} `json:"reaction"`
	Edit *struct {
		Mid    Text   `json:"mid"`
		Text   string `json:"text"`
		Number Text   `json:"num_edit"`
	} `json:"message_edit"`
	Policy *struct {
		Action string `json:"action"`
		Reason string `json:"reason"`
	} `json:"policy_enforcement"`
}

type who struct {
	ID Text `json:"id"`
}

type postback struct {
	Mid      Text   `json:"mid"`
	Title    string `json:"title"`
	Payload  Text   `json:"payload"`
	Referral Flat   `json:"referral"`
}

// customer is the side of an item that is not the account. Receipts and reactions of the account itself have none.
func (t Thread) customer(i *item) chat.Person {
	if string(i.Sender.ID) == t.ID {
		return chat.Person{ID: string(i.Recipient.ID)}
	}
	return chat.Person{ID: string(i.Sender.ID)}
}

func (t Thread) item(raw json.RawMessage, standby bool) []chat.Event {
	var i item
	if Lenient(raw, &i) != nil {
		return nil
	}
	e := chat.Event{At: i.Timestamp.Milliseconds(), From: t.customer(&i)}
	ours := string(i.Sender.ID) == t.ID
	switch {
	case i.Policy != nil:
		e.Account = &chat.AccountEvent{State: chat.AccountPaused, Reason: i.Policy.Reason}
		if i.Policy.Action == "unblock" {
			e.Account.State = chat.AccountOK
		}
		e.From = chat.Person{}
	case e.From.ID == "":
		return nil // nobody's
	case i.Message != nil:
		i.Message.into(&e, raw, ours)
	case i.Postback != nil:
		i.Postback.into(&e, &i)
	case i.Delivery != nil:
		return i.receipts(e, chat.StatusDelivered, i.Delivery.Mids, i.Delivery.Watermark)
	case i.Read != nil:
		return i.receipts(e, chat.StatusRead, []Text{i.Read.Mid}, i.Read.Watermark)
	case i.Reaction != nil:
		if ours {
			return nil
		}
		e.Reaction = &chat.Reaction{To: string(i.Reaction.Mid)}
		if i.Reaction.Action != "unreact" {
			e.Reaction.Emoji = emoji(i.Reaction.Emoji, i.Reaction.Reaction)
		}
		e.Key = key("reaction", string(i.Sender.ID), string(i.Reaction.Mid), string(i.Timestamp))
	case i.Edit != nil:
		e.Edit = &chat.Edit{Of: string(i.Edit.Mid), Text: i.Edit.Text, Number: int(i.Edit.Number.Int())}
		e.Key = key("edit", string(i.Edit.Mid), string(i.Edit.Number))
	case i.Referral != nil:
		e.Message = &chat.Incoming{Kind: chat.Begin, Body: chat.Body{Referral: i.Referral}, Window: entry(i.Referral)}
		e.Key = key("referral", e.From.ID, string(i.Timestamp))
		e.Message.ID = e.Key
	default:
		i.other(&e, raw)
	}
	if e.Message != nil {
		e.Message.Standby = standby
	}
	return []chat.Event{e}
}

// other reads what has no field of its own: who owns the thread now, and what nobody knows.
func (i *item) other(e *chat.Event, raw json.RawMessage) {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(raw, &fields) // an object, or item would have read nothing
	kind := "unknown"
	for name := range fields {
		if name != "sender" && name != "recipient" && name != "timestamp" && (kind == "unknown" || name < kind) {
			kind = name
		}
	}
	e.Key = key(kind, e.From.ID, string(i.Timestamp))
	e.Message = Unknown(e.Key, kind, raw)
	if strings.HasSuffix(kind, "_thread_control") || kind == "app_roles" {
		var data Flat
		_ = data.UnmarshalJSON(fields[kind]) // never fails
		e.Message = &chat.Incoming{ID: e.Key, Kind: chat.System, Body: chat.Body{Type: kind, Data: data}}
	}
}

func (i *item) receipts(e chat.Event, status chat.Status, mids []Text, watermark Text) []chat.Event {
	var all []chat.Event
	for _, mid := range mids {
		if mid == "" {
			continue
		}
		one := e
		one.Key = key(string(status), string(mid))
		one.Receipt = &chat.Receipt{ID: string(mid), Status: status}
		all = append(all, one)
	}
	if until := watermark.Milliseconds(); !until.IsZero() {
		one := e
		one.Key = key(string(status), e.From.ID, string(watermark))
		one.Receipt = &chat.Receipt{Watermark: until, Status: status}
		all = append(all, one)
	}
	return all
}

func (p *postback) into(e *chat.Event, i *item) {
	e.Key = string(p.Mid)
	if e.Key == "" {
		e.Key = key("postback", e.From.ID, string(i.Timestamp))
	}
	e.Message = &chat.Incoming{
		ID: e.Key, Kind: chat.Choice, Text: p.Title, Window: chat.ByMessage,
		Body: chat.Body{Choice: &chat.Chosen{ID: string(p.Payload), Title: p.Title}, Referral: p.Referral},
	}
	if p.Referral != nil {
		e.Message.Window = entry(p.Referral)
	}
}

// entry is the window that a referral opens.
func entry(referral Flat) chat.Window {
	if referral["source"] == "ADS" || referral["ad_id"] != "" {
		return chat.ByEntryPoint
	}
	return chat.ByMessage
}

// emoji is the reaction's sign; older events have only its name.
func emoji(sign, name string) string {
	if sign != "" {
		return sign
	}
	for _, r := range reactions() {
		if r.name == name {
			return r.emoji
		}
	}
	if name == "" || name == "other" {
		return "👍"
	}
	return name
}

type reaction struct{ name, emoji string }

func reactions() []reaction {
	return []reaction{{"love", "❤️"}, {"smile", "😆"}, {"angry", "😠"}, {"sad", "😢"}, {"wow", "😮"}, {"like", "👍"}, {"dislike", "👎"}}
}

func key(parts ...string) string { return strings.Join(parts, ":") }

// Local reads our own id out of what the platform gives back.
func local(metadata Text) uuid.UUID {
	id, err := uuid.Parse(string(metadata))
	if err != nil {
		return uuid.Nil
	}
	return id
}

func indexed(mid string, n int) map[string]string {
	return map[string]string{"mid": mid, "index": strconv.Itoa(n)}
}
