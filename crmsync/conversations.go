package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/chat"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/recording"
	"tandem/smartactions"
)

// This file takes conversations to their tickets when they are closed: the transcript, what agents noted, and the files.

// closedJob is the body of kindClosed: what the conversation was when it was closed; it may be open again when the CRM is told.
type closedJob struct {
	Seq         int64            `json:"seq"` // of its last message then
	Reason      chat.CloseReason `json:"reason"`
	Disposition string           `json:"disposition,omitempty"`
	Opened      time.Time        `json:"opened_at"`
	Closed      time.Time        `json:"closed_at"`
}

// conversationClosed lets a conversation be told whose queue asks for tickets, or to which somebody has linked one, if anything was said.
func (s *Service) conversationClosed(ctx context.Context, tx *storage.Tx, e events.Event, c chat.ConversationClosed) error {
	said := c.More.Customer != nil || c.More.Answered != nil
	if c.More.Ticket == nil && !(c.More.CRM && said) {
		return nil
	}
	return s.enqueue(ctx, tx, e.Tenant, c.Conversation, kindClosed, closedJob{
		Seq: c.More.LastSeq, Reason: c.Reason, Disposition: c.More.Disposed, Opened: c.More.Opened, Closed: e.At,
	})
}

// closed tells of a conversation all that was not told before. Its files follow one by one.
func (s *Service) closed(ctx context.Context, j job) (after, error) {
	var body closedJob
	if err := json.Unmarshal(j.Body, &body); err != nil {
		return nil, &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	told, records, err := s.toldOf(ctx, j)
	if err != nil {
		return nil, err
	}
	c, err := s.cfg.Chat.Transcript(ctx, j.Tenant, j.Item, told)
	if errors.Is(err, chat.ErrNoConversation) {
		return nil, nil // there is nothing left to tell
	}
	if err != nil {
		return nil, err
	}
	for i, m := range c.Messages {
		if m.Seq > body.Seq { // said since it was opened again
			c.Messages = c.Messages[:i]
			break
		}
	}
	actions, err := s.cfg.Actions.Of(ctx, j.Tenant, smartactions.OnConversation, j.Item)
	if err != nil {
		return nil, err
	}
	t := transcript{c: &c, closed: body, actions: actions, records: recorded(&calls.Record{Reserved: c.Reserved, Headers: c.Data}, records)}
	p, ticket, err := s.conversationTicket(ctx, j, &c)
	if err == nil {
		err = t.write(ctx, p, ticket)
	}
	if class(err) == recording.ClassGone {
		return nil, &recording.SendError{Class: recording.ClassRetry, Err: errors.Join(err, s.forgetTicket(ctx, j))}
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *storage.Tx) error { return s.toldUntil(ctx, tx, j, body.Seq, t.files()) }, nil
}

// toldOf is how far a conversation was told before, and which data of it are to be told.
func (s *Service) toldOf(ctx context.Context, j job) (seq int64, records []string, err error) {
	err = s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT told_seq FROM crm_call_tickets WHERE call_id = $1`, j.Item).Scan(&seq)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read how far a conversation was told: %w", err)
		}
		w, err := readWanted(ctx, tx, j.Tenant)
		records = w.records
		return err
	})
	return seq, records, err
}

func (s *Service) toldUntil(ctx context.Context, tx *storage.Tx, j job, seq int64, files []mediaJob) error {
	if _, err := tx.Exec(ctx, `UPDATE crm_call_tickets SET told_seq = greatest(told_seq, $3) WHERE tenant_id = $1 AND call_id = $2`, j.Tenant, j.Item, seq); err != nil {
		return fmt.Errorf("note how far a conversation was told: %w", err)
	}
	for _, f := range files {
		if err := s.enqueue(ctx, tx, j.Tenant, j.Item, kindMedia, f); err != nil {
			return err
		}
	}
	return nil
}

// conversationTicket is the ticket that somebody has linked to a conversation, or else its own, made when there is none.
func (s *Service) conversationTicket(ctx context.Context, j job, c *chat.Transcript) (Provider, string, error) {
	if c.Ticket != nil {
		return s.keepTicket(ctx, j, Own, c.Ticket.String(), c)
	}
	ref, err := s.TicketOf(ctx, j.Tenant, j.Item)
	if err != nil {
		return nil, "", err
	}
	if ref != "" {
		return s.on(ctx, j.Tenant, ref)
	}
	p, conn, err := s.provider(ctx, j.Tenant)
	if err != nil {
		return nil, "", err
	}
	m := conversationMatter(c)
	m.Fields = conn.fields(conversationFacts(c))
	ticket, err := choose(ctx, p, conn, m)
	if err != nil {
		return nil, "", err
	}
	if conn.Provider == Own {
		id, err := uuid.Parse(ticket)
		if err != nil {
			return nil, "", fmt.Errorf("read the id of a ticket of our own: %w", err)
		}
		if id, err = s.cfg.Chat.LinkTicket(ctx, j.Tenant, j.Item, id); err != nil {
			return nil, "", err
		}
		ticket = id.String()
	}
	return s.keepTicket(ctx, j, conn.Provider, ticket, c)
}

// keepTicket notes which ticket a conversation has.
func (s *Service) keepTicket(ctx context.Context, j job, provider, ticket string, c *chat.Transcript) (Provider, string, error) {
	matter, err := json.Marshal(conversationMatter(c))
	if err != nil {
		return nil, "", fmt.Errorf("write of a conversation: %w", err)
	}
	err = s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO crm_call_tickets (tenant_id, call_id, provider, ticket, call, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant_id, call_id) DO UPDATE SET provider = excluded.provider, ticket = excluded.ticket`, j.Tenant, j.Item, provider, ticket, matter, tx.Now)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("note the conversation's ticket: %w", err)
	}
	return s.on(ctx, j.Tenant, provider+":"+ticket)
}

