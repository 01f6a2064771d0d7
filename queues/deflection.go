package queues

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// DeflectionMode is where somebody goes instead of waiting.
type DeflectionMode string

// Deflection modes.
const (
	DeflectOff       DeflectionMode = "off" // they wait as ever
	DeflectMessage   DeflectionMode = "message"
	DeflectVoicemail DeflectionMode = "voicemail"
	DeflectQueue     DeflectionMode = "queue"    // another one, which may deflect in turn
	DeflectNumber    DeflectionMode = "number"   // a telephone number
	DeflectCallback  DeflectionMode = "callback" // at their turn; not outside hours
)

// Deflection is what callers meet instead of waiting (Q3.6, Q4.3). The prompt is said first. Outside hours a message and voicemail without a
// prompt of their own use that of the settings above.
type Deflection struct {
	Mode   DeflectionMode `json:"mode"`
	Prompt Prompt         `json:"prompt,omitzero"`
	Queue  uuid.UUID      `json:"queue,omitzero"`   // of queue
	Number string         `json:"number,omitempty"` // of number: +4930123456, or one of this installation's
}

// needsGreeting says that there would be nothing to hear without one.
func (d Deflection) needsGreeting() bool {
	return (d.Mode == DeflectMessage || d.Mode == DeflectVoicemail) && d.Prompt.blank()
}

func (p Prompt) blank() bool { return p.ID == uuid.Nil && strings.TrimSpace(p.Text) == "" }

func (d Deflection) validate(field string) error {
	switch d.Mode {
	case DeflectOff, DeflectMessage, DeflectVoicemail, DeflectCallback:
	case DeflectQueue:
		if d.Queue == uuid.Nil {
			return invalid(field, "Choose the queue that callers are to go to.")
		}
	case DeflectNumber:
		return checkNumber(field, d.Number)
	default:
		return invalid(field, "There is no deflection %q.", d.Mode)
	}
	return nil
}

// checkNumber accepts what can be dialled: a number with its country code, or digits that this installation knows.
func checkNumber(field, number string) error {
	if strings.HasPrefix(number, "+") {
		if n, err := phonenumbers.Parse(number, ""); err == nil && phonenumbers.IsPossibleNumber(n) {
			return nil
		}
	} else if number != "" && len(number) <= 15 && strings.Trim(number, "0123456789") == "" {
		return nil
	}
	return invalid(field, "%q is not a telephone number: write it with its country code, as +4930123456, or give a number of this installation.", number)
}

// ClientDeflection is what a page or an app offers outside hours in place of a call or chat (Q4.4): what is chosen here, and nothing else. An
// app's deflection to a queue excludes everything else.
type ClientDeflection struct {
	Message       string    `json:"message,omitempty"`        // shown above the options
	ScheduledCall bool      `json:"scheduled_call,omitempty"` // in slots within the queue's hours
	Email         string    `json:"email,omitempty"`          // a page shows the address; an app opens a draft
	Number        string    `json:"number,omitempty"`         // apps only: "Call now"
	Voicemail     bool      `json:"voicemail,omitempty"`      // apps only
	Queue         uuid.UUID `json:"queue,omitzero"`           // apps only
}

func (d ClientDeflection) offers() bool {
	return d.ScheduledCall || d.Email != "" || d.Number != "" || d.Voicemail || d.Queue != uuid.Nil
}

func (d ClientDeflection) validate(field string, app bool) error {
	if len(d.Message) > 2000 {
		return invalid(field, "The message may have 2,000 characters at most.")
	}
	if d.offers() && strings.TrimSpace(d.Message) == "" {
		return withoutGreeting(field, "Write the message that customers see above these options first.")
	}
	if d.Email != "" {
		if a, err := mail.ParseAddress(d.Email); err != nil || a.Address != d.Email {
			return invalid(field, "%q is not an e-mail address: write it as help@example.com.", d.Email)
		}
	}
	if !app {
		if d.Number != "" || d.Voicemail || d.Queue != uuid.Nil {
			return invalid(field, "A telephone number, voicemail and another queue are for mobile apps only.")
		}
		return nil
	}
	if d.Queue != uuid.Nil && (d.ScheduledCall || d.Email != "" || d.Number != "" || d.Voicemail) {
		return invalid(field, "Deflection to a queue excludes every other option: choose either.")
	}
	if d.Number != "" {
		return checkNumber(field, d.Number)
	}
	return nil
}

