package api

import (
	"time"

	"github.com/google/uuid"
)

// Origin says where a setting's value comes from (Q1.1).
type Origin string

// Setting is one setting in force.
type Setting[T any] struct {
	Value  T      `json:"value"`
	Origin Origin `json:"origin"`
}

// QueuePrompt is something to say: an uploaded recording, else a text to speak, else nothing.
type QueuePrompt struct {
	ID   uuid.UUID `json:"id,omitzero"`
	Text string    `json:"text,omitempty"`
}

// WhisperMode says what the agent alone hears on accepting (V2.3).
type WhisperMode string

// Whisper is the announcement to the agent. Speed is 0.5 to 2.0, 1 is normal.
type Whisper struct {
	Mode        WhisperMode `json:"mode"`
	Text        string      `json:"text,omitempty"`
	QueuePrompt uuid.UUID   `json:"prompt,omitzero"`
	Speed       float64     `json:"speed"`
}

// RecordMode says whether calls are recorded (V5.1).
type RecordMode string

// WrapUpMode says what follows an interaction (Q2.4).
type WrapUpMode string

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

// Deflection is what happens outside hours (Q4.3); every mode but off needs its greeting.
type Deflection struct {
	Mode        DeflectionMode `json:"mode"`
	QueuePrompt QueuePrompt    `json:"prompt,omitzero"`
}

// Algorithm chooses among eligible agents (Q3.2).
type Algorithm string

// Settings are all settings of a queue in force, each with its origin.
type Settings struct {
	Greeting           Setting[QueuePrompt]        `json:"greeting"`
	HoldMusic          Setting[QueuePrompt]        `json:"hold_music"` // nothing: the built-in music
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
	Hours              Setting[uuid.UUID]          `json:"hours"` // uuid.Nil: always open
	Deflection         Setting[Deflection]         `json:"deflection"`
	MaxWaiting         Setting[int]                `json:"max_waiting"` // 0: no limit
	Algorithm          Setting[Algorithm]          `json:"algorithm"`
	Menu               Setting[MenuRule]           `json:"menu"`
}

// OwnSettings are the settings given at one node of the tree, or globally; nil means inherited.
type OwnSettings struct {
	Greeting           *QueuePrompt        `json:"greeting,omitempty"`
	HoldMusic          *QueuePrompt        `json:"hold_music,omitempty"`
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
	Hours              *uuid.UUID          `json:"hours,omitempty"`
	Deflection         *Deflection         `json:"deflection,omitempty"`
	MaxWaiting         *int                `json:"max_waiting,omitempty"`
	Algorithm          *Algorithm          `json:"algorithm,omitempty"`
	Menu               *MenuRule           `json:"menu,omitempty"`
}

// MenuAction is what a menu does with a caller who chose nothing, or who pressed 0 (V1.2).
type MenuAction string

// MenuRule is how a menu listens. After MaxNoInput silences, or MaxInvalid wrong keys, counted apart, comes Final.
type MenuRule struct {
	WaitSeconds int        `json:"wait_seconds"` // after the prompt
	MaxNoInput  int        `json:"max_no_input"`
	MaxInvalid  int        `json:"max_invalid"`
	Final       MenuAction `json:"final"`
	FinalQueue  uuid.UUID  `json:"final_queue,omitzero"`
	Zero        MenuAction `json:"zero"`
	ZeroQueue   uuid.UUID  `json:"zero_queue,omitzero"`
}

// Menu is one level of the tree as a caller meets it.
type Menu struct {
	Queue       uuid.UUID    `json:"queue"`
	Parent      uuid.UUID    `json:"parent,omitzero"`
	Name        string       `json:"name"`
	QueuePrompt QueuePrompt  `json:"prompt"` // nothing: read the options out
	Rule        MenuRule     `json:"rule"`
	Options     []MenuOption `json:"options"`
}

// OptionKind says what a key leads to.
type OptionKind string

