package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/chat"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// Page is an open page of a visitor. Its visitor changes with what is learnt of them, so one goroutine at a time uses it.
type Page struct {
	Account string
	Visitor Visitor
	Source  netip.Addr
}

// Errors of what pages ask for.
var (
	ErrFrame    = fault.New(fault.Invalid, "unknown_frame", "There is no such frame; reload the page.")
	ErrData     = fault.New(fault.Invalid, "bad_frame", "The frame's data is not what its type needs; reload the page.")
	ErrOften    = fault.New(fault.TooMany, "too_often", "Too many requests; wait a moment.")
	ErrEmpty    = fault.New(fault.Invalid, "message_empty", "Write something, or attach a file.").WithField("text")
	ErrLong     = fault.New(fault.Invalid, "message_too_long", "A message has at most 4,000 characters.").WithField("text")
	ErrFiles    = fault.New(fault.Invalid, "attachment_unknown", "Upload the file again.").WithField("attachments")
	ErrOff      = fault.New(fault.Forbidden, "feature_off", "This widget does not offer that.")
	ErrRating   = fault.New(fault.Invalid, "rating_invalid", "Rate a conversation of yours that has ended, from 1 to 5.")
	errTwice    = fault.New(fault.Conflict, "client_id_used", "Send the message again with another id.").WithField("client_id")
	errNoQueue  = fault.New(fault.Illegal, "schedule_off", "Calls cannot be scheduled here.")
	errNoNumber = fault.New(fault.NotFound, "web_calls_off", "This widget offers no calls.")
)

const (
	messageBurst = 15 // of one visitor, and of an address eight times as many
	messageEach  = 700 * time.Millisecond
	slowBurst    = 6 // what costs more: mails, bookings, tokens
	slowEach     = 20 * time.Second
	maxFiles     = 10
)

// Do does what a page asks for by one frame; the answer has the type and data of the frame to send back, "" for none.
func (s *Service) Do(ctx context.Context, p *Page, typ string, data json.RawMessage) (answer string, out any, err error) {
	switch typ {
	case "ping":
		return "pong", nil, nil
	case "message":
		return s.say(ctx, p, data)
	case "seen":
		return "", nil, s.seen(ctx, p, data)
	case "typing":
		return "", nil, s.typing(ctx, p, data)
	case "attributes":
		return "done", nil, s.attributes(ctx, p, data)
	case "end":
		return "done", nil, s.cfg.Chat.EndBy(ctx, p.Visitor.Tenant, p.Visitor.Account, p.Visitor.Key)
	case "rate":
		return "done", nil, s.rate(ctx, p, data)
	case "slots":
		out, err = s.slots(ctx, p)
		return "slots", out, err
	case "book":
		out, err = s.book(ctx, p, data)
		return "booked", out, err
	case "transcript":
		return "done", nil, s.transcript(ctx, p, data)
	}
	return "", nil, ErrFrame
}

func decode[T any](data json.RawMessage) (d T, err error) {
	if len(data) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, ErrData
	}
	return d, nil
}

// may admits what a visitor does, and what comes from their address.
func (s *Service) may(p *Page, what string, burst int, each time.Duration) error {
	if !s.admit(what, p.Visitor.ID, burst, each) || p.Source.IsValid() && !s.admit(what, network(p.Source), 8*burst, each/8) {
		return ErrOften
	}
	return nil
}

type sayData struct {
	Client      uuid.UUID    `json:"client_id"`
	Text        string       `json:"text"`
	Attachments []uuid.UUID  `json:"attachments"`
	Quote       *uuid.UUID   `json:"quote"`
	Choice      *chat.Chosen `json:"choice"`
}

type sentData struct {
	Client       uuid.UUID `json:"client_id"`
	ID           uuid.UUID `json:"id"`
	Conversation uuid.UUID `json:"conversation_id"`
}

