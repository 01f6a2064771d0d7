package sip

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// The bounds of a trace: what it may take of memory, and of the patience of those it shows.
const (
	longestTrace   = time.Hour
	tracedDialogs  = 200 // of all tenants, the newest
	tracedMessages = 60  // of one dialog, the first
	tracedBytes    = 4096
)

// trace keeps the messages of the last dialogs of tenants that have it switched on. Numbers, names, credentials and keys are masked before
// anything is kept. It is in memory only. What one node notes of their dialogs it shares with the others, so that each shows all.
type trace struct {
	until func() map[uuid.UUID]time.Time // when those that are switched on end, by tenant
	node  string
	self  uuid.UUID // of this process
	share func(traced)

	mu      sync.Mutex
	dialogs []*TracedDialog // the oldest first
}

// traced is one step of a trace. One thing happened: a message came or went, it is known whose dialog it is, or a tenant's dialogs are to be
// forgotten (no Call-ID). Nodes tell each other of messages of tenants that want them, and of what is to be forgotten.
type traced struct {
	From    uuid.UUID      `json:"from"` // the process
	Node    string         `json:"node"`
	CallID  string         `json:"call_id,omitempty"`
	Message *TracedMessage `json:"message,omitempty"`
	Status  int            `json:"status,omitempty"` // of a final answer
	To      string         `json:"to,omitempty"`     // the method that it answers
	Tenant  uuid.UUID      `json:"tenant,omitzero"`  // of a message: uuid.Nil until it is known whose it is
}

// tracedAt is the bus subject on which nodes share what they trace.
const tracedAt = "sip.traced"

// TracedDialog is one Call-ID on the wire.
type TracedDialog struct {
	ID       string          `json:"id" doc:"the Call-ID"`
	Node     string          `json:"node" doc:"the server that it went through"`
	At       time.Time       `json:"at"`
	Peer     string          `json:"peer" doc:"host:port of the other end, of the first message"`
	Method   string          `json:"method"`
	Status   int             `json:"status,omitempty" doc:"the last final answer to that"`
	Messages []TracedMessage `json:"messages"`

	tenant uuid.UUID // uuid.Nil until it is known whose it is
}

// TracedMessage is a message as it was sent or came, masked.
type TracedMessage struct {
	At    time.Time `json:"at"`
	Out   bool      `json:"out" doc:"sent by us"`
	Peer  string    `json:"peer"`
	First string    `json:"first" doc:"method, or status and reason"`
	Text  string    `json:"text"`
}

// note keeps a message, if anybody wants one.
func (t *trace) note(out bool, msg gosip.Message) {
	now := time.Now()
	if t == nil || !t.anybody(now) || msg.CallID() == nil {
		return
	}
	m := TracedMessage{At: now, Out: out, Peer: msg.Source(), Text: masked(msg.String())}
	if out {
		m.Peer = msg.Destination()
	}
	step := traced{CallID: msg.CallID().Value(), Message: &m}
	switch msg := msg.(type) {
	case *gosip.Request:
		m.First = string(msg.Method)
	case *gosip.Response:
		m.First = fmt.Sprintf("%d %s", msg.StatusCode, quotable(msg.Reason))
		if seq := msg.CSeq(); seq != nil && msg.StatusCode >= 200 {
			step.Status, step.To = msg.StatusCode, string(seq.MethodName)
		}
	}
	t.tell(step)
}

// tell takes a step of this node, and shares what others may know of it.
func (t *trace) tell(step traced) {
	step.From, step.Node = t.self, t.node
	for _, news := range t.take(step) {
		t.share(news)
	}
}

func (d *Directory) shareTrace(step traced) {
	if body, err := json.Marshal(step); err == nil {
		d.bus.Publish(tracedAt, body)
	}
}

// hear takes a step of another node.
func (t *trace) hear(_ string, data []byte) {
	var step traced
	if json.Unmarshal(data, &step) == nil && step.From != t.self {
		t.take(step)
	}
}

// take notes a step, and returns what the other nodes are to know then: nothing of a dialog before it is known that its tenant wants it, for most are of
// tenants that do not.
func (t *trace) take(step traced) (news []traced) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case step.Message != nil:
		d := t.dialog(step.CallID, step.Node)
		d.add(step)
		d.tenant = cmp.Or(d.tenant, step.Tenant)
		if step.Tenant = d.tenant; step.Tenant != uuid.Nil {
			news = []traced{step}
		}
	case step.CallID == "":
		t.dialogs = slices.DeleteFunc(t.dialogs, func(d *TracedDialog) bool { return d.tenant == step.Tenant })
		news = []traced{step}
	case time.Now().Before(t.until()[step.Tenant]):
		if d := t.dialog(step.CallID, step.Node); d.tenant != step.Tenant {
			d.tenant = step.Tenant
			news = d.steps(step.From)
		}
	default:
		t.dialogs = slices.DeleteFunc(t.dialogs, func(d *TracedDialog) bool { return d.ID == step.CallID })
	}
	return news
}

// steps are those that have led here.
func (d *TracedDialog) steps(from uuid.UUID) (list []traced) {
	for _, m := range d.Messages {
		list = append(list, traced{From: from, Node: d.Node, CallID: d.ID, Tenant: d.tenant, Message: &m, Status: d.Status, To: d.Method})
	}
	return list
}

func (d *TracedDialog) add(step traced) {
	m := step.Message
	if len(d.Messages) == 0 {
		d.At, d.Peer, d.Method = m.At, m.Peer, m.First
	}
	if len(d.Messages) < tracedMessages {
		d.Messages = append(d.Messages, *m)
	}
	if step.Status != 0 && step.To == d.Method {
		d.Status = step.Status
	}
}