// MenuOption is one key.
type MenuOption struct {
	Key         int         `json:"key"`
	Queue       uuid.UUID   `json:"queue"`
	Name        string      `json:"name"`
	Kind        OptionKind  `json:"kind"`
	QueuePrompt QueuePrompt `json:"prompt,omitzero"` // of a message: what it says
}

// Channel is a way in which customers come.
type Channel string

// QueueKind says what a node of the tree is. A queue with nodes below it is a menu.
type QueueKind string

// Queue is one node of a tenant's tree (Q1.1).
type Queue struct {
	ID         uuid.UUID   `json:"id"`
	Parent     uuid.UUID   `json:"parent,omitzero"` // uuid.Nil at the top
	Kind       QueueKind   `json:"kind"`
	Name       string      `json:"name"`
	Key        int         `json:"key,omitempty"` // 1 to 9; 0: hidden, reached by a number or a transfer only
	Off        []Channel   `json:"off"`           // channels switched off here and below
	Own        OwnSettings `json:"own"`
	Paused     bool        `json:"paused"` // takes no new items; those that wait are still served
	Leaf       bool        `json:"leaf"`   // takes items and agents
	ArchivedAt *time.Time  `json:"archived_at,omitempty"`
	ChangedAt  time.Time   `json:"changed_at"`
}

// Period is open from From until before To; when To is not after From, until To of the next day.
type Period struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Holiday replaces the periods of its weekday on one date; none is closed. A period that began the evening before still runs out.
type Holiday struct {
	Date    string   `json:"date"` // 2026-12-25
	Name    string   `json:"name"`
	Periods []Period `json:"periods,omitempty"`
}

// Hours are opening hours (Q4.1).
type Hours struct {
	ID       uuid.UUID   `json:"id"`
	Name     string      `json:"name"`
	Zone     string      `json:"zone"` // IANA, Europe/Berlin
	Week     [7][]Period `json:"week"` // Sunday first
	Holidays []Holiday   `json:"holidays,omitempty"`
}

// Agent is someone, or a device, who serves queues.
type Agent struct {
	ID              uuid.UUID `json:"id"` // the user's id for a person; a device without a user has one of its own
	Name            string    `json:"name"`
	Device          string    `json:"device"`           // "browser", "sip:user@host:port" or "phone:8001"
	AlwaysAvailable bool      `json:"always_available"` // presence does not matter
	Capacity        int       `json:"capacity"`
}

// EntryKind is what a number leads to (V1.1).
type EntryKind string

// Number is a number that people dial, and its one entry point.
type Number struct {
	ID      uuid.UUID  `json:"id" db:"number_id"`
	Number  string     `json:"number" db:"number"`
	Name    string     `json:"name" db:"name"`
	Kind    EntryKind  `json:"kind" db:"kind"`
	Queue   *uuid.UUID `json:"queue_id,omitempty" db:"queue_id"`   // the queue, or the root of the menu
	Prompt  *uuid.UUID `json:"prompt_id,omitempty" db:"prompt_id"` // of a message
	Address string     `json:"address,omitempty" db:"address"`     // sip:user@host:port
	Record  bool       `json:"record" db:"record"`                 // of an address; queues have their own setting
}

// Prompt is something that callers or agents hear: an uploaded file, a text spoken by the TTS engine, or hold music.
type Prompt struct {
	ID       uuid.UUID `json:"id" db:"prompt_id"`
	Name     string    `json:"name" db:"name"`
	Kind     string    `json:"kind" db:"kind"` // "upload", "speech" or "music" (the built-in hold music)
	Text     string    `json:"text" db:"text"`
	Language string    `json:"language" db:"language"`
	Speed    float64   `json:"speed" db:"speed"` // reading speed, 0.5–2.0
	Blob     string    `json:"-" db:"blob"`
	Seconds  float64   `json:"seconds" db:"seconds"`
}

// Reason is why a call ended, as the call record says it. Exactly one call record with one reason is written for each call.
type Reason string

