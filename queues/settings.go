package queues

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Origin says where a setting's value comes from (Q1.1).
type Origin string

// Origins: the tenant's global settings (or Tandem's defaults), a queue above, the queue itself.
const (
	FromGlobal Origin = "global"
	FromParent Origin = "parent"
	FromOwn    Origin = "own"
)

// Setting is one setting in force.
type Setting[T any] struct {
	Value  T      `json:"value"`
	Origin Origin `json:"origin"`
}

// Prompt is something to say: an uploaded recording, else a text to speak, else nothing.
type Prompt struct {
	ID   uuid.UUID `json:"id,omitzero"`
	Text string    `json:"text,omitempty"`
}

// IsZero says that there is nothing to say.
func (p Prompt) IsZero() bool { return p == Prompt{} }

// WhisperMode says what the agent alone hears on accepting (V2.3).
type WhisperMode string

// Whisper modes.
const (
	WhisperOff       WhisperMode = "off"
	WhisperQueueName WhisperMode = "queue_name"
	WhisperText      WhisperMode = "text"
	WhisperRecording WhisperMode = "recording"
)

// Whisper is the announcement to the agent. Speed is 0.5 to 2.0, 1 is normal.
type Whisper struct {
	Mode   WhisperMode `json:"mode"`
	Text   string      `json:"text,omitempty"`
	Prompt uuid.UUID   `json:"prompt,omitzero"`
	Speed  float64     `json:"speed"`
}

// RecordMode says whether calls are recorded (V5.1).
type RecordMode string

// Record modes; with RecordAsk the caller presses 1 not to be recorded.
const (
	RecordYes RecordMode = "yes"
	RecordNo  RecordMode = "no"
	RecordAsk RecordMode = "ask"
)

// WrapUpMode says what follows an interaction (Q2.4).
type WrapUpMode string

// Wrap-up modes.
const (
	WrapUpNone      WrapUpMode = "none"      // the agent is idle at once
	WrapUpOptional  WrapUpMode = "optional"  // until the agent says so, at most MaxSeconds where that is above 0
	WrapUpTimed     WrapUpMode = "timed"     // MaxSeconds, or less when the agent says so
	WrapUpMandatory WrapUpMode = "mandatory" // until the agent gives a disposition; no timer ends it
)

// WrapUpRule is the wrap-up of a queue.
type WrapUpRule struct {
	Mode       WrapUpMode `json:"mode"`
	MaxSeconds int        `json:"max_seconds"`
}

// Announcement is the position told to those who wait.
type Announcement struct {
	On           bool `json:"on"`
	EverySeconds int  `json:"every_seconds"`
}

// Weight is what an item of a channel takes of an agent's capacity; an exclusive one takes all of it.
type Weight struct {
	Weight    int  `json:"weight"`
	Exclusive bool `json:"exclusive,omitempty"`
}

// MissedRule makes an agent NOT_RESPONDING after Threshold missed offers in a row, for NotRespondingSeconds (0: until they or a
// manager say so).
type MissedRule struct {
	Threshold            int `json:"threshold"`
	NotRespondingSeconds int `json:"not_responding_seconds"`
}

// DeflectionMode says what callers meet outside hours.
type DeflectionMode string

// Deflection modes.
const (
	DeflectOff       DeflectionMode = "off" // they wait as ever
	DeflectMessage   DeflectionMode = "message"
	DeflectVoicemail DeflectionMode = "voicemail"
)

// Deflection is what happens outside hours (Q4.3); every mode but off needs its greeting.
type Deflection struct {
	Mode   DeflectionMode `json:"mode"`
	Prompt Prompt         `json:"prompt,omitzero"`
}

// Algorithm chooses among eligible agents (Q3.2).
type Algorithm string

// LongestIdle prefers the agent whose last interaction ended first.
const LongestIdle Algorithm = "longest_idle"

// Settings are all settings of a queue in force, each with its origin.
type Settings struct {
	Greeting           Setting[Prompt]             `json:"greeting"`
	HoldMusic          Setting[Prompt]             `json:"hold_music"` // nothing: the built-in music
	Whisper            Setting[Whisper]            `json:"whisper"`
	Countdown          Setting[bool]               `json:"countdown"`
	Record             Setting[RecordMode]         `json:"record"`
	RingSeconds        Setting[int]                `json:"ring_seconds"`
	WrapUp             Setting[WrapUpRule]         `json:"wrap_up"`
	Dispositions       Setting[[]string]           `json:"dispositions"`
	Announcement       Setting[Announcement]       `json:"announcement"`
	Weights            Setting[map[Channel]Weight] `json:"weights"`
	Missed             Setting[MissedRule]         `json:"missed"`
	Ticket             Setting[bool]               `json:"ticket"` // make a CRM ticket
	ServiceLevelTarget Setting[int]                `json:"service_level_seconds"`
	ShortAbandon       Setting[int]                `json:"short_abandon_seconds"` // who leaves earlier is not counted against the service level
	Hours              Setting[uuid.UUID]          `json:"hours"` // uuid.Nil: always open
	Deflection         Setting[Deflection]         `json:"deflection"`
	MaxWaiting         Setting[int]                `json:"max_waiting"` // 0: no limit
	Algorithm          Setting[Algorithm]          `json:"algorithm"`
	Menu               Setting[MenuRule]           `json:"menu"`
}