// forgetTicket lets a conversation have another ticket, because its own is gone.
func (s *Service) forgetTicket(ctx context.Context, j job) error {
	err := s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM crm_call_tickets WHERE call_id = $1`, j.Item)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the ticket that is gone: %w", err)
	}
	return s.cfg.Chat.SetTicket(ctx, j.Tenant, j.Item, uuid.Nil)
}

// conversationTicketNow is the ticket of a conversation that may still go on; nil when it is to have none.
func (s *Service) conversationTicketNow(ctx context.Context, j job) (Provider, string, error) {
	c, err := s.cfg.Chat.Transcript(ctx, j.Tenant, j.Item, math.MaxInt64)
	if err != nil {
		return nil, "", forgotten(err)
	}
	if !c.WantsTicket && c.Ticket == nil {
		ref, err := s.TicketOf(ctx, j.Tenant, j.Item)
		if err != nil || ref == "" {
			return nil, "", err
		}
	}
	return s.conversationTicket(ctx, j, &c)
}

// conversationMatter is a conversation as the matter of a ticket. Of visitors without a login there is nothing but the name and id that we
// have given them.
func conversationMatter(c *chat.Transcript) Matter {
	id := c.Person.ID
	if id == "" {
		id = c.Person.Alias
	}
	m := Matter{
		Customer: Customer{Item: c.ID, Channel: string(c.Channel), Account: c.Account.Name, Identity: id, Name: who(c), Phone: c.Person.Phone, Contact: c.Contact},
		Title:    channelName(c.Channel) + " conversation with " + who(c), Words: "A conversation on " + channelName(c.Channel) + ".", Queue: c.Queue,
		Answered: slices.ContainsFunc(c.Messages, func(m chat.Message) bool { return m.Direction == chat.Out && m.Author == chat.ByAgent }),
	}
	if n := len(c.QueuePath); n > 0 {
		m.Title += " – " + c.QueuePath[n-1]
	}
	return m
}

// conversationFacts are what is said of a conversation.
func conversationFacts(c *chat.Transcript) map[string]string {
	facts := map[string]string{
		FactNumber: c.Account.Name, FactCaller: c.Person.Phone, FactCallerName: who(c), FactQueuePath: strings.Join(c.QueuePath, " › "), FactAgent: c.OwnerName,
		FactDirection: string(c.Channel),
	}
	if n := len(c.QueuePath); n > 0 {
		facts[FactQueue] = c.QueuePath[n-1]
	}
	for name, value := range c.Data {
		facts[FactHeader+name] = value
	}
	return facts
}

// mediaJob is the body of kindMedia.
type mediaJob struct {
	Attachment uuid.UUID `json:"attachment"`
	Name       string    `json:"name"` // on the ticket
	Note       string    `json:"note"`
}

// media brings a file of a conversation to its ticket. One that never came, or was taken back, is not missed.
func (s *Service) media(ctx context.Context, j job) error {
	var body mediaJob
	if err := json.Unmarshal(j.Body, &body); err != nil {
		return &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	ref, err := s.TicketOf(ctx, j.Tenant, j.Item)
	if err != nil {
		return err
	}
	p, ticket, err := s.on(ctx, j.Tenant, ref)
	if err != nil {
		return err
	}
	f, err := s.cfg.Chat.File(ctx, j.Tenant, body.Attachment)
	if errors.Is(err, chat.ErrFilePending) {
		return &recording.SendError{Class: recording.ClassRetry, Err: err}
	}
	if err != nil {
		return forgotten(err)
	}
	defer f.Close()
	return attachOnce(ctx, p, ticket, File{Name: body.Name, ContentType: harmless(f.Attachment.ContentType), Size: f.Attachment.Bytes, Note: body.Note}, f)
}

// harmless is a file's type where a browser that opens it can do nothing with it but show it.
func harmless(contentType string) string {
	kind, _, _ := strings.Cut(contentType, "/")
	switch {
	case kind == "audio", kind == "video", kind == "image" && !strings.Contains(contentType, "svg"), contentType == "application/pdf":
		return contentType
	}
	return "application/octet-stream"
}

// longestName in bytes leaves room for what makes a name unique.
const longestName = 150

// fileName is a file's name on a ticket: its own, with a part of its id, because customers send many an image.jpg.
func fileName(a chat.Attachment) string {
	ext := path.Ext(a.Name)
	if len(ext) > 12 {
		ext = ""
	}
	base := strings.NewReplacer("/", "_", `\`, "_", "\x00", "").Replace(strings.TrimSuffix(a.Name, ext))
	for len(base) > longestName {
		_, n := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-n]
	}
	if base == "" {
		base = string(a.Kind)
	}
	return base + "_" + part(a.ID) + ext
}

// part is a part of an id that tells it from others.
func part(id uuid.UUID) string { return id.String()[28:] }