// Record is the call record: the row of a call, and the data of the event call.ended.
type Record struct {
	ID          uuid.UUID   `json:"call_id"`
	Tenant      uuid.UUID   `json:"-"`
	Node        string      `json:"-"`
	Direction   string      `json:"direction"`
	State       string      `json:"state"`
	Number      string      `json:"number"`
	Caller      Party       `json:"caller"`
	Transport   string      `json:"transport"`
	StartedAt   time.Time   `json:"started_at"`
	AnsweredAt  *time.Time  `json:"answered_at,omitempty"`
	QueuedAt    *time.Time  `json:"queued_at,omitempty"`
	ConnectedAt *time.Time  `json:"connected_at,omitempty"`
	EndedAt     *time.Time  `json:"ended_at,omitempty"`
	TalkSeconds float64     `json:"talk_seconds"`
	HeldSeconds float64     `json:"held_seconds"`
	WaitSeconds float64     `json:"wait_seconds"` // from joining the queue to the bridge, whisper and countdown included (V2.5)
	Reason      Reason      `json:"reason,omitempty"`
	Queue       *uuid.UUID  `json:"queue_id,omitempty"`
	QueuePath   []string    `json:"queue_path"`
	Agent       *uuid.UUID  `json:"agent_id,omitempty"`
	AgentName   string      `json:"agent_name,omitempty"`
	Offer       *uuid.UUID  `json:"offer_id,omitempty"`
	Recording   *uuid.UUID  `json:"recording_id,omitempty"`
	Ticket      bool        `json:"crm_ticket"` // the queue asks for a ticket in the CRM
	Reserved    Reserved    `json:"reserved"`
	Headers     Headers     `json:"data,omitempty"`
	Legs        []LegRecord `json:"legs"`
}

// Headers are the data that arrived with the call (V1.6).
type Headers map[string]string

// LegRecord is one leg of the call record.
type LegRecord struct {
	ID         uuid.UUID  `json:"id"`
	Direction  string     `json:"direction"`
	Party      string     `json:"party"` // "customer", "agent" or "far_end"
	Agent      *uuid.UUID `json:"agent_id,omitempty"`
	Device     string     `json:"device,omitempty"` // "browser", "sip", "phone"
	StartedAt  time.Time  `json:"started_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Cause      string     `json:"cause,omitempty"`
	Codec      string     `json:"codec,omitempty"`
	Quality    Quality    `json:"quality"`
}

// Party is the other end as a telephone network describes it.
type Party struct {
	Number   string // E.164 with + where it is one, else the user part unchanged; empty when withheld
	Name     string
	Withheld bool
}

// Reserved are the three profile flags of V1.6.
type Reserved struct {
	VerifiedCustomer *bool `json:"reserved_verified_customer,omitempty"`
	BadActor         *bool `json:"reserved_bad_actor,omitempty"`
	RepeatCustomer   *bool `json:"reserved_repeat_customer,omitempty"`
}

// CallRow is a call with what was written after it ended.
type CallRow struct {
	Record
	Disposition string `json:"disposition"`
	Notes       string `json:"notes"`
}
type Quality struct{}

// Trunk is a peer that may send us calls: known by the networks it sends from, by a user name and password (digest), or by both.
type Trunk struct {
	ID       uuid.UUID `json:"id" db:"trunk_id"`
	Tenant   uuid.UUID `json:"-" db:"tenant_id"`
	Name     string    `json:"name" db:"name"`
	Networks []string  `json:"networks" db:"networks"` // CIDR
	Username string    `json:"username" db:"username"`
	Trusted  bool      `json:"trusted" db:"trusted"` // identity, flags and call data in headers are believed
	NAT      bool      `json:"nat" db:"nat"`         // its media may come from another address than its SDP says
	Headers  []string  `json:"headers" db:"headers"` // allow-list of X- headers and User-to-User; "x-crm-*" is a pattern
	Codecs   []string  `json:"codecs" db:"codecs"`   // allowed, in our order of preference; none: all
	MaxCalls int       `json:"max_calls" db:"max_calls"`
	Enabled  bool      `json:"enabled" db:"enabled"`
}