func (t *trace) anybody(now time.Time) bool {
	for _, until := range t.until() {
		if now.Before(until) {
			return true
		}
	}
	return false
}

// dialog finds a dialog, or begins it; mu is held.
func (t *trace) dialog(callID, node string) *TracedDialog {
	for _, d := range slices.Backward(t.dialogs) {
		if d.ID == callID && d.Node == node {
			return d
		}
	}
	if len(t.dialogs) == tracedDialogs {
		t.dialogs = slices.Delete(t.dialogs, 0, 1)
	}
	d := &TracedDialog{ID: callID, Node: node}
	t.dialogs = append(t.dialogs, d)
	return d
}

// claim says whose dialog it is. Nobody sees one that is nobody's; one of a tenant without a trace is dropped.
func (t *trace) claim(callID string, tenant uuid.UUID) {
	if t != nil && t.anybody(time.Now()) {
		t.tell(traced{CallID: callID, Tenant: tenant})
	}
}

// of are a tenant's dialogs, the newest first.
func (t *trace) of(tenant uuid.UUID) []TracedDialog {
	list := []TracedDialog{}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range slices.Backward(t.dialogs) {
		if d.tenant == tenant && len(d.Messages) > 0 {
			copied := *d
			copied.Messages = slices.Clone(d.Messages)
			list = append(list, copied)
		}
	}
	return list
}

var (
	uriUser     = regexp.MustCompile(`(?i)\b(sips?:|tel:)([^@;>\s,]+)`)
	displayName = regexp.MustCompile(`(?m)^((?:From|To|Contact|f|t|m|P-Asserted-Identity|P-Preferred-Identity|Remote-Party-ID|Diversion|History-Info|Referred-By|Refer-To)\s*:\s*)([^<\r\n]*?)(<)`)
	secretLine  = regexp.MustCompile(`(?im)^((?:Proxy-)?Authorization|User-to-User|X-[^:\r\n]*|Subject|Identity)(\s*:\s*)[^\r\n]*`)
	keyLine     = regexp.MustCompile(`(?im)^(a=(?:crypto:\d+ \S+ inline:|ice-pwd:))[^\r\n]*`)
)

// masked is a message without what names or lets in people: users of URIs but for their last two characters, names, credentials, data of
// the call, keys of media, and any body but a session description.
func masked(msg string) string {
	if len(msg) > tracedBytes {
		msg = msg[:tracedBytes]
	}
	head, body, _ := strings.Cut(msg, "\r\n\r\n")
	head = uriUser.ReplaceAllStringFunc(head, func(s string) string {
		scheme, user, _ := strings.Cut(s, ":")
		return scheme + ":" + hidden(user)
	})
	head = displayName.ReplaceAllStringFunc(head, func(s string) string {
		p := displayName.FindStringSubmatch(s)
		if strings.TrimSpace(p[2]) == "" {
			return s
		}
		return p[1] + `"…" ` + p[3]
	})
	head = secretLine.ReplaceAllString(head, "$1$2…")
	switch {
	case body == "":
		return head
	case !strings.Contains(strings.ToLower(head), "application/sdp"):
		return head + fmt.Sprintf("\r\n\r\n(%d bytes)", len(body))
	}
	return head + "\r\n\r\n" + keyLine.ReplaceAllString(body, "$1…")
}

// hidden leaves the end of a user part to be recognised by. A host without a user is left.
func hidden(user string) string {
	if strings.ContainsAny(user, ".:[") || len(user) <= 4 && !strings.ContainsAny(user, "0123456789") {
		return user
	}
	return strings.Repeat("*", max(len(user)-2, 1)) + user[max(len(user)-2, 1):]
}

// ErrTraceTime refuses a trace that is to last too long.
var ErrTraceTime = fault.New(fault.Invalid, "sip_trace_time", "A trace lasts 1 to 60 minutes; 0 ends it.").WithField("minutes")

// SetTrace keeps a tenant's SIP messages for a time from now on; zero ends that, and what was kept is gone.
func (d *Directory) SetTrace(ctx context.Context, tenant uuid.UUID, lasts time.Duration) error {
	if lasts < 0 || lasts > longestTrace {
		return ErrTraceTime
	}
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sip_traces (tenant_id, until) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until`, tenant, tx.Now.Add(lasts))
		if err != nil {
			return fmt.Errorf("switch the SIP trace: %w", err)
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		return d.log.Append(ctx, tx, "sip_trace.changed", tenant, map[string]any{"minutes": int(lasts / time.Minute)})
	})
	if err != nil {
		return err
	}
	if lasts == 0 {
		d.trace.tell(traced{Tenant: tenant})
	}
	return d.Load(ctx)
}

// Trace returns what is kept of a tenant's SIP messages, the newest dialog first, and until when it keeps more.
func (d *Directory) Trace(ctx context.Context, tenant uuid.UUID) (dialogs []TracedDialog, until time.Time, err error) {
	err = d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT until FROM sip_traces`).Scan(&until)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read the SIP trace: %w", err)
		}
		return nil
	})
	return d.trace.of(tenant), until, err
}

// readTraces says whose messages are kept, and until when.
func (d *Directory) readTraces(ctx context.Context) (until map[uuid.UUID]time.Time, err error) {
	until = map[uuid.UUID]time.Time{}
	err = d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id, until FROM sip_traces WHERE until > $1`, tx.Now)
		if err != nil {
			return err
		}
		var tenant uuid.UUID
		var end time.Time
		_, err = pgx.ForEachRow(rows, []any{&tenant, &end}, func() error { until[tenant] = end; return nil })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which SIP messages are kept: %w", err)
	}
	return until, nil
}