// say takes a message over, once however often it comes: its id is the page's.
func (s *Service) say(ctx context.Context, p *Page, data json.RawMessage) (string, any, error) {
	d, err := decode[sayData](data)
	v := p.Visitor
	switch {
	case err != nil:
		return "", nil, err
	case d.Client == uuid.Nil || len(d.Attachments) > maxFiles:
		return "", nil, ErrData
	case strings.TrimSpace(d.Text) == "" && len(d.Attachments) == 0:
		return "", nil, ErrEmpty
	case utf8.RuneCountInString(d.Text) > maxMessage:
		return "", nil, ErrLong
	}
	if sent, err := s.written(ctx, v, d.Client); err == nil {
		return "sent", sent, nil
	}
	if err := s.may(p, "message", messageBurst, messageEach); err != nil {
		return "", nil, err
	}
	m := chat.Incoming{ID: d.Client.String(), Kind: chat.Text, Text: d.Text, Window: chat.ByMessage}
	if d.Choice != nil {
		m.Kind, m.Body.Choice = chat.Choice, &chat.Chosen{ID: clip(d.Choice.ID, 200), Title: clip(d.Choice.Title, 200)}
	}
	if d.Quote != nil {
		if m.Quote, err = s.cfg.Chat.ExternalOf(ctx, v.Tenant, v.Account, v.Key, *d.Quote); err != nil {
			return "", nil, err
		}
	}
	if m.Media, err = s.media(ctx, v, d.Attachments); err != nil {
		return "", nil, err
	}
	e := chat.Event{Key: d.Client.String(), At: s.cfg.DB.Now(), From: s.person(v), Message: &m}
	if err := s.receive(ctx, v, e); err != nil {
		return "", nil, err
	}
	if err := s.described(ctx, v); err != nil {
		return "", nil, err
	}
	sent, err := s.written(ctx, v, d.Client)
	if errors.Is(err, chat.ErrNoMessage) {
		err = errTwice
	}
	return "sent", sent, err
}

func (s *Service) written(ctx context.Context, v Visitor, client uuid.UUID) (sentData, error) {
	c, m, err := s.cfg.Chat.WrittenBy(ctx, v.Tenant, v.Account, v.Key, client.String())
	return sentData{Client: client, ID: m, Conversation: c}, err
}

func (s *Service) seen(ctx context.Context, p *Page, data json.RawMessage) error {
	d, err := decode[struct {
		Upto uuid.UUID `json:"upto"`
		Read bool      `json:"read"`
	}](data)
	if err != nil {
		return err
	}
	status := chat.StatusDelivered
	if d.Read {
		status = chat.StatusRead
	}
	v := p.Visitor
	return s.cfg.Chat.SeenBy(ctx, v.Tenant, v.Account, v.Key, d.Upto, status)
}

func (s *Service) typing(ctx context.Context, p *Page, data json.RawMessage) error {
	d, err := decode[chat.Typing](data)
	if err != nil {
		return err
	}
	v := p.Visitor
	known, err := s.cfg.Chat.ThreadOf(ctx, v.Tenant, v.Account, v.Key, nil)
	if err != nil || len(known.Conversations) == 0 { // whoever has said nothing is nobody's customer yet
		return err
	}
	return s.receive(ctx, v, chat.Event{From: s.person(v), Typing: &d})
}

type attributesData struct {
	Data  map[string]string `json:"data"`
	Token string            `json:"token"`
}

// attributes keeps what a page says of its visitor, and what a token vouches for: only that can set the flags.
func (s *Service) attributes(ctx context.Context, p *Page, data json.RawMessage) error {
	d, err := decode[attributesData](data)
	if err != nil {
		return err
	}
	if err := s.may(p, "attributes", messageBurst, messageEach); err != nil {
		return err
	}
	return s.Attribute(ctx, p, d.Data, d.Token)
}

// Attribute is what the frame attributes does, for the page's first words.
func (s *Service) Attribute(ctx context.Context, p *Page, said map[string]string, token string) error {
	if err := checkData(said); err != nil {
		return err
	}
	v := &p.Visitor
	add := func(values map[string]string) {
		if v.Data == nil {
			v.Data = map[string]string{}
		}
		for name, value := range values {
			v.Data[name] = value
		}
	}
	add(said)
	if token != "" {
		claims, err := s.cfg.Vouched(ctx, v.Tenant, token)
		if err != nil {
			return err
		}
		if err := checkData(claims.Data); err != nil {
			return err
		}
		add(claims.Data)
		if claims.VerifiedCustomer != nil {
			v.Reserved.VerifiedCustomer = claims.VerifiedCustomer
		}
		if claims.BadActor != nil {
			v.Reserved.BadActor = claims.BadActor
		}
		if claims.RepeatCustomer != nil {
			v.Reserved.RepeatCustomer = claims.RepeatCustomer
		}
	}
	if len(v.Data) > maxData {
		return calls.ErrDataFull
	}
	err := s.cfg.DB.Tenant(ctx, v.Tenant, func(tx *storage.Tx) error { return describeVisitor(ctx, tx, *v) })
	if err != nil {
		return err
	}
	return s.described(ctx, *v)
}

const maxData = 64

