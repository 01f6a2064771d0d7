package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"tandem/internal/fault"
)

func pending[I, O any](context.Context, *I) (*O, error) {
	return nil, fault.New(fault.Unavailable, "not_wired", "This part of the API is not connected.")
}

type callFilter struct {
	Paging
	State  string    `query:"state" enum:"all,live,queued,connected,ended" default:"all" doc:"queued: waiting or being offered; connected: talking or held; live: both and everything before"`
	Queue  uuid.UUID `query:"queue" format:"uuid"`
	Agent  uuid.UUID `query:"agent" format:"uuid"`
	Search string    `query:"search" maxLength:"100" doc:"part of the caller's number"`
}

// Decision is why an agent got an item, and why the others did not.
type Decision struct {
	At     time.Time         `json:"at"`
	Agent  *uuid.UUID        `json:"agent,omitempty" doc:"who was chosen; none when nobody could be"`
	Why    string            `json:"why"`
	Others []DecisionAgainst `json:"others"`
}

// DecisionAgainst is why an agent was not chosen.
type DecisionAgainst struct {
	Agent uuid.UUID `json:"agent"`
	Why   string    `json:"why"`
}

// WrapUpNote is what an agent writes after a call.
type WrapUpNote struct {
	Disposition string `json:"disposition,omitempty" maxLength:"200" doc:"one of the queue's dispositions"`
	Notes       string `json:"notes,omitempty" maxLength:"10000"`
}

// Priority orders those who wait: higher goes first.
type Priority struct {
	Priority int `json:"priority" minimum:"-1000" maximum:"1000"`
}

// NewQueue is a queue to be made.
type NewQueue struct {
	Parent   uuid.UUID   `json:"parent,omitzero" format:"uuid"`
	Kind     QueueKind   `json:"kind,omitempty" enum:"queue,message"`
	Name     string      `json:"name" minLength:"1" maxLength:"200"`
	Key      int         `json:"key,omitempty" minimum:"0" maximum:"9" doc:"0: hidden"`
	Off      []Channel   `json:"off,omitempty"`
	Settings OwnSettings `json:"settings,omitempty"`
}