// OwnSettings are the settings given at one node of the tree, or globally; nil means inherited.
type OwnSettings struct {
	Greeting           *Prompt             `json:"greeting,omitempty"`
	HoldMusic          *Prompt             `json:"hold_music,omitempty"`
	Whisper            *Whisper            `json:"whisper,omitempty"`
	Countdown          *bool               `json:"countdown,omitempty"`
	Record             *RecordMode         `json:"record,omitempty"`
	RingSeconds        *int                `json:"ring_seconds,omitempty"`
	WrapUp             *WrapUpRule         `json:"wrap_up,omitempty"`
	Dispositions       *[]string           `json:"dispositions,omitempty"`
	Announcement       *Announcement       `json:"announcement,omitempty"`
	Weights            *map[Channel]Weight `json:"weights,omitempty"`
	Missed             *MissedRule         `json:"missed,omitempty"`
	Ticket             *bool               `json:"ticket,omitempty"`
	ServiceLevelTarget *int                `json:"service_level_seconds,omitempty"`
	ShortAbandon       *int                `json:"short_abandon_seconds,omitempty"`
	Hours              *uuid.UUID          `json:"hours,omitempty"`
	Deflection         *Deflection         `json:"deflection,omitempty"`
	MaxWaiting         *int                `json:"max_waiting,omitempty"`
	Algorithm          *Algorithm          `json:"algorithm,omitempty"`
	Menu               *MenuRule           `json:"menu,omitempty"`
}

// inherit works out the settings of the last of chain: its own, else the nearest above, else global, else Tandem's default.
func inherit(global OwnSettings, chain []OwnSettings) Settings {
	levels := append([]OwnSettings{global}, chain...)
	return Settings{
		Greeting:  settle(levels, Prompt{}, func(o *OwnSettings) *Prompt { return o.Greeting }),
		HoldMusic: settle(levels, Prompt{}, func(o *OwnSettings) *Prompt { return o.HoldMusic }),
		Whisper: settle(levels, Whisper{Mode: WhisperQueueName, Speed: 1},
			func(o *OwnSettings) *Whisper { return o.Whisper }),
		Countdown:    settle(levels, true, func(o *OwnSettings) *bool { return o.Countdown }),
		Record:       settle(levels, RecordYes, func(o *OwnSettings) *RecordMode { return o.Record }),
		RingSeconds:  settle(levels, 20, func(o *OwnSettings) *int { return o.RingSeconds }),
		WrapUp:       settle(levels, WrapUpRule{Mode: WrapUpTimed, MaxSeconds: 60}, func(o *OwnSettings) *WrapUpRule { return o.WrapUp }),
		Dispositions: settle(levels, []string{}, func(o *OwnSettings) *[]string { return o.Dispositions }),
		Announcement: settle(levels, Announcement{EverySeconds: 60}, func(o *OwnSettings) *Announcement { return o.Announcement }),
		Weights:      settle(levels, map[Channel]Weight{}, func(o *OwnSettings) *map[Channel]Weight { return o.Weights }),
		Missed:       settle(levels, MissedRule{Threshold: 1}, func(o *OwnSettings) *MissedRule { return o.Missed }),
		Ticket:       settle(levels, true, func(o *OwnSettings) *bool { return o.Ticket }),
		ServiceLevelTarget: settle(levels, 20,
			func(o *OwnSettings) *int { return o.ServiceLevelTarget }),
		ShortAbandon: settle(levels, 5, func(o *OwnSettings) *int { return o.ShortAbandon }),
		Hours:      settle(levels, uuid.Nil, func(o *OwnSettings) *uuid.UUID { return o.Hours }),
		Deflection: settle(levels, Deflection{Mode: DeflectOff}, func(o *OwnSettings) *Deflection { return o.Deflection }),
		MaxWaiting: settle(levels, 0, func(o *OwnSettings) *int { return o.MaxWaiting }),
		Algorithm:  settle(levels, LongestIdle, func(o *OwnSettings) *Algorithm { return o.Algorithm }),
		Menu:       settle(levels, defaultMenuRule, func(o *OwnSettings) *MenuRule { return o.Menu }),
	}
}

func settle[T any](levels []OwnSettings, def T, field func(*OwnSettings) *T) Setting[T] {
	for i := len(levels) - 1; i >= 0; i-- {
		v := field(&levels[i])
		switch {
		case v == nil:
			continue
		case i == 0:
			return Setting[T]{*v, FromGlobal}
		case i == len(levels)-1:
			return Setting[T]{*v, FromOwn}
		}
		return Setting[T]{*v, FromParent}
	}
	return Setting[T]{def, FromGlobal}
}

