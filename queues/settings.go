package queues

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

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

// Words are what the agent hears of a queue in a language ("en", "zh"): for the queue's name "{Call type} from {Queue name}" (V2.3).
func (w Whisper) Words(queue, language string) Prompt {
	switch {
	case w.Mode == WhisperQueueName && language == "zh":
		return Prompt{Text: queue + "来电"}
	case w.Mode == WhisperQueueName:
		return Prompt{Text: "Call from " + queue}
	case w.Mode == WhisperText:
		return Prompt{Text: w.Text}
	case w.Mode == WhisperRecording:
		return Prompt{ID: w.Prompt}
	default:
		return Prompt{}
	}
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
	WrapUpRequested WrapUpMode = "requested" // only when the agent asks for it in the talk; at most MaxSeconds where that is above 0
)

// WrapUpRule is the wrap-up of a queue.
type WrapUpRule struct {
	Mode              WrapUpMode `json:"mode"`
	MaxSeconds        int        `json:"max_seconds"`
	ExtendSeconds     int        `json:"extend_seconds,omitempty"`     // by how much the agent may extend it; 0: not at all
	MaxExtensions     int        `json:"max_extensions,omitempty"`     // how often
	DispositionForced bool       `json:"disposition_forced,omitempty"` // the agent cannot end it without one
	NotesForced       bool       `json:"notes_forced,omitempty"`       // nor without notes
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

// Settings are all settings of a queue in force, each with its origin.
type Settings struct {
	Greeting            Setting[Prompt]             `json:"greeting"`
	HoldMusic           Setting[Prompt]             `json:"hold_music"` // nothing: the built-in music
	Whisper             Setting[Whisper]            `json:"whisper"`
	Countdown           Setting[bool]               `json:"countdown"`
	Notification        Setting[Notification]       `json:"notification"`
	Record              Setting[RecordMode]         `json:"record"`
	RingSeconds         Setting[int]                `json:"ring_seconds"`
	WrapUp              Setting[WrapUpRule]         `json:"wrap_up"`
	Dispositions        Setting[[]string]           `json:"dispositions"`
	Announcement        Setting[Announcement]       `json:"announcement"`
	Weights             Setting[map[Channel]Weight] `json:"weights"`
	Missed              Setting[MissedRule]         `json:"missed"`
	RedactMax           Setting[int]                `json:"redact_max_seconds"` // how long an agent may pause the recording at a time (V3.6)
	Ticket              Setting[bool]               `json:"ticket"`             // make a CRM ticket
	HoldForChoice       Setting[bool]               `json:"hold_for_choice"`    // tell the CRM when the agent has chosen a record, or the wrap-up is over
	ServiceLevelTarget  Setting[int]                `json:"service_level_seconds"`
	ShortAbandon        Setting[int]                `json:"short_abandon_seconds"` // who leaves earlier is not counted against the service level
	Hours               Setting[uuid.UUID]          `json:"hours"`                 // uuid.Nil: always open
	Deflection          Setting[Deflection]         `json:"deflection"`
	HoursOverrides      Setting[[]HoursOverride]    `json:"hours_overrides"`
	DeflectCalls        Setting[bool]               `json:"deflect_calls"`  // global: closed queues deflect calls
	DeflectChats        Setting[bool]               `json:"deflect_chats"`  // global: closed queues deflect chats and messages
	DeflectionWeb       Setting[ClientDeflection]   `json:"deflection_web"` // global
	DeflectionMobile    Setting[ClientDeflection]   `json:"deflection_mobile"`
	DeflectionSMS       Setting[TextReply]          `json:"deflection_sms"`
	DeflectionMessaging Setting[TextReply]          `json:"deflection_messaging"` // the conversation waits for the opening time
	TransferAfterHours  Setting[bool]               `json:"transfer_after_hours"` // global: agents may transfer to closed queues (Q4.6)
	Overcapacity        Setting[[]OverRule]         `json:"overcapacity"`
	Empty               Setting[EmptyPolicy]        `json:"empty"`
	RedialSeconds       Setting[int]                `json:"redial_seconds"` // who calls again so soon gets their place back; 0: never
	MaxWaiting          Setting[int]                `json:"max_waiting"`    // 0: no limit
	Algorithm           Setting[Algorithm]          `json:"algorithm"`
	OfferMode           Setting[OfferMode]          `json:"offer_mode"`
	Skills              Setting[SkillRule]          `json:"skills"`
	Rings               Setting[[]Ring]             `json:"rings"`
	Shares              Setting[[]Share]            `json:"shares"`
	Ageing              Setting[Ageing]             `json:"ageing"`
	Preferred           Setting[PreferredRule]      `json:"preferred_agent"`
	AutoAnswer          Setting[bool]               `json:"auto_answer"`
	Bot                 Setting[BotRule]            `json:"bot"` // the virtual agent that comes first
	Menu                Setting[MenuRule]           `json:"menu"`
	Voicemail           Setting[VoicemailBox]       `json:"voicemail"`
	Callback            Setting[CallbackRule]       `json:"callback"`
	Schedule            Setting[ScheduleRule]       `json:"schedule"`
	Outbound            Setting[OutboundRule]       `json:"outbound"` // calls that agents make
}

// OwnSettings are the settings given at one node of the tree, or globally; nil means inherited.
type OwnSettings struct {
	Greeting            *Prompt             `json:"greeting,omitempty"`
	HoldMusic           *Prompt             `json:"hold_music,omitempty"`
	Whisper             *Whisper            `json:"whisper,omitempty"`
	Countdown           *bool               `json:"countdown,omitempty"`
	Notification        *Notification       `json:"notification,omitempty"`
	Record              *RecordMode         `json:"record,omitempty"`
	RingSeconds         *int                `json:"ring_seconds,omitempty"`
	WrapUp              *WrapUpRule         `json:"wrap_up,omitempty"`
	Dispositions        *[]string           `json:"dispositions,omitempty"`
	Announcement        *Announcement       `json:"announcement,omitempty"`
	Weights             *map[Channel]Weight `json:"weights,omitempty"`
	Missed              *MissedRule         `json:"missed,omitempty"`
	RedactMax           *int                `json:"redact_max_seconds,omitempty"`
	Ticket              *bool               `json:"ticket,omitempty"`
	HoldForChoice       *bool               `json:"hold_for_choice,omitempty"`
	ServiceLevelTarget  *int                `json:"service_level_seconds,omitempty"`
	ShortAbandon        *int                `json:"short_abandon_seconds,omitempty"`
	Hours               *uuid.UUID          `json:"hours,omitempty"`
	Deflection          *Deflection         `json:"deflection,omitempty"`
	HoursOverrides      *[]HoursOverride    `json:"hours_overrides,omitempty"`
	DeflectCalls        *bool               `json:"deflect_calls,omitempty"`
	DeflectChats        *bool               `json:"deflect_chats,omitempty"`
	DeflectionWeb       *ClientDeflection   `json:"deflection_web,omitempty"`
	DeflectionMobile    *ClientDeflection   `json:"deflection_mobile,omitempty"`
	DeflectionSMS       *TextReply          `json:"deflection_sms,omitempty"`
	DeflectionMessaging *TextReply          `json:"deflection_messaging,omitempty"`
	TransferAfterHours  *bool               `json:"transfer_after_hours,omitempty"`
	Overcapacity        *[]OverRule         `json:"overcapacity,omitempty"`
	Empty               *EmptyPolicy        `json:"empty,omitempty"`
	RedialSeconds       *int                `json:"redial_seconds,omitempty"`
	MaxWaiting          *int                `json:"max_waiting,omitempty"`
	Algorithm           *Algorithm          `json:"algorithm,omitempty"`
	OfferMode           *OfferMode          `json:"offer_mode,omitempty"`
	Skills              *SkillRule          `json:"skills,omitempty"`
	Rings               *[]Ring             `json:"rings,omitempty"`
	Shares              *[]Share            `json:"shares,omitempty"`
	Ageing              *Ageing             `json:"ageing,omitempty"`
	Preferred           *PreferredRule      `json:"preferred_agent,omitempty"`
	AutoAnswer          *bool               `json:"auto_answer,omitempty"`
	Bot                 *BotRule            `json:"bot,omitempty"`
	Menu                *MenuRule           `json:"menu,omitempty"`
	Voicemail           *VoicemailBox       `json:"voicemail,omitempty"`
	Callback            *CallbackRule       `json:"callback,omitempty"`
	Schedule            *ScheduleRule       `json:"schedule,omitempty"`
	Outbound            *OutboundRule       `json:"outbound,omitempty"`
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
		Notification: settle(levels, defaultNotification(), func(o *OwnSettings) *Notification { return o.Notification }),
		Record:       settle(levels, RecordYes, func(o *OwnSettings) *RecordMode { return o.Record }),
		RingSeconds:  settle(levels, 20, func(o *OwnSettings) *int { return o.RingSeconds }),
		WrapUp:       settle(levels, WrapUpRule{Mode: WrapUpTimed, MaxSeconds: 60}, func(o *OwnSettings) *WrapUpRule { return o.WrapUp }),
		Dispositions: settle(levels, []string{}, func(o *OwnSettings) *[]string { return o.Dispositions }),
		Announcement: settle(levels, Announcement{EverySeconds: 60}, func(o *OwnSettings) *Announcement { return o.Announcement }),
		Weights:      settle(levels, map[Channel]Weight{}, func(o *OwnSettings) *map[Channel]Weight { return o.Weights }),
		Missed:       settle(levels, MissedRule{Threshold: 1}, func(o *OwnSettings) *MissedRule { return o.Missed }),
		RedactMax:    settle(levels, 120, func(o *OwnSettings) *int { return o.RedactMax }),
		Ticket:       settle(levels, true, func(o *OwnSettings) *bool { return o.Ticket }),
		HoldForChoice: settle(levels, true,
			func(o *OwnSettings) *bool { return o.HoldForChoice }),
		ServiceLevelTarget: settle(levels, 20,
			func(o *OwnSettings) *int { return o.ServiceLevelTarget }),
		ShortAbandon: settle(levels, 5, func(o *OwnSettings) *int { return o.ShortAbandon }),
		Hours:        settle(levels, uuid.Nil, func(o *OwnSettings) *uuid.UUID { return o.Hours }),
		Deflection:   settle(levels, Deflection{Mode: DeflectOff}, func(o *OwnSettings) *Deflection { return o.Deflection }),
		HoursOverrides: settle(levels, []HoursOverride{},
			func(o *OwnSettings) *[]HoursOverride { return o.HoursOverrides }),
		DeflectCalls: settle(levels, false, func(o *OwnSettings) *bool { return o.DeflectCalls }),
		DeflectChats: settle(levels, false, func(o *OwnSettings) *bool { return o.DeflectChats }),
		DeflectionWeb: settle(levels, ClientDeflection{},
			func(o *OwnSettings) *ClientDeflection { return o.DeflectionWeb }),
		DeflectionMobile: settle(levels, ClientDeflection{},
			func(o *OwnSettings) *ClientDeflection { return o.DeflectionMobile }),
		DeflectionSMS: settle(levels, TextReply{}, func(o *OwnSettings) *TextReply { return o.DeflectionSMS }),
		DeflectionMessaging: settle(levels, TextReply{},
			func(o *OwnSettings) *TextReply { return o.DeflectionMessaging }),
		TransferAfterHours: settle(levels, false, func(o *OwnSettings) *bool { return o.TransferAfterHours }),
		Overcapacity:       settle(levels, []OverRule{}, func(o *OwnSettings) *[]OverRule { return o.Overcapacity }),
		Empty:              settle(levels, defaultEmptyPolicy, func(o *OwnSettings) *EmptyPolicy { return o.Empty }),
		RedialSeconds:      settle(levels, 60, func(o *OwnSettings) *int { return o.RedialSeconds }),
		MaxWaiting:         settle(levels, 0, func(o *OwnSettings) *int { return o.MaxWaiting }),
		Algorithm:          settle(levels, LongestIdle, func(o *OwnSettings) *Algorithm { return o.Algorithm }),
		OfferMode:          settle(levels, OfferOne, func(o *OwnSettings) *OfferMode { return o.OfferMode }),
		Skills:             settle(levels, SkillRule{Match: MatchAll, Required: []SkillNeed{}}, func(o *OwnSettings) *SkillRule { return o.Skills }),
		Rings:              settle(levels, []Ring{}, func(o *OwnSettings) *[]Ring { return o.Rings }),
		Shares:             settle(levels, []Share{}, func(o *OwnSettings) *[]Share { return o.Shares }),
		Ageing:             settle(levels, Ageing{Curve: AgeingNone}, func(o *OwnSettings) *Ageing { return o.Ageing }),
		Preferred:          settle(levels, PreferredRule{}, func(o *OwnSettings) *PreferredRule { return o.Preferred }),
		AutoAnswer:         settle(levels, false, func(o *OwnSettings) *bool { return o.AutoAnswer }),
		Bot:                settle(levels, BotRule{When: BotAlways}, func(o *OwnSettings) *BotRule { return o.Bot }),
		Menu:               settle(levels, defaultMenuRule, func(o *OwnSettings) *MenuRule { return o.Menu }),
		Voicemail:          settle(levels, VoicemailBox{MaxSeconds: 180}, func(o *OwnSettings) *VoicemailBox { return o.Voicemail }),
		Callback:           settle(levels, defaultCallbackRule, func(o *OwnSettings) *CallbackRule { return o.Callback }),
		Schedule:           settle(levels, defaultScheduleRule, func(o *OwnSettings) *ScheduleRule { return o.Schedule }),
		Outbound:           settle(levels, OutboundRule{}, func(o *OwnSettings) *OutboundRule { return o.Outbound }),
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
		if err := w.Validate(); err != nil {
			return err
		}
	}
	if n := own.Notification; n != nil {
		if err := n.validate(); err != nil {
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
		"redact_max_seconds":    {own.RedactMax, 5, 3600},
		"service_level_seconds": {own.ServiceLevelTarget, 1, 86400},
		"short_abandon_seconds": {own.ShortAbandon, 0, 3600},
		"max_waiting":           {own.MaxWaiting, 0, 1_000_000},
		"redial_seconds":        {own.RedialSeconds, 0, int(maxRedial / time.Second)},
	} {
		if n.v != nil && (*n.v < n.min || *n.v > n.max) {
			return invalid(field, "%s must be between %d and %d.", field, n.min, n.max)
		}
	}
	if m := own.Missed; m != nil && (m.Threshold < 1 || m.NotRespondingSeconds < 0) {
		return invalid("missed", "The number of missed offers must be 1 or more, the time 0 or more seconds.")
	}
	if err := own.validateRouting(); err != nil {
		return err
	}
	return own.validateRules()
}

func (own OwnSettings) validateRules() error {
	if w := own.WrapUp; w != nil {
		switch w.Mode {
		case WrapUpNone, WrapUpOptional, WrapUpTimed, WrapUpMandatory, WrapUpRequested:
		default:
			return invalid("wrap_up", "Wrap-up is none, optional, timed, mandatory or requested.")
		}
		if w.ExtendSeconds < 0 || w.ExtendSeconds > 3600 || w.MaxExtensions < 0 || w.MaxExtensions > 20 {
			return invalid("wrap_up", "A wrap-up is extended by up to an hour, up to 20 times.")
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
	if r := own.Outbound; r != nil {
		if err := r.validate(); err != nil {
			return err
		}
	}
	if m := own.Menu; m != nil {
		if err := m.validate(); err != nil {
			return err
		}
	}
	if err := own.validateReturns(); err != nil {
		return err
	}
	return own.validateWaiting()
}

// validateWaiting checks what those meet who come and wait.
func (own OwnSettings) validateWaiting() error {
	if a := own.Announcement; a != nil {
		if err := a.validate(); err != nil {
			return err
		}
	}
	if o := own.HoursOverrides; o != nil {
		if err := validateOverrides(*o); err != nil {
			return err
		}
	}
	if r := own.Overcapacity; r != nil {
		if err := validateOverRules(*r); err != nil {
			return err
		}
	}
	if e := own.Empty; e != nil {
		if err := e.validate(); err != nil {
			return err
		}
	}
	if b := own.Bot; b != nil {
		if err := b.validate(); err != nil {
			return err
		}
	}
	return own.validateDeflection()
}

// Validate says what of a whisper cannot be.
func (w Whisper) Validate() error {
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