// QueueChange is what is to become of a queue; what is left out stays.
type QueueChange struct {
	Parent *uuid.UUID  `json:"parent,omitempty" format:"uuid"`
	Name   *string     `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Key    *int        `json:"key,omitempty" minimum:"0" maximum:"9"`
	Off    *[]Channel  `json:"off,omitempty"`
	Paused *bool       `json:"paused,omitempty"`
	Set    OwnSettings `json:"set,omitempty" doc:"own values from now on"`
	Reset  []string    `json:"reset,omitempty" doc:"names of settings to inherit again"`
}

// GlobalChange changes the settings above all queues.
type GlobalChange struct {
	Set   OwnSettings `json:"set,omitempty"`
	Reset []string    `json:"reset,omitempty" doc:"names of settings to return to Tandem's default"`
}

// QueueCopy names a copy.
type QueueCopy struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

// Members are the agents of a queue.
type Members struct {
	Agents []uuid.UUID `json:"agents"`
}

type atTime struct {
	ByID
	At time.Time `query:"at" doc:"an instant; now when left out"`
}

// OpenAt is what happens to a caller at an instant.
type OpenAt struct {
	At         time.Time  `json:"at"`
	Open       bool       `json:"open"`
	Deflection Deflection `json:"deflection" doc:"what callers meet when it is closed"`
}

// HoursInput are opening hours as they are to be.
type HoursInput struct {
	Name     string     `json:"name" minLength:"1" maxLength:"200"`
	Zone     string     `json:"zone" example:"Europe/Berlin"`
	Week     [][]Period `json:"week" minItems:"7" maxItems:"7" doc:"Sunday first"`
	Holidays []Holiday  `json:"holidays,omitempty"`
}

// AgentInput is an agent as they are to be.
type AgentInput struct {
	Name            string `json:"name" minLength:"1" maxLength:"200"`
	Device          string `json:"device" doc:"browser, sip:user@host:port or phone:8001"`
	AlwaysAvailable bool   `json:"always_available,omitempty"`
	Capacity        int    `json:"capacity,omitempty" doc:"100 when left out"`
}

// Work is an agent's routing state for one item.
type Work struct {
	Item  uuid.UUID `json:"item" doc:"the call's id"`
	Queue uuid.UUID `json:"queue"`
	State string    `json:"state" enum:"RESERVED,ALERTING,CONNECTING,INTERACTING,HELD,RECOVERING,WRAP_UP"`
	Since time.Time `json:"since"`
}

// AgentStatus is an agent with what they do at the moment.
type AgentStatus struct {
	Agent
	Presence    string      `json:"presence" enum:"OFFLINE,AVAILABLE,AWAY,BUSY"`
	Reason      string      `json:"reason,omitempty"`
	Since       time.Time   `json:"since"`
	Barred      string      `json:"barred,omitempty" enum:"NOT_RESPONDING,UNREACHABLE"`
	Used        int         `json:"used" doc:"of the capacity"`
	Missed      int64       `json:"missed"`
	Unreachable int64       `json:"unreachable"`
	Queues      []uuid.UUID `json:"queues"`
	Work        []Work      `json:"work"`
}

// PresenceChange sets a presence.
type PresenceChange struct {
	Presence string `json:"presence" enum:"OFFLINE,AVAILABLE,AWAY,BUSY"`
	Reason   string `json:"reason,omitempty" maxLength:"200"`
}

// NumberInput is a number as it is to be.
type NumberInput struct {
	Number  string     `json:"number" minLength:"1" maxLength:"41"`
	Name    string     `json:"name,omitempty" maxLength:"200"`
	Kind    EntryKind  `json:"kind" enum:"menu,queue,echo,music,message,address"`
	Queue   *uuid.UUID `json:"queue_id,omitempty"`
	Prompt  *uuid.UUID `json:"prompt_id,omitempty"`
	Address string     `json:"address,omitempty" doc:"sip:user@host:port"`
	Record  bool       `json:"record,omitempty"`
}

// TrunkInput is a trunk as it is to be.
type TrunkInput struct {
	Name     string   `json:"name" minLength:"1" maxLength:"80"`
	Networks []string `json:"networks,omitempty" doc:"addresses or CIDRs it sends from"`
	Username string   `json:"username,omitempty" maxLength:"64"`
	Password string   `json:"password,omitempty" maxLength:"256" doc:"empty keeps the one there is"`
	Trusted  bool     `json:"trusted,omitempty"`
	NAT      bool     `json:"nat,omitempty"`
	Headers  []string `json:"headers,omitempty"`
	Codecs   []string `json:"codecs,omitempty"`
	MaxCalls int      `json:"max_calls,omitempty" minimum:"0"`
	Enabled  bool     `json:"enabled"`
}

// NewSpeech is a prompt to be spoken by the TTS engine.
type NewSpeech struct {
	Name     string  `json:"name" minLength:"1" maxLength:"200"`
	Text     string  `json:"text" minLength:"1" maxLength:"2000"`
	Language string  `json:"language,omitempty" enum:"en,zh"`
	Speed    float64 `json:"speed,omitempty" minimum:"0.5" maximum:"2"`
}

type promptUpload struct {
	RawBody huma.MultipartFormFiles[promptForm]
}

type promptForm struct {
	File     huma.FormFile `form:"file" required:"true" doc:"WAV or MP3, 20 MB at most"`
	Name     string        `form:"name" required:"true" minLength:"1" maxLength:"200"`
	Language string        `form:"language" required:"false" enum:"en,zh"`
}

type audio struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"audio/wav"`
}

// RecordingWaiting is a recording on its way to the CRM.
type RecordingWaiting struct {
	ID         uuid.UUID  `json:"id"`
	Kind       string     `json:"kind" enum:"call,voicemail"`
	Call       uuid.UUID  `json:"call_id"`
	State      string     `json:"state" enum:"capturing,sealed,planned,delivered,destroyed,expired,quarantined"`
	Seconds    float64    `json:"seconds"`
	StartedAt  time.Time  `json:"started_at"`
	Deadline   time.Time  `json:"deadline" doc:"destroyed then, delivered or not"`
	Parts      int        `json:"parts"`
	Confirmed  int        `json:"confirmed" doc:"parts that the CRM has"`
	Attempts   int        `json:"attempts"`
	NextTryAt  *time.Time `json:"next_try_at,omitempty"`
	LastError  string     `json:"last_error,omitempty"`
	Truncated  bool       `json:"truncated"`
	Incomplete bool       `json:"incomplete"`
}

