package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/chat"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/recording"
	"tandem/smartactions"
)

// Config of a Service. Zero values stand for the defaults.
type Config struct {
	DB         *storage.DB
	Events     *events.Log
	Bus        *events.Bus
	Keys       *storage.Keys
	Recordings *recording.Service
	Actions    *smartactions.Service // what customers sent
	Chat       *chat.Service
	Record     func(ctx context.Context, tenant, call uuid.UUID) (calls.CallRow, error) // of a call that may still last
	Vendors    []Vendor                                                                 // the one named Own must be among them
	HTTP       *http.Client                                                             // exchanges what CRMs send people back with for tokens, as HTTPClient makes it
	PublicURL  string                                                                   // how browsers reach this installation
	Log        *slog.Logger
	Metrics    prometheus.Registerer
	Base       time.Duration // first pause after a failure; default 30 s
	Cap        time.Duration // longest pause; default 1 h
	Workers    int           // requests at the same time; default 4
	Timeout    time.Duration // of one request; default 30 s
	Poll       time.Duration // how often the outbox is looked at without being woken; default 2 s
	Sweep      time.Duration // how often what waits for too long is looked for; default 1 min
	LookupFor  time.Duration // how long a CRM may take to say who calls; default 5 s
	// Attended says whether an agent still talks in a call or wraps it up; nil: never.
	Attended func(ctx context.Context, tx *storage.Tx, call uuid.UUID) (bool, error)
}

// Service follows the event log and tells the CRMs.
type Service struct {
	cfg  Config
	log  *slog.Logger
	told *prometheus.CounterVec

	refusals prometheus.Counter
	looked   *prometheus.CounterVec
	vendors  map[string]Vendor
	lookups  *lookups
}

const wakeSubject = "crmsync.work"

// New makes a Service; nothing runs until Run.
func New(cfg Config) *Service {
	if cfg.Base == 0 {
		cfg.Base = 30 * time.Second
	}
	if cfg.Cap == 0 {
		cfg.Cap = time.Hour
	}
	if cfg.Workers == 0 {
		cfg.Workers = 4
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Poll == 0 {
		cfg.Poll = 2 * time.Second
	}
	if cfg.LookupFor == 0 {
		cfg.LookupFor = 5 * time.Second
	}
	if cfg.Sweep == 0 {
		cfg.Sweep = time.Minute
	}
	s := &Service{cfg: cfg, log: cfg.Log, told: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tandem_crm_requests_total", Help: "Tickets and notes told to CRMs, by kind and result.",
	}, []string{"kind", "result"}), vendors: make(map[string]Vendor), lookups: newLookups()}
	for _, v := range cfg.Vendors {
		s.vendors[v.Name] = v
	}
	s.refusals = prometheus.NewCounter(prometheus.CounterOpts{Name: "tandem_crm_refusals_total", Help: "How often a CRM has begun to refuse its tenant's credentials."})
	s.looked = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_crm_lookups_total", Help: "Callers looked up in CRMs, by what came of it."}, []string{"result"})
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.told, s.refusals, s.looked)
	}
	return s
}

// Run follows the log and empties the outbox until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	follower := events.Follower{Name: "crmsync", DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.log, Types: followed, Handle: s.handle}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := follower.Run(ctx); err != nil {
			s.log.Error("the CRMs no longer hear of calls", "err", err)
		}
	})
	wg.Go(func() { s.lookUp(ctx) })
	s.work(ctx)
	wg.Wait()
	return nil
}

func (s *Service) wake() { s.cfg.Bus.Publish(wakeSubject, nil) }

// followed are the events that handle reads.
var followed = []string{
	"call.queued", "call.connected", "call.ended", "call.wrapped_up", "offer.ended", "recording.expired", "recording.unlinked",
	"action.done", "action.declined", "conversation.closed",
}