func checkData(values map[string]string) error {
	change := calls.DataChange{Data: calls.DataValues{}}
	for name, value := range values {
		change.Data[name] = &value
	}
	return change.Check()
}

// described brings what is known of the visitor to their conversation, where there is one.
func (s *Service) described(ctx context.Context, v Visitor) error {
	if len(v.Data) == 0 && v.Reserved == (calls.Reserved{}) {
		return nil
	}
	return s.cfg.Chat.Describe(ctx, v.Tenant, v.Account, v.Key, v.Data, v.Reserved)
}

func (s *Service) rate(ctx context.Context, p *Page, data json.RawMessage) error {
	d, err := decode[struct {
		Conversation uuid.UUID `json:"conversation"`
		Score        int       `json:"score"`
		Comment      string    `json:"comment"`
	}](data)
	if err != nil {
		return err
	}
	v := p.Visitor
	known, err := s.cfg.Chat.ThreadOf(ctx, v.Tenant, v.Account, v.Key, nil)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(known.Conversations, func(c chat.ThreadConversation) bool { return c.ID == d.Conversation })
	if d.Score < 1 || d.Score > 5 || i < 0 || known.Conversations[i].State != chat.Closed {
		return ErrRating
	}
	comment := strings.ToValidUTF8(strings.ReplaceAll(d.Comment, "\x00", ""), "")
	if r := []rune(comment); len(r) > 1000 {
		comment = string(r[:1000])
	}
	return s.cfg.DB.Tenant(ctx, v.Tenant, func(tx *storage.Tx) error {
		r, err := writeRating(ctx, tx, d.Conversation, d.Score, comment)
		if err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "conversation.rated", d.Conversation, r)
	})
}

type slotsData struct {
	Items []queues.Slot `json:"items"`
}

// queue is where calls can be scheduled.
func (s *Service) queue(ctx context.Context, p *Page) (*widget, uuid.UUID, error) {
	w, err := s.widget(ctx, p.Account)
	switch {
	case err != nil:
		return nil, uuid.Nil, err
	case !w.Settings.Features.Callback:
		return nil, uuid.Nil, ErrOff
	case w.Queue == nil:
		return nil, uuid.Nil, errNoQueue
	}
	return w, *w.Queue, nil
}

func (s *Service) slots(ctx context.Context, p *Page) (slotsData, error) {
	w, queue, err := s.queue(ctx, p)
	if err != nil {
		return slotsData{}, err
	}
	free, err := s.cfg.Queues.Slots(ctx, w.Tenant, queue)
	if free == nil {
		free = []queues.Slot{}
	}
	return slotsData{free}, err
}

func (s *Service) book(ctx context.Context, p *Page, data json.RawMessage) (queues.Slot, error) {
	d, err := decode[struct {
		Slot   time.Time `json:"slot"`
		Number string    `json:"number"`
		Name   string    `json:"name"`
	}](data)
	if err != nil {
		return queues.Slot{}, err
	}
	w, queue, err := s.queue(ctx, p)
	if err != nil {
		return queues.Slot{}, err
	}
	if err := s.may(p, "book", slowBurst, slowEach); err != nil {
		return queues.Slot{}, err
	}
	name := clip(d.Name, 100)
	if name == "" {
		name = p.Visitor.Name
	}
	c, _, err := s.cfg.Queues.ScheduleCallback(ctx, w.Tenant, queues.NewCallback{Queue: queue, Number: d.Number, Name: name, Language: p.Visitor.Language}, d.Slot)
	if err != nil || c.SlotAt == nil {
		return queues.Slot{}, err
	}
	return queues.Slot{At: *c.SlotAt, Until: *c.SlotUntil}, nil
}

// Calling is what a call from a visitor's page carries.
type Calling struct {
	Tenant uuid.UUID
	Number string
	Name   string
	Data   calls.Data
}

// Call says what a call from a widget's page is: to the number of its settings, with what is known of the visitor.
func (s *Service) Call(ctx context.Context, h Hello) (Calling, error) {
	v, err := s.Enter(ctx, h)
	if err != nil {
		return Calling{}, err
	}
	w, err := s.widget(ctx, h.Account)
	if err != nil {
		return Calling{}, err
	}
	if !w.Settings.Features.Call || w.Settings.Number == "" {
		return Calling{}, errNoNumber
	}
	return Calling{Tenant: v.Tenant, Number: w.Settings.Number, Name: v.Name, Data: calls.Data{Data: v.Data, Reserved: v.Reserved}}, nil
}