// Voicemail is a message that a caller left.
type Voicemail struct {
	ID        uuid.UUID  `json:"id"`
	Call      uuid.UUID  `json:"call_id"`
	Queue     *uuid.UUID `json:"queue_id,omitempty"`
	Ticket    *uuid.UUID `json:"ticket_id,omitempty"`
	Caller    string     `json:"caller"`
	Seconds   float64    `json:"seconds"`
	Deflected bool       `json:"deflected" doc:"left by after-hours deflection"`
	At        time.Time  `json:"at"`
	State     string     `json:"state"`
}

// Contact is a person.
type Contact struct {
	ID              uuid.UUID         `json:"id"`
	FirstName       string            `json:"first_name"`
	LastName        string            `json:"last_name"`
	Email           string            `json:"email"`
	Phone           string            `json:"phone" doc:"E.164"`
	Company         string            `json:"company"`
	JobTitle        string            `json:"job_title"`
	Country         string            `json:"country"`
	Location        string            `json:"location"`
	Attributes      map[string]string `json:"attributes"`
	CreatedAt       time.Time         `json:"created_at"`
	LastContactedAt *time.Time        `json:"last_contacted_at,omitempty"`
}

// ContactInput is a contact as they are to be.
type ContactInput struct {
	FirstName  string            `json:"first_name,omitempty" maxLength:"200"`
	LastName   string            `json:"last_name,omitempty" maxLength:"200"`
	Email      string            `json:"email,omitempty" maxLength:"254"`
	Phone      string            `json:"phone,omitempty" maxLength:"40"`
	Company    string            `json:"company,omitempty" maxLength:"200"`
	JobTitle   string            `json:"job_title,omitempty" maxLength:"200"`
	Country    string            `json:"country,omitempty" maxLength:"200"`
	Location   string            `json:"location,omitempty" maxLength:"200"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Ticket is a matter to be settled.
type Ticket struct {
	ID         uuid.UUID   `json:"id"`
	Number     int64       `json:"number"`
	Subject    string      `json:"subject"`
	Type       string      `json:"type" enum:"bug,feature_request,billing,refund,general"`
	Priority   string      `json:"priority" enum:"urgent,high,medium,low"`
	Status     string      `json:"status" enum:"todo,in_progress,on_hold,resolved,reopened"`
	Contact    *uuid.UUID  `json:"contact_id,omitempty"`
	Assignee   *uuid.UUID  `json:"assignee_id,omitempty"`
	Queue      *uuid.UUID  `json:"queue_id,omitempty"`
	Calls      []uuid.UUID `json:"calls"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
	ResolvedAt *time.Time  `json:"resolved_at,omitempty"`
}

// TicketPage is a ticket with all that belongs to it.
type TicketPage struct {
	Ticket
	Notes       []Note       `json:"notes"`
	Attachments []Attachment `json:"attachments"`
}

// Note is an internal remark; no customer ever sees it.
type Note struct {
	ID     uuid.UUID  `json:"id"`
	Author *uuid.UUID `json:"author_id,omitempty"`
	Text   string     `json:"text"`
	At     time.Time  `json:"at"`
}

// Attachment is a file on a ticket.
type Attachment struct {
	ID          uuid.UUID  `json:"id"`
	Kind        string     `json:"kind" enum:"recording,voicemail,file"`
	Name        string     `json:"name"`
	ContentType string     `json:"content_type"`
	Size        int64      `json:"size"`
	Seconds     float64    `json:"seconds"`
	Call        *uuid.UUID `json:"call_id,omitempty"`
	Part        int        `json:"part,omitempty" doc:"1 is the first"`
	At          time.Time  `json:"at"`
}

// Peaks draw a waveform without decoding the file.
type Peaks struct {
	Seconds  float64     `json:"seconds"`
	Channels [][]float64 `json:"channels" doc:"left, right; each a list of peaks from 0 to 1"`
}

// TicketInput is a ticket to be made.
type TicketInput struct {
	Subject  string     `json:"subject" minLength:"1" maxLength:"500"`
	Type     string     `json:"type,omitempty" enum:"bug,feature_request,billing,refund,general"`
	Priority string     `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Contact  *uuid.UUID `json:"contact_id,omitempty"`
	Assignee *uuid.UUID `json:"assignee_id,omitempty"`
	Call     *uuid.UUID `json:"call_id,omitempty"`
}

// TicketChange is what is to become of a ticket; what is left out stays.
type TicketChange struct {
	Subject  *string    `json:"subject,omitempty" minLength:"1" maxLength:"500"`
	Type     *string    `json:"type,omitempty" enum:"bug,feature_request,billing,refund,general"`
	Priority *string    `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Contact  *uuid.UUID `json:"contact_id,omitempty"`
	Assignee *uuid.UUID `json:"assignee_id,omitempty"`
}