// handle turns events into rows of the outbox.
func (s *Service) handle(ctx context.Context, tx *storage.Tx, e events.Event) error {
	switch e.Type {
	case "call.queued":
		var r calls.Record
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return s.malformed(e, err)
		}
		return s.foresee(ctx, tx, e.Tenant, &r)
	case "call.connected":
		var r calls.Record
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return s.malformed(e, err)
		}
		return s.hold(ctx, tx, e.Tenant, &r)
	case "offer.ended": // the agent's wrap-up is over
		return s.release(ctx, tx, e.Tenant, e.Subject)
	case "call.ended":
		var r calls.Record
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return s.malformed(e, err)
		}
		if !r.Ticket && r.Recording == nil {
			return nil
		}
		return s.callEnded(ctx, tx, e, &r)
	case "call.wrapped_up":
		var w calls.WrapUp
		if err := json.Unmarshal(e.Data, &w); err != nil {
			return s.malformed(e, err)
		}
		return s.note(ctx, tx, e, w.Call, wrapUpNote(e.ID, w))
	case "recording.expired":
		var r recording.Event
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return s.malformed(e, err)
		}
		return s.note(ctx, tx, e, r.Call, Note{
			Key: "expired " + r.Recording.String(), Title: "Recording not delivered",
			Body: "The recording of this call could not be delivered in time and has been destroyed.",
		})
	case "action.done", "action.declined":
		var a smartactions.Event
		if err := json.Unmarshal(e.Data, &a); err != nil {
			return s.malformed(e, err)
		}
		return s.answered(ctx, tx, e, a)
	case "conversation.closed":
		var c chat.ConversationClosed
		if err := json.Unmarshal(e.Data, &c); err != nil {
			return s.malformed(e, err)
		}
		return s.conversationClosed(ctx, tx, e, c)
	case "recording.unlinked":
		var r recording.Event
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return s.malformed(e, err)
		}
		return s.again(ctx, tx, e.Tenant, r.Call)
	}
	return nil
}

// malformed passes over an event of our own that cannot be read: a program that is older or newer wrote it. The others must go on.
func (s *Service) malformed(e events.Event, err error) error {
	s.log.Error("an event is not told to the CRM", "event", e.ID, "type", e.Type, "err", err)
	return nil
}

// told is a call as CRMs are told of it.
func told(r *calls.Record) Call {
	c := Call{
		ID: r.ID, Number: r.Number, Caller: r.Caller.Number, CallerName: r.Caller.Name, Queue: r.Queue, QueuePath: r.QueuePath, StartedAt: r.StartedAt,
		Outbound: r.Direction == calls.Outbound, Voicemail: r.Voicemail != nil, Answered: r.ConnectedAt != nil,
	}
	if v := r.Voicemail; v != nil && v.Number != "" {
		c.Caller = v.Number
	}
	if r.Caller.Withheld {
		c.CallerName = ""
	}
	if r.Caller.Withheld && (r.Voicemail == nil || r.Voicemail.Number == "") {
		c.Caller = ""
	}
	return c
}

func (s *Service) callEnded(ctx context.Context, tx *storage.Tx, e events.Event, r *calls.Record) error {
	w, err := readWanted(ctx, tx, e.Tenant)
	if err != nil {
		return err
	}
	if err := s.releaseUnless(ctx, tx, e.Tenant, r.ID); err != nil {
		return err
	}
	if err := s.enqueue(ctx, tx, e.Tenant, r.ID, kindTicket, w.call(r)); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, e.Tenant, r.ID, kindNote, callNote(r, w.records))
}

