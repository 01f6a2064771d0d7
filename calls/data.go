package calls

import (
	"context"
	"maps"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Data is what travels with a call besides its numbers (V1.6): the profile flags, custom data, and what a virtual agent says of the talk.
type Data struct {
	Reserved Reserved `json:"reserved"`
	Data     Headers  `json:"data"`
	Summary  string   `json:"summary,omitempty"`
}

// DataChange changes a call's data. What it does not name stays.
type DataChange struct {
	Reserved Reserved   `json:"reserved,omitempty"`
	Data     DataValues `json:"data,omitempty"`
}

// DataValues are custom data by name; nil removes one.
type DataValues map[string]*string

// HandOver is a virtual agent's word that people are to go on (Q5.1).
type HandOver struct {
	Queue   uuid.UUID `json:"queue,omitempty"`   // uuid.Nil: the one that the bot's queue names
	Summary string    `json:"summary,omitempty"` // what the talk was about, for the agent
	DataChange
}

const (
	maxData        = 64   // values of a call, those of its signalling included
	maxDataValue   = 1024 // bytes
	maxDataSummary = 4000 // bytes
)

var dataName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// Errors of a call's data that people see.
var (
	ErrDataName    = fault.New(fault.Invalid, "data_name_invalid", "Names of data have 1 to 64 letters, digits, dots, dashes or underscores, and do not begin with reserved_.").WithField("data")
	ErrDataValue   = fault.New(fault.Invalid, "data_value_invalid", "A value of data is text of at most 1024 bytes in one line.").WithField("data")
	ErrDataFull    = fault.New(fault.Illegal, "data_full", "A call carries 64 values at most; remove some first.").WithField("data")
	ErrDataSummary = fault.New(fault.Invalid, "data_summary_invalid", "The summary is text of at most 4000 bytes.").WithField("summary")
)

// Check refuses what no call may carry.
func (d DataChange) Check() error {
	if len(d.Data) > maxData {
		return ErrDataFull
	}
	for name, value := range d.Data {
		if !dataName.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "reserved_") {
			return ErrDataName
		}
		if value != nil && (len(*value) > maxDataValue || !utf8.ValidString(*value) || strings.ContainsFunc(*value, unicode.IsControl)) {
			return ErrDataValue
		}
	}
	return nil
}

// Check refuses what no call may carry.
func (h HandOver) Check() error {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if len(h.Summary) > maxDataSummary || !utf8.ValidString(h.Summary) || strings.ContainsFunc(h.Summary, control) {
		return ErrDataSummary
	}
	return h.DataChange.Check()
}

// over returns the flags of r where they are set, else those of before.
func (r Reserved) over(before Reserved) Reserved {
	pick := func(a, b *bool) *bool {
		if a != nil {
			return a
		}
		return b
	}
	return Reserved{
		VerifiedCustomer: pick(r.VerifiedCustomer, before.VerifiedCustomer),
		BadActor:         pick(r.BadActor, before.BadActor),
		RepeatCustomer:   pick(r.RepeatCustomer, before.RepeatCustomer),
	}
}

// Data is what a call carries now.
func (s *Switchboard) Data(ctx context.Context, tenant, id uuid.UUID) (Data, error) {
	row, err := s.Get(ctx, tenant, id)
	if err != nil {
		return Data{}, err
	}
	now := row.data()
	if c, err := s.liveCall(ctx, tenant, id); err == nil {
		// The row may be a moment behind. A call that ends just now has been written, or is being.
		_ = c.ask(ctx, func() *happening { now = c.record.data(); return nil })
	}
	return now, nil
}

func (r *Record) data() Data {
	d := Data{Reserved: r.Reserved, Data: r.Headers, Summary: r.Summary}
	if d.Data == nil {
		d.Data = Headers{}
	}
	return d
}

// ChangeData changes what a live call carries: the agent's card shows it at once, the call record keeps it.
func (s *Switchboard) ChangeData(ctx context.Context, tenant, id uuid.UUID, change DataChange) (Data, error) {
	if err := change.Check(); err != nil {
		return Data{}, err
	}
	c, err := s.liveCall(ctx, tenant, id)
	if err != nil {
		return Data{}, err
	}
	var now Data
	var refused error
	err = c.ask(ctx, func() *happening {
		refused = c.changeData(change)
		now = c.record.data()
		return nil
	})
	if err != nil {
		return Data{}, err
	}
	return now, refused
}

// changeData is ChangeData on the owner's goroutine.
func (c *Call) changeData(change DataChange) error {
	next := make(Headers, len(c.record.Headers)+len(change.Data)) // the journal may still read the old one
	maps.Copy(next, c.record.Headers)
	for name, value := range change.Data {
		if value == nil {
			delete(next, name)
		} else {
			next[name] = *value
		}
	}
	if len(next) > maxData {
		return ErrDataFull
	}
	c.record.Headers = next
	c.record.Reserved = change.Reserved.over(c.record.Reserved)
	c.note("call.data_changed")
	c.showData()
	return nil
}

// dataScreen is a Leg whose user sees what the call carries.
type dataScreen interface{ ShowData(d Data) }

func (c *Call) showData() {
	if s, ok := c.far.(dataScreen); ok {
		s.ShowData(c.record.data())
	}
}

// card is what whoever is called is told of the call.
func (c *Call) card() Card {
	card := Card{
		Number: c.record.Number, Caller: c.record.Caller.Number, Name: c.record.Caller.Name, QueuePath: c.record.QueuePath,
		Reserved: c.record.Reserved, Data: c.record.Headers, Summary: c.record.Summary,
	}
	if c.record.Caller.Withheld {
		card.Caller, card.Name = "", ""
	}
	return card
}