// StatusChange moves a ticket.
type StatusChange struct {
	Status string `json:"status" enum:"todo,in_progress,on_hold,resolved,reopened"`
}

// NoteInput is a note to be added.
type NoteInput struct {
	Text string `json:"text" minLength:"1" maxLength:"20000"`
}

type ticketFilter struct {
	search
	Status   string    `query:"status" enum:"todo,in_progress,on_hold,resolved,reopened"`
	Contact  uuid.UUID `query:"contact" format:"uuid"`
	Assignee uuid.UUID `query:"assignee" format:"uuid"`
	Call     uuid.UUID `query:"call" format:"uuid"`
}

type attachmentID struct {
	ByID
	Attachment uuid.UUID `path:"attachment" format:"uuid"`
}

// CRMConnection is where tickets and recordings go.
type CRMConnection struct {
	Provider string `json:"provider" enum:"tandem,rt" doc:"tandem: the built-in tickets; rt: Request Tracker 5"`
	URL      string `json:"url,omitempty"`
	Queue    string `json:"queue,omitempty" doc:"the CRM's queue or project for new tickets"`
	Username string `json:"username,omitempty"`
	HasToken bool   `json:"has_token" doc:"a password or token is stored"`
}

// CRMConnectionInput is a connection as it is to be.
type CRMConnectionInput struct {
	Provider string `json:"provider" enum:"tandem,rt"`
	URL      string `json:"url,omitempty" maxLength:"500"`
	Queue    string `json:"queue,omitempty" maxLength:"200"`
	Username string `json:"username,omitempty" maxLength:"200"`
	Token    string `json:"token,omitempty" maxLength:"500" doc:"password or token; empty keeps the one there is"`
}

