package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
)

func (s *Server) callbackRoutes() []route {
	return []route{
		on(s, "GET", "/callbacks", "read:callbacks", "list-callbacks", "Who is to be called, the newest first", s.listCallbacks),
		on(s, "POST", "/callbacks", "write:callbacks", "add-callback", "Have somebody called: at their turn, or in a slot", s.addCallback),
		on(s, "GET", "/callbacks/{id}", "read:callbacks", "get-callback", "One callback", s.getCallback),
		on(s, "PUT", "/callbacks/{id}/slot", "write:callbacks", "move-callback", "Move a scheduled call to another slot", s.moveCallback),
		on(s, "DELETE", "/callbacks/{id}", "write:callbacks", "cancel-callback", "Cancel a callback", s.cancelCallback),
		on(s, "GET", "/queues/{id}/slots", "read:queues", "list-slots", "Free slots of a queue; none where calls cannot be scheduled", s.listSlots),
		on(s, "GET", "/customer/slots", public, "list-customer-slots", "Free slots, for a customer's page or app", s.customerSlots).strangers(),
		on(s, "POST", "/customer/callbacks", public, "add-customer-callback", "Schedule a call, as a customer", s.customerBooks).strangers(),
		on(s, "GET", "/customer/callback", public, "get-customer-callback", "The scheduled call that a token opens", s.customerCallback).strangers(),
		on(s, "PUT", "/customer/callback", public, "move-customer-callback", "Move it to another slot", s.customerMoves).strangers(),
		on(s, "DELETE", "/customer/callback", public, "cancel-customer-callback", "Cancel it", s.customerCancels).strangers(),
	}
}

// served returns the queues that the scope reaches: for a team those where its members serve. all: every one.
func (s *Server) served(ctx context.Context) (queues, people []uuid.UUID, all bool, err error) {
	people, all, err = s.Auth.Within(ctx, scope(ctx))
	if err != nil || all {
		return nil, nil, all, err
	}
	queues, err = s.Queues.ServedBy(ctx, tenant(ctx), people)
	return queues, people, false, err
}

type callbackFilter struct {
	Paging
	Open bool `query:"open" doc:"only those that are not over"`
}

func (s *Server) listCallbacks(ctx context.Context, in *callbackFilter) (*List[queues.Callback], error) {
	f := queues.CallbackFilter{Open: in.Open, Limit: in.Limit + 1}
	served, _, all, err := s.served(ctx)
	if err != nil {
		return nil, err
	}
	if !all {
		f.Queues, f.By = append([]uuid.UUID{}, served...), auth.From(ctx).User
	}
	if f.Before, err = in.after(); err != nil {
		return nil, err
	}
	rows, err := s.Queues.Callbacks(ctx, tenant(ctx), f)
	return page(rows, in.Limit, func(c queues.Callback) uuid.UUID { return c.ID }, err)
}

// callback returns a callback within reach, else ErrNoCallback.
func (s *Server) callback(ctx context.Context, id uuid.UUID) (queues.Callback, error) {
	c, err := s.Queues.Callback(ctx, tenant(ctx), id)
	if err != nil {
		return c, err
	}
	served, _, all, err := s.served(ctx)
	if err == nil && !all && !slices.Contains(served, c.Queue) && (c.By == nil || *c.By != auth.From(ctx).User) {
		err = queues.ErrNoCallback
	}
	return c, err
}

func (s *Server) getCallback(ctx context.Context, in *ByID) (*One[queues.Callback], error) {
	return one(s.callback(ctx, in.ID))
}

// CallbackInput is somebody to be called.
type CallbackInput struct {
	Queue    uuid.UUID  `json:"queue_id" format:"uuid"`
	Number   string     `json:"number" minLength:"3" maxLength:"40"`
	Name     string     `json:"name,omitempty" maxLength:"200"`
	Note     string     `json:"note,omitempty" maxLength:"1000" doc:"what it is about"`
	Priority int        `json:"priority,omitempty" minimum:"-1000" maximum:"1000"`
	Slot     *time.Time `json:"slot,omitempty" doc:"the start of a free slot; left out: at their turn"`
}