// weight says what an item takes of its agent.
func (s Settings) weight(kind Kind, ch Channel) Weight {
	if w, ok := s.Weights.Value[ch]; ok {
		return w
	}
	if kind == Chat {
		return Weight{Weight: 25}
	}
	return Weight{Weight: 100}
}

// changed returns own with what set gives and without the settings named in reset, which are inherited again.
func (own OwnSettings) changed(set OwnSettings, reset []string) (OwnSettings, error) {
	to, from := reflect.ValueOf(&own).Elem(), reflect.ValueOf(set)
	unknown := make(map[string]bool, len(reset))
	for _, name := range reset {
		unknown[name] = true
	}
	for i := range to.NumField() {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		if unknown[name] {
			to.Field(i).SetZero()
			delete(unknown, name)
		}
		if !from.Field(i).IsNil() {
			to.Field(i).Set(from.Field(i))
		}
	}
	for name := range unknown {
		return own, fault.Newf(fault.Invalid, "setting_unknown", "There is no setting %q.", name).WithField(name)
	}
	return own, own.validate()
}

func invalid(field, format string, args ...any) error {
	return fault.Newf(fault.Invalid, "setting_invalid", format, args...).WithField(field)
}

func (own OwnSettings) validate() error {
	if w := own.Whisper; w != nil {
		if err := w.validate(); err != nil {
			return err
		}
	}
	if r := own.Record; r != nil && *r != RecordYes && *r != RecordNo && *r != RecordAsk {
		return invalid("record", "Recording is yes, no or ask.")
	}
	for field, n := range map[string]struct {
		v        *int
		min, max int
	}{
		"ring_seconds":          {own.RingSeconds, 3, 600},
		"service_level_seconds": {own.ServiceLevelTarget, 1, 86400},
		"short_abandon_seconds": {own.ShortAbandon, 0, 3600},
		"max_waiting":           {own.MaxWaiting, 0, 1_000_000},
	} {
		if n.v != nil && (*n.v < n.min || *n.v > n.max) {
			return invalid(field, "%s must be between %d and %d.", field, n.min, n.max)
		}
	}
	if m := own.Missed; m != nil && (m.Threshold < 1 || m.NotRespondingSeconds < 0) {
		return invalid("missed", "The number of missed offers must be 1 or more, the time 0 or more seconds.")
	}
	if a := own.Announcement; a != nil && a.On && a.EverySeconds < 10 {
		return invalid("announcement", "The position can be told every 10 seconds at most.")
	}
	if a := own.Algorithm; a != nil && *a != LongestIdle {
		return invalid("algorithm", "There is no routing algorithm %q.", *a)
	}
	return own.validateRules()
}

func (own OwnSettings) validateRules() error {
	if w := own.WrapUp; w != nil {
		switch w.Mode {
		case WrapUpNone, WrapUpOptional, WrapUpTimed, WrapUpMandatory:
		default:
			return invalid("wrap_up", "Wrap-up is none, optional, timed or mandatory.")
		}
		if w.MaxSeconds < 0 || w.MaxSeconds > 86400 || w.Mode == WrapUpTimed && w.MaxSeconds == 0 {
			return invalid("wrap_up", "Give the longest wrap-up in seconds, up to a day.")
		}
	}
	if ws := own.Weights; ws != nil {
		for ch, w := range *ws {
			if w.Weight < 0 || w.Weight > 1000 || w.Weight == 0 && !w.Exclusive {
				return invalid("weights", "The weight of %s must be between 1 and 1000, or the channel exclusive.", ch)
			}
		}
	}
	if d := own.Deflection; d != nil {
		switch d.Mode {
		case DeflectOff:
		case DeflectMessage, DeflectVoicemail:
			if d.Prompt.IsZero() {
				return fault.Newf(fault.Illegal, "deflection_without_greeting", "Deflection to %s needs its greeting: choose a recording or write a text first.", d.Mode).WithField("deflection")
			}
		default:
			return invalid("deflection", "Deflection is off, message or voicemail.")
		}
	}
	if m := own.Menu; m != nil {
		return m.validate()
	}
	return nil
}

func (w Whisper) validate() error {
	switch {
	case w.Mode != WhisperOff && w.Mode != WhisperQueueName && w.Mode != WhisperText && w.Mode != WhisperRecording:
		return invalid("whisper", "The whisper is off, queue_name, text or recording.")
	case w.Speed < 0.5 || w.Speed > 2:
		return invalid("whisper", "The reading speed must be between 0.5 and 2.0.")
	case w.Mode == WhisperText && strings.TrimSpace(w.Text) == "":
		return invalid("whisper", "Write the text that the agent is to hear.")
	case w.Mode == WhisperRecording && w.Prompt == uuid.Nil:
		return invalid("whisper", "Choose the recording that the agent is to hear.")
	}
	return nil
}

func readSettings(b []byte) (OwnSettings, error) {
	var own OwnSettings
	if err := json.Unmarshal(b, &own); err != nil {
		return own, fmt.Errorf("read queue settings: %w", err)
	}
	return own, nil
}
