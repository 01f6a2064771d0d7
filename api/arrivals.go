package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/queues"
)

func (s *Server) arrivalRoutes() []route {
	return []route{
		on(s, "GET", "/queues/transfer-targets", "read:queues", "list-transfer-targets", "The queues to which an agent may transfer a customer now", s.transferTargets),
		on(s, "GET", "/queues/{id}/preview", "read:queues", "preview-queue", "What happens to somebody who comes to a queue at a time, to the end", s.previewQueue),
		on(s, "GET", "/queues/{id}/estimate", "read:queues", "get-queue-estimate", "The estimated wait, and how good the estimates were", s.queueEstimate),
		on(s, "POST", "/hours/holidays", "write:hours", "read-holidays", "Read the holidays of an iCalendar file; nothing is stored", s.readHolidays).upTo(2 << 20),
		on(s, "GET", "/customer/options", public, "get-customer-options", "What a customer's page or app shows for a number or a queue now", s.customerOptions).strangers(),
	}
}

type previewAt struct {
	ByID
	At       time.Time      `query:"at" doc:"an instant; left out: now, with how many wait and who is there"`
	Channel  queues.Channel `query:"channel" maxLength:"50" doc:"ivr, web, mobile, sms or a messaging channel; ivr when left out"`
	Language string         `query:"language" maxLength:"20"`
}

func (s *Server) previewQueue(ctx context.Context, in *previewAt) (*One[queues.Outcome], error) {
	a := queues.Arrival{At: in.At, Channel: in.Channel, Language: in.Language}
	if a.At.IsZero() {
		a.At, a.Crowd = s.DB.Now(), true
	}
	return one(s.Queues.Preview(ctx, tenant(ctx), in.ID, a))
}

func (s *Server) queueEstimate(ctx context.Context, in *ByID) (*One[queues.Estimate], error) {
	return one(s.Queues.Estimate(ctx, tenant(ctx), in.ID))
}

type channelOf struct {
	Channel queues.Channel `query:"channel" maxLength:"50" doc:"of the customer; ivr when left out"`
}

func (s *Server) transferTargets(ctx context.Context, in *channelOf) (*List[queues.TransferTarget], error) {
	return whole(s.Queues.TransferTargets(ctx, tenant(ctx), in.Channel))
}

// CalendarFile is an iCalendar file of holidays.
type CalendarFile struct {
	Calendar string `json:"calendar" maxLength:"1048576" doc:"the text of the .ics file"`
	From     int    `json:"from,omitempty" minimum:"1970" maximum:"9000" doc:"the first year; this one when left out"`
	Years    int    `json:"years,omitempty" minimum:"1" maximum:"20" doc:"for so many years those that come every year are read; 3 when left out"`
}

func (s *Server) readHolidays(_ context.Context, in *With[CalendarFile]) (*One[queues.HolidayImport], error) {
	from, years := in.Body.From, in.Body.Years
	if from == 0 {
		from = s.DB.Now().Year()
	}
	if years == 0 {
		years = 3
	}
	return one(queues.ReadHolidays(in.Body.Calendar, from, years))
}

type customerAsks struct {
	Number     string         `query:"number" maxLength:"40" doc:"which the customer would call; or queue"`
	Queue      string         `query:"queue" maxLength:"36"`
	Channel    queues.Channel `query:"channel" enum:"web,mobile" default:"web"`
	Language   string         `query:"language" maxLength:"20"`
	AppVersion string         `query:"app_version" maxLength:"100" doc:"for the draft of a mail"`
	DeviceType string         `query:"device_type" maxLength:"100" doc:"for the draft of a mail"`
}

var (
	errNoCustomers  = fault.New(fault.NotFound, "customers_off", "This installation takes no calls from customers' pages.")
	errNothingAsked = fault.New(fault.Invalid, "queue_or_number", "Give a number or a queue.").WithField("number")
)

func (s *Server) customerOptions(ctx context.Context, in *customerAsks) (*One[queues.Offering], error) {
	tenant := s.cfg.Customers
	if tenant == uuid.Nil {
		return nil, errNoCustomers
	}
	queue, err := uuid.Parse(in.Queue)
	switch {
	case in.Queue != "" && err != nil:
		return nil, queues.ErrNoQueue
	case in.Queue == "" && in.Number == "":
		return nil, errNothingAsked
	case in.Queue == "":
		n, err := s.Numbers.Lookup(ctx, tenant, in.Number)
		if err != nil {
			return nil, err
		}
		if n.Kind != calls.EntryQueue || n.Queue == nil {
			return one(queues.Offering{Open: true, Call: true, Options: []queues.ClientOption{}}, nil) // a menu or a machine answers
		}
		queue = *n.Queue
	}
	return one(s.Queues.Offering(ctx, tenant, queue, s.DB.Now(), queues.Client{
		Channel: in.Channel, Language: in.Language, AppVersion: in.AppVersion, DeviceType: in.DeviceType,
	}))
}