func (s *Server) addCallback(ctx context.Context, in *With[CallbackInput]) (*One[queues.Callback], error) {
	b := in.Body
	if err := s.knownQueue(ctx, b.Queue); err != nil {
		return nil, err
	}
	if err := s.wayOut(ctx, tenant(ctx), b.Number); err != nil {
		return nil, err
	}
	n := queues.NewCallback{Queue: b.Queue, Number: b.Number, Name: b.Name, Note: b.Note, Priority: b.Priority, By: auth.From(ctx).User}
	if b.Slot != nil {
		c, _, err := s.Queues.ScheduleCallback(ctx, tenant(ctx), n, *b.Slot)
		return one(c, err)
	}
	return one(s.Queues.RequestCallback(ctx, tenant(ctx), n))
}

// wayOut refuses what needs a telephone network where there is none.
func (s *Server) wayOut(ctx context.Context, tenant uuid.UUID, number string) error {
	if number == "" {
		return nil
	}
	_, err := s.Trunks.Outbound(ctx, tenant)
	return err
}

var errCallerID = fault.New(fault.Invalid, "caller_id_foreign", "Customers can be shown one of your own numbers only; add it under Numbers first.").WithField("outbound")

// reachable refuses settings that call numbers outside, or customers back, where no trunk takes such calls; foreign prompts of boxes; and foreign numbers
// as caller ids.
func (s *Server) reachable(ctx context.Context, own queues.OwnSettings) error {
	if b := own.Voicemail; b != nil {
		for _, p := range []queues.Prompt{b.Greeting, b.Withheld, b.EnterNumber, b.Accepted} {
			if err := s.knownPrompt(ctx, p.ID); err != nil {
				return err
			}
		}
	}
	if o := own.Outbound; o != nil && o.CallerID != "" {
		switch _, err := s.Numbers.Lookup(ctx, tenant(ctx), o.CallerID); {
		case errors.Is(err, calls.ErrNumberNotFound):
			return errCallerID.Because(err)
		case err != nil:
			return err
		}
	}
	numbers, back := own.CallsOut()
	for _, n := range numbers {
		_, err := s.Numbers.Lookup(ctx, tenant(ctx), n)
		if err != nil && !errors.Is(err, calls.ErrNumberNotFound) {
			return err
		}
		back = back || err != nil
	}
	if !back {
		return nil
	}
	_, err := s.Trunks.Outbound(ctx, tenant(ctx))
	return err
}

// SlotChoice is a slot by its start.
type SlotChoice struct {
	Slot time.Time `json:"slot"`
}

func (s *Server) moveCallback(ctx context.Context, in *Change[SlotChoice]) (*One[queues.Callback], error) {
	if _, err := s.callback(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Queues.RescheduleCallback(ctx, tenant(ctx), in.ID, in.Body.Slot))
}

func (s *Server) cancelCallback(ctx context.Context, in *ByID) (*Nothing, error) {
	if _, err := s.callback(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.CancelCallback(ctx, tenant(ctx), in.ID, "by_person"))
}

func (s *Server) listSlots(ctx context.Context, in *ByID) (*List[queues.Slot], error) {
	return whole(s.Queues.Slots(ctx, tenant(ctx), in.ID))
}

type customerWants struct {
	Number string `query:"number" maxLength:"40" doc:"which the customer would call; or queue"`
	Queue  string `query:"queue" maxLength:"36"`
}

// customerQueue is the queue that a customer means, of the tenant whose pages may ask.
func (s *Server) customerQueue(ctx context.Context, w customerWants) (uuid.UUID, error) {
	switch {
	case s.cfg.Customers == uuid.Nil:
		return uuid.Nil, errNoCustomers
	case w.Queue != "":
		id, err := uuid.Parse(w.Queue)
		if err == nil {
			_, err = s.Queues.Queue(ctx, s.cfg.Customers, id)
		}
		if err != nil {
			return uuid.Nil, queues.ErrNoQueue
		}
		return id, nil
	case w.Number == "":
		return uuid.Nil, errNothingAsked
	}
	n, err := s.Numbers.Lookup(ctx, s.cfg.Customers, w.Number)
	if err == nil && (n.Kind != calls.EntryQueue || n.Queue == nil) {
		err = queues.ErrNoSchedule
	}
	if err != nil {
		return uuid.Nil, err
	}
	return *n.Queue, nil
}