// note tells something about a call that has a ticket, or is to get one.
func (s *Service) note(ctx context.Context, tx *storage.Tx, e events.Event, call uuid.UUID, n Note) error {
	var known bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM crm_call_tickets WHERE tenant_id = $1 AND call_id = $2)
		OR EXISTS (SELECT FROM crm_outbox WHERE tenant_id = $1 AND call_id = $2)`, e.Tenant, call).Scan(&known)
	if err != nil {
		return fmt.Errorf("look for the call's ticket: %w", err)
	}
	if !known || n.Body == "" {
		return nil
	}
	return s.enqueue(ctx, tx, e.Tenant, call, kindNote, n)
}

// again makes a new ticket for a call whose ticket is gone.
func (s *Service) again(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID) error {
	var c []byte
	err := tx.QueryRow(ctx, `DELETE FROM crm_call_tickets WHERE tenant_id = $1 AND call_id = $2 RETURNING call`, tenant, call).Scan(&c)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // the new ticket is on its way already
	}
	if err != nil {
		return fmt.Errorf("forget the ticket that is gone: %w", err)
	}
	if err := forgetChoice(ctx, tx, tenant, call); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, tenant, call, kindTicket, json.RawMessage(c))
}

func (s *Service) enqueue(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID, kind string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write to the CRM's outbox: %w", err)
	}
	// Callers are told of in order; what follows a call's ticket bears its caller.
	_, err = tx.Exec(ctx, `INSERT INTO crm_outbox (tenant_id, outbox_id, call_id, kind, body, next_try_at, created_at, order_key) SELECT $1, $2, $3, $4::text, $5::jsonb, $6, $6,
			coalesce(CASE WHEN $4 = 'ticket' THEN $5::jsonb->>'caller' END, (SELECT max(order_key) FROM crm_outbox WHERE tenant_id = $1 AND call_id = $3),
				(SELECT call->>'caller' FROM crm_call_tickets WHERE tenant_id = $1 AND call_id = $3), '')
		WHERE NOT EXISTS (SELECT FROM tenants WHERE tenant_id = $1 AND deleted_at IS NOT NULL)`,
		tenant, storage.NewID(), call, kind, b, tx.Now)
	if err != nil {
		return fmt.Errorf("write to the CRM's outbox: %w", err)
	}
	tx.AfterCommit(s.wake)
	return nil
}

// callNote is what a ticket says of its call (R5.1), with the flags and data that are to be told.
func callNote(r *calls.Record, records []string) Note {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	at := func(name string, t *time.Time) {
		if t != nil {
			line(name, t.UTC().Format(time.DateTime)+" UTC")
		}
	}
	line("Direction", string(r.Direction))
	if r.Caller.Withheld {
		line("Caller", "number withheld")
	} else {
		line("Caller", strings.TrimSpace(r.Caller.Name+" "+r.Caller.Number))
	}
	line("Number dialled", r.Number)
	line("Queue", strings.Join(r.QueuePath, " › "))
	line("Agent", r.AgentName)
	at("Started", &r.StartedAt)
	at("Connected", r.ConnectedAt)
	at("Ended", r.EndedAt)
	line("Waited", seconds(r.WaitSeconds))
	line("Talked", seconds(r.TalkSeconds))
	for _, r := range r.Redactions {
		line("Recording paused", seconds(r.FromSecond)+" to "+seconds(r.ToSecond))
	}
	if v := r.Voicemail; v != nil {
		line("Voicemail", seconds(v.Seconds)+", "+map[bool]string{true: "left by after-hours deflection", false: strings.ReplaceAll(string(v.Why), "_", " ")}[v.Why == calls.BecauseClosed])
		line("Number entered", v.Number)
	}
	line("Result", strings.ReplaceAll(string(r.Reason), "_", " "))
	for _, d := range recorded(r, records) {
		line(d.name, d.value)
	}
	line("Virtual agent", r.Summary)
	line("Call", r.ID.String())
	return Note{Key: "call " + r.ID.String(), Title: "Call summary", Body: strings.TrimSpace(b.String())}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func wrapUpNote(event uuid.UUID, w calls.WrapUp) Note {
	var lines []string
	if w.Disposition != "" {
		lines = append(lines, "Disposition: "+w.Disposition)
	}
	if w.Notes != "" {
		lines = append(lines, w.Notes)
	}
	return Note{Key: "wrap-up " + event.String(), Title: "After the call", Body: strings.Join(lines, "\n\n")}
}