// CRMTest is how a trial of the connection went.
type CRMTest struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"what the CRM said"`
	Millis int64  `json:"millis"`
}

// AuditRow is a line of the audit log.
type AuditRow struct {
	Seq     int64          `json:"seq"`
	At      time.Time      `json:"at"`
	Actor   *uuid.UUID     `json:"actor,omitempty" doc:"the user; none for the system"`
	Action  string         `json:"action" example:"user.changed"`
	Subject uuid.UUID      `json:"subject"`
	Data    map[string]any `json:"data"`
}

// AuditVerdict says whether the audit log is whole.
type AuditVerdict struct {
	OK     bool   `json:"ok"`
	Rows   int64  `json:"rows"`
	BadSeq int64  `json:"bad_seq,omitempty" doc:"the first row that does not fit"`
	Detail string `json:"detail,omitempty"`
}

type auditFilter struct {
	Paging
	Action  string    `query:"action" maxLength:"100"`
	Actor   uuid.UUID `query:"actor" format:"uuid"`
	Subject uuid.UUID `query:"subject" format:"uuid"`
}

func (s *Server) pendingRoutes() []route {
	return []route{
		on(s, "GET", "/calls", "read:calls", "list-calls", "Calls, the newest first", pending[callFilter, List[CallRow]]),
		on(s, "GET", "/calls/{id}", "read:calls", "get-call", "One call with its legs and their quality", pending[ByID, One[CallRow]]),
		on(s, "GET", "/calls/{id}/decisions", "read:calls", "list-call-decisions", "Why which agent was chosen", pending[ByID, List[Decision]]),
		on(s, "POST", "/calls/{id}/end", "end:calls", "end-call", "End a queued or connected call", pending[ByID, Nothing]),
		on(s, "PUT", "/calls/{id}/priority", "assign:calls", "set-call-priority", "Change a waiting call's priority", pending[Change[Priority], Nothing]),
		on(s, "PUT", "/calls/{id}/wrap-up", "write:calls", "wrap-up-call", "Disposition and notes of an own call; ends the wrap-up", pending[Change[WrapUpNote], Nothing]),

		on(s, "GET", "/queues", "read:queues", "list-queues", "The tree of queues, parents before children", pending[struct{}, List[Queue]]),
		on(s, "POST", "/queues", "write:queues", "add-queue", "Make a queue", pending[With[NewQueue], One[Queue]]),
		on(s, "GET", "/queue-settings", "read:queues", "get-queue-globals", "Settings above all queues", pending[struct{}, One[OwnSettings]]),
		on(s, "PATCH", "/queue-settings", "write:queues", "change-queue-globals", "Change the settings above all queues", pending[With[GlobalChange], One[OwnSettings]]),
		on(s, "GET", "/queues/{id}", "read:queues", "get-queue", "One queue", pending[ByID, One[Queue]]),
		on(s, "PATCH", "/queues/{id}", "write:queues", "change-queue", "Change a queue: place, name, key, pause, own settings, settings to inherit again", pending[Change[QueueChange], One[Queue]]),
		on(s, "DELETE", "/queues/{id}", "delete:queues", "archive-queue", "Archive a queue", pending[ByID, Nothing]),
		on(s, "POST", "/queues/{id}/copy", "write:queues", "copy-queue", "Copy a queue", pending[Change[QueueCopy], One[Queue]]),
		on(s, "GET", "/queues/{id}/settings", "read:queues", "get-queue-settings", "Every setting in force, with its origin", pending[ByID, One[Settings]]),
		on(s, "GET", "/queues/{id}/menu", "read:queues", "get-queue-menu", "The menu that callers hear at this node", pending[ByID, One[Menu]]),
		on(s, "GET", "/queues/{id}/members", "read:queues", "get-queue-members", "The queue's agents", pending[ByID, One[Members]]),
		on(s, "PUT", "/queues/{id}/members", "write:queues", "put-queue-members", "Set the queue's agents", pending[Change[Members], One[Members]]),
		on(s, "GET", "/queues/{id}/open", "read:queues", "get-queue-open", "What happens to a caller at an instant", pending[atTime, One[OpenAt]]),
		on(s, "GET", "/hours", "read:hours", "list-hours", "Opening hours", pending[struct{}, List[Hours]]),
		on(s, "POST", "/hours", "write:hours", "add-hours", "Make opening hours", pending[With[HoursInput], One[Hours]]),
		on(s, "GET", "/hours/{id}", "read:hours", "get-hours", "One plan of opening hours", pending[ByID, One[Hours]]),
		on(s, "PUT", "/hours/{id}", "write:hours", "put-hours", "Change opening hours", pending[Change[HoursInput], One[Hours]]),
		on(s, "DELETE", "/hours/{id}", "delete:hours", "delete-hours", "Remove opening hours that no queue uses", pending[ByID, Nothing]),

		on(s, "GET", "/agents", "read:agents", "list-agents", "Agents with what they do at the moment", pending[struct{}, List[AgentStatus]]),
		on(s, "GET", "/agents/{id}", "read:agents", "get-agent", "One agent", pending[ByID, One[AgentStatus]]),
		on(s, "PUT", "/agents/{id}", "write:agents", "put-agent", "Make a user an agent, or change one", pending[Change[AgentInput], One[AgentStatus]]),
		on(s, "DELETE", "/agents/{id}", "write:agents", "archive-agent", "Take an agent out of all queues", pending[ByID, Nothing]),
		on(s, "PUT", "/agents/{id}/presence", "presence:agents", "set-presence", "Set an agent's presence", pending[Change[PresenceChange], Nothing]),

		on(s, "GET", "/numbers", "read:numbers", "list-numbers", "Numbers", pending[struct{}, List[Number]]),
		on(s, "POST", "/numbers", "write:numbers", "add-number", "Make a number", pending[With[NumberInput], One[Number]]),
		on(s, "GET", "/numbers/{id}", "read:numbers", "get-number", "One number", pending[ByID, One[Number]]),
		on(s, "PUT", "/numbers/{id}", "write:numbers", "put-number", "Change a number", pending[Change[NumberInput], One[Number]]),
		on(s, "DELETE", "/numbers/{id}", "delete:numbers", "delete-number", "Take a number away", pending[ByID, Nothing]),

		on(s, "GET", "/trunks", "read:trunks", "list-trunks", "Trunks", pending[struct{}, List[Trunk]]),
		on(s, "POST", "/trunks", "write:trunks", "add-trunk", "Make a trunk", pending[With[TrunkInput], One[Trunk]]),
		on(s, "GET", "/trunks/{id}", "read:trunks", "get-trunk", "One trunk", pending[ByID, One[Trunk]]),
		on(s, "PUT", "/trunks/{id}", "write:trunks", "put-trunk", "Change a trunk", pending[Change[TrunkInput], One[Trunk]]),
		on(s, "DELETE", "/trunks/{id}", "delete:trunks", "delete-trunk", "Take a trunk away", pending[ByID, Nothing]),

		on(s, "GET", "/prompts", "read:prompts", "list-prompts", "Prompts", pending[struct{}, List[Prompt]]),
		on(s, "POST", "/prompts", "write:prompts", "add-speech", "Make a prompt from a text", pending[With[NewSpeech], One[Prompt]]),
		on(s, "POST", "/prompts/upload", "write:prompts", "upload-prompt", "Make a prompt from a WAV or MP3 file", pending[promptUpload, One[Prompt]]).upTo(21 << 20),
		on(s, "GET", "/prompts/{id}", "read:prompts", "get-prompt", "One prompt", pending[ByID, One[Prompt]]),
		on(s, "GET", "/prompts/{id}/audio", "read:prompts", "get-prompt-audio", "A prompt's sound as WAV", pending[ByID, audio]),
		on(s, "DELETE", "/prompts/{id}", "delete:prompts", "delete-prompt", "Remove a prompt that nothing plays", pending[ByID, Nothing]),

		on(s, "GET", "/recordings", "read:recordings", "list-recordings", "Recordings that wait for the CRM; their sound cannot be had here", pending[Paging, List[RecordingWaiting]]),
		on(s, "POST", "/recordings/{id}/retry", "write:recordings", "retry-recording", "Try the upload again now", pending[ByID, Nothing]),
		on(s, "GET", "/voicemails", "read:voicemails", "list-voicemails", "Voicemails", pending[Paging, List[Voicemail]]),

		on(s, "GET", "/contacts", "read:contacts", "list-contacts", "Contacts", pending[search, List[Contact]]),
		on(s, "POST", "/contacts", "write:contacts", "add-contact", "Make a contact", pending[With[ContactInput], One[Contact]]),
		on(s, "GET", "/contacts/{id}", "read:contacts", "get-contact", "One contact", pending[ByID, One[Contact]]),
		on(s, "PUT", "/contacts/{id}", "write:contacts", "put-contact", "Change a contact", pending[Change[ContactInput], One[Contact]]),
		on(s, "DELETE", "/contacts/{id}", "delete:contacts", "delete-contact", "Remove a contact", pending[ByID, Nothing]),

		on(s, "GET", "/tickets", "read:tickets", "list-tickets", "Tickets, the newest first", pending[ticketFilter, List[Ticket]]),
		on(s, "POST", "/tickets", "write:tickets", "add-ticket", "Make a ticket", pending[With[TicketInput], One[TicketPage]]),
		on(s, "GET", "/tickets/{id}", "read:tickets", "get-ticket", "One ticket with notes and attachments", pending[ByID, One[TicketPage]]),
		on(s, "PATCH", "/tickets/{id}", "write:tickets", "change-ticket", "Change a ticket", pending[Change[TicketChange], One[TicketPage]]),
		on(s, "PUT", "/tickets/{id}/status", "write:tickets", "set-ticket-status", "Move a ticket", pending[Change[StatusChange], One[TicketPage]]),
		on(s, "POST", "/tickets/{id}/notes", "write:tickets", "add-note", "Add an internal note", pending[Change[NoteInput], One[Note]]),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}", "read:tickets", "get-attachment", "An attachment's content; honours Range", pending[attachmentID, huma.StreamResponse]),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}/peaks", "read:tickets", "get-peaks", "The waveform of a recording", pending[attachmentID, One[Peaks]]),

		on(s, "GET", "/crm-connection", "read:crm-connection", "get-crm-connection", "Where tickets and recordings go", pending[struct{}, One[CRMConnection]]),
		on(s, "PUT", "/crm-connection", "write:crm-connection", "put-crm-connection", "Change where tickets and recordings go", pending[With[CRMConnectionInput], One[CRMConnection]]),
		on(s, "POST", "/crm-connection/test", "write:crm-connection", "test-crm-connection", "Try the connection as given, without storing it", pending[With[CRMConnectionInput], One[CRMTest]]),

		on(s, "GET", "/audit", "read:audit", "list-audit", "The audit log, the newest first", pending[auditFilter, List[AuditRow]]),
		on(s, "GET", "/audit/verify", "read:audit", "verify-audit", "Check the audit log's hash chain", pending[struct{}, One[AuditVerdict]]),
	}
}