func (s *Server) customerSlots(ctx context.Context, in *customerWants) (*List[queues.Slot], error) {
	queue, err := s.customerQueue(ctx, *in)
	if err != nil {
		return nil, err
	}
	return whole(s.Queues.Slots(ctx, s.cfg.Customers, queue))
}

// CustomerBooking is a call that a customer schedules.
type CustomerBooking struct {
	To     string    `json:"to,omitempty" maxLength:"40" doc:"the number that the customer would call; or queue"`
	Queue  string    `json:"queue,omitempty" maxLength:"36"`
	Number string    `json:"number" minLength:"3" maxLength:"40" doc:"at which to call the customer"`
	Name   string    `json:"name,omitempty" maxLength:"200"`
	Note   string    `json:"note,omitempty" maxLength:"1000"`
	Slot   time.Time `json:"slot"`
}

// CustomerCallback is a scheduled call as its customer sees it.
type CustomerCallback struct {
	State  queues.CallbackState `json:"state" enum:"scheduled,waiting,dialing,done,given_up,cancelled"`
	Queue  uuid.UUID            `json:"queue_id"`
	At     time.Time            `json:"at"`
	Until  time.Time            `json:"until"`
	Number string               `json:"number"`
	Token  string               `json:"token,omitempty" doc:"lets its owner change or cancel the call; shown once"`
}

func customerView(c queues.Callback, token string) CustomerCallback {
	v := CustomerCallback{State: c.State, Queue: c.Queue, Number: c.Number, Token: token}
	if c.SlotAt != nil {
		v.At, v.Until = *c.SlotAt, *c.SlotUntil
	}
	return v
}

func (s *Server) customerBooks(ctx context.Context, in *With[CustomerBooking]) (*One[CustomerCallback], error) {
	b := in.Body
	queue, err := s.customerQueue(ctx, customerWants{b.To, b.Queue})
	if err != nil {
		return nil, err
	}
	if err := s.wayOut(ctx, s.cfg.Customers, b.Number); err != nil {
		return nil, queues.ErrNoSchedule.Because(err)
	}
	c, token, err := s.Queues.ScheduleCallback(ctx, s.cfg.Customers, queues.NewCallback{Queue: queue, Number: b.Number, Name: b.Name, Note: b.Note}, b.Slot)
	return one(customerView(c, token), err)
}

// CustomerToken opens one scheduled call. It goes as a header: addresses are logged, and remembered by browsers.
type CustomerToken struct {
	Token string `header:"Callback-Token" maxLength:"100" required:"true"`
}

func (s *Server) ofToken(ctx context.Context, t CustomerToken) (queues.Callback, error) {
	if s.cfg.Customers == uuid.Nil {
		return queues.Callback{}, errNoCustomers
	}
	c, err := s.Queues.CallbackByToken(ctx, t.Token)
	if fault.KindOf(err) == fault.NotFound || err == nil && c.Tenant != s.cfg.Customers {
		return c, queues.ErrNoCallback
	}
	return c, err
}

func (s *Server) customerCallback(ctx context.Context, in *CustomerToken) (*One[CustomerCallback], error) {
	c, err := s.ofToken(ctx, *in)
	return one(customerView(c, ""), err)
}

type customerMove struct {
	CustomerToken
	Body SlotChoice
}

func (s *Server) customerMoves(ctx context.Context, in *customerMove) (*One[CustomerCallback], error) {
	c, err := s.ofToken(ctx, in.CustomerToken)
	if err != nil {
		return nil, err
	}
	c, err = s.Queues.RescheduleCallback(ctx, c.Tenant, c.ID, in.Body.Slot)
	return one(customerView(c, ""), err)
}

func (s *Server) customerCancels(ctx context.Context, in *CustomerToken) (*Nothing, error) {
	c, err := s.ofToken(ctx, *in)
	if err != nil {
		return nil, err
	}
	return nothing(s.Queues.CancelCallback(ctx, c.Tenant, c.ID, "by_customer"))
}