// TextReply is what a customer who writes is answered outside hours (Q4.5).
type TextReply struct {
	On   bool   `json:"on"`
	Text string `json:"text,omitempty"`
}

func (r TextReply) validate(field string) error {
	if r.On && strings.TrimSpace(r.Text) == "" {
		return withoutGreeting(field, "Write the text of the after-hours message before switching it on.")
	}
	if len(r.Text) > 2000 {
		return invalid(field, "The text may have 2,000 characters at most.")
	}
	return nil
}

func withoutGreeting(field, sentence string) error {
	return fault.New(fault.Illegal, "deflection_without_greeting", sentence).WithField(field)
}

func (own OwnSettings) validateDeflection() error {
	if d := own.Deflection; d != nil {
		if d.Mode == DeflectCallback {
			return invalid("deflection", "Nobody can be called back outside hours: choose voicemail, a message, a queue or a number.")
		}
		if err := d.validate("deflection"); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		field string
		d     *ClientDeflection
		app   bool
	}{{"deflection_web", own.DeflectionWeb, false}, {"deflection_mobile", own.DeflectionMobile, true}} {
		if c.d != nil {
			if err := c.d.validate(c.field, c.app); err != nil {
				return err
			}
		}
	}
	for field, r := range map[string]*TextReply{"deflection_sms": own.DeflectionSMS, "deflection_messaging": own.DeflectionMessaging} {
		if r != nil {
			if err := r.validate(field); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkDeflection refuses a queue's own deflection that would leave callers with nothing to hear, or send them back to itself.
func checkDeflection(ctx context.Context, tx *storage.Tx, q Queue) error {
	d := q.Own.Deflection
	if d == nil {
		return nil
	}
	if d.Mode == DeflectQueue && d.Queue == q.ID {
		return invalid("deflection", "A queue cannot send its callers to itself: choose another one.")
	}
	if !d.needsGreeting() {
		return nil
	}
	global, err := readGlobal(ctx, tx)
	above := []OwnSettings{global}
	if err == nil && q.Parent != uuid.Nil {
		above, err = readLevels(ctx, tx, q.Parent)
	}
	if err != nil {
		return err
	}
	if greetingAbove(above).blank() {
		return withoutGreeting("deflection", fmt.Sprintf("Deflection to %s needs its greeting: choose a recording or write a text first, here or in the global settings.", d.Mode))
	}
	return nil
}

// switchable refuses global settings, as set and reset make them, that switch deflection on without what callers or writers would meet (Q4.2).
func (own OwnSettings) switchable(set OwnSettings, reset []string) error {
	touched := func(changed bool, names ...string) bool {
		return changed || slices.ContainsFunc(reset, func(name string) bool { return slices.Contains(names, name) })
	}
	if d := own.Deflection; set.Deflection != nil && d.needsGreeting() {
		return withoutGreeting("deflection", fmt.Sprintf("Deflection to %s needs its greeting: choose a recording or write a text first.", d.Mode))
	}
	if touched(set.DeflectCalls != nil || set.Deflection != nil, "deflection") && isTrue(own.DeflectCalls) &&
		(own.Deflection == nil || own.Deflection.Mode == DeflectOff || own.Deflection.Prompt.blank()) {
		return withoutGreeting("deflect_calls", "Deflection of calls needs its greeting: choose above all queues what callers meet, with its recording or text, first.")
	}
	if touched(set.DeflectChats != nil || set.DeflectionWeb != nil, "deflection_web") && isTrue(own.DeflectChats) &&
		(own.DeflectionWeb == nil || strings.TrimSpace(own.DeflectionWeb.Message) == "") {
		return withoutGreeting("deflect_chats", "Deflection of chats needs its greeting: write the message of the web's deflection first.")
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// globalOnly are settings that hold for all queues alike.
func (own OwnSettings) globalOnly() error {
	for field, set := range map[string]bool{
		"deflect_calls": own.DeflectCalls != nil, "deflect_chats": own.DeflectChats != nil, "deflection_web": own.DeflectionWeb != nil,
		"transfer_after_hours": own.TransferAfterHours != nil,
	} {
		if set {
			return fault.Newf(fault.Illegal, "setting_global", "%s holds for all queues: change it in the global settings.", field).WithField(field)
		}
	}
	return nil
}
