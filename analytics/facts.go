// Package analytics turns the event log into facts: what happened in each quarter of an hour in each queue and to each agent, live
// counters, reports and their exports. The log is its only source; docs/reports.md says what each metric means.
package analytics

import (
	"maps"
	"reflect"
	"time"

	"github.com/google/uuid"
)

// quarter is the length of the intervals in which facts are kept. The offset of every time zone in use is a multiple of it.
const quarter = 15 * time.Minute

// QueueCounts are a queue's facts of some time. They add up over intervals and queues, but for LongestWait, which is the greatest.
type QueueCounts struct {
	Offered             int64   `json:"offered"`
	Handled             int64   `json:"handled"`
	HandledInTime       int64   `json:"handled_in_time"`
	Abandoned           int64   `json:"abandoned"`
	AbandonedShort      int64   `json:"abandoned_short"`
	AbandonedInTime     int64   `json:"abandoned_in_time"`
	AbandonedInQueue    int64   `json:"abandoned_in_queue"`
	AbandonedRinging    int64   `json:"abandoned_ringing"`
	AbandonedConnecting int64   `json:"abandoned_connecting"`
	AbandonedInMenu     int64   `json:"abandoned_in_menu"`
	MovedOn             int64   `json:"moved_on"`
	DeflectedWaiting    int64   `json:"deflected_waiting"`
	EndedWaiting        int64   `json:"ended_waiting"`
	Lost                int64   `json:"lost"`
	WaitHandled         float64 `json:"wait_handled_seconds"`
	WaitAbandoned       float64 `json:"wait_abandoned_seconds"`
	LongestWait         float64 `json:"longest_wait_seconds"`
	Completed           int64   `json:"completed"`
	Talk                float64 `json:"talk_seconds"`
	Hold                float64 `json:"hold_seconds"`
	WrapUp              float64 `json:"wrap_up_seconds"`
	Transferred         int64   `json:"transferred"`
	Offers              int64   `json:"offers"`
	Missed              int64   `json:"missed"`
	Declined            int64   `json:"declined"`
	Unreachable         int64   `json:"unreachable"`
	Ring                float64 `json:"ring_seconds"`
	Estimated           int64   `json:"estimated"`
	EstimateError       float64 `json:"estimate_error_seconds"`
	Callbacks           int64   `json:"callbacks"`
	CallbacksConnected  int64   `json:"callbacks_connected"`
	Outbound            int64   `json:"outbound"`
	OutboundConnected   int64   `json:"outbound_connected"`
	OutboundTalk        float64 `json:"outbound_talk_seconds"`
	Voicemails          int64   `json:"voicemails"`
	Deflected           int64   `json:"deflected"`
	DeflectedMessage    int64   `json:"deflected_message"`
	DeflectedVoicemail  int64   `json:"deflected_voicemail"`
	DeflectedQueue      int64   `json:"deflected_queue"`
	DeflectedNumber     int64   `json:"deflected_number"`
	DeflectedCallback   int64   `json:"deflected_callback"`

	Enquiries            int64   `json:"enquiries"`
	MessagesIn           int64   `json:"messages_in"`
	MessagesOut          int64   `json:"messages_out"`
	MessagesFailed       int64   `json:"messages_failed"`
	FirstResponses       int64   `json:"first_responses"`
	FirstResponse        float64 `json:"first_response_seconds"`
	Responses            int64   `json:"responses"`
	Response             float64 `json:"response_seconds"`
	Closed               int64   `json:"conversations_closed"`
	ClosedCustomerSilent int64   `json:"closed_customer_silent"`
	ClosedNeverWrote     int64   `json:"closed_never_wrote"`
	ReturnedAgentSilent  int64   `json:"returned_agent_silent"`
	Resolution           float64 `json:"resolution_seconds"`
	Rated                int64   `json:"rated"`
	Satisfied            int64   `json:"satisfied"`
	Score                int64   `json:"score_sum"`
}

// AgentCounts are an agent's facts of some time; they add up. All are known by queue, but for the times from Login to Barred and those of
// conversations.
type AgentCounts struct {
	Handled     int64   `json:"handled"`
	Completed   int64   `json:"completed"`
	Talk        float64 `json:"talk_seconds"`
	Hold        float64 `json:"hold_seconds"`
	WrapUp      float64 `json:"wrap_up_seconds"`
	Transferred int64   `json:"transferred"`
	Offers      int64   `json:"offers"`
	Missed      int64   `json:"missed"`
	Declined    int64   `json:"declined"`
	Unreachable int64   `json:"unreachable"`
	Ring        float64 `json:"ring_seconds"`
	Login       float64 `json:"login_seconds"`
	Available   float64 `json:"available_seconds"`
	Away        float64 `json:"away_seconds"`
	Busy        float64 `json:"busy_seconds"`
	Productive  float64 `json:"productive_seconds"`
	Ready       float64 `json:"ready_seconds"`
	Handling    float64 `json:"handling_seconds"`
	Barred      float64 `json:"barred_seconds"`

	MessagesOut          int64   `json:"messages_out"`
	FirstResponses       int64   `json:"first_responses"`
	FirstResponse        float64 `json:"first_response_seconds"`
	Responses            int64   `json:"responses"`
	Response             float64 `json:"response_seconds"`
	Closed               int64   `json:"conversations_closed"`
	ClosedCustomerSilent int64   `json:"closed_customer_silent"`
	ReturnedAgentSilent  int64   `json:"returned_agent_silent"`
	Rated                int64   `json:"rated"`
	Satisfied            int64   `json:"satisfied"`
	Score                int64   `json:"score_sum"`
	Conversation         float64 `json:"conversation_seconds"`
	Conversing           float64 `json:"conversing_seconds"`

	Outbound          int64   `json:"outbound"`
	OutboundConnected int64   `json:"outbound_connected"`
	OutboundTalk      float64 `json:"outbound_talk_seconds"`
}

// greatest is the one column of facts that does not add up.
const greatest = "longest_wait_seconds"

// columns are the names of T's facts in the order of its fields.
func columns[T any]() []string {
	t := reflect.TypeFor[T]()
	var names []string
	for i := range t.NumField() {
		if t.Field(i).IsExported() {
			names = append(names, t.Field(i).Tag.Get("json"))
		}
	}
	return names
}

// pointers are the places of T's facts in the order of columns.
func pointers[T any](v *T) []any {
	r := reflect.ValueOf(v).Elem()
	p := make([]any, r.NumField())
	for i := range p {
		p[i] = r.Field(i).Addr().Interface()
	}
	return p
}

// add adds b to a.
func add[T any](a *T, b T) {
	to, from := reflect.ValueOf(a).Elem(), reflect.ValueOf(b)
	for i := range to.NumField() {
		f := to.Field(i)
		switch {
		case f.CanInt():
			f.SetInt(f.Int() + from.Field(i).Int())
		case to.Type().Field(i).Tag.Get("json") == greatest:
			f.SetFloat(max(f.Float(), from.Field(i).Float()))
		default:
			f.SetFloat(f.Float() + from.Field(i).Float())
		}
	}
}

// queueSlot, agentSlot and reasonSlot are the keys of the facts. Start is that of a quarter of an hour, in UTC.
type queueSlot struct {
	tenant, queue uuid.UUID
	start         time.Time
}

type agentSlot struct {
	tenant, agent, queue uuid.UUID
	start                time.Time
}

type reasonSlot struct {
	tenant, agent    uuid.UUID
	start            time.Time
	presence, reason string
}

// facts are what a batch of events adds.
type facts struct {
	queues  map[queueSlot]*QueueCounts
	agents  map[agentSlot]*AgentCounts
	reasons map[reasonSlot]float64
}

func newFacts() *facts {
	return &facts{queues: map[queueSlot]*QueueCounts{}, agents: map[agentSlot]*AgentCounts{}, reasons: map[reasonSlot]float64{}}
}

func (f *facts) queue(tenant, queue uuid.UUID, at time.Time) *QueueCounts {
	k := queueSlot{tenant, queue, slotOf(at)}
	if f.queues[k] == nil {
		f.queues[k] = &QueueCounts{}
	}
	return f.queues[k]
}

func (f *facts) agent(tenant, agent, queue uuid.UUID, at time.Time) *AgentCounts {
	k := agentSlot{tenant, agent, queue, slotOf(at)}
	if f.agents[k] == nil {
		f.agents[k] = &AgentCounts{}
	}
	return f.agents[k]
}

// slotOf is the start of the quarter of an hour that at lies in.
func slotOf(at time.Time) time.Time { return at.UTC().Truncate(quarter) }

// each calls f for every quarter of an hour between from and to with the seconds that lie in it.
func each(from, to time.Time, f func(start time.Time, seconds float64)) {
	for from.Before(to) {
		start := slotOf(from)
		end := start.Add(quarter)
		if end.After(to) {
			end = to
		}
		f(start, end.Sub(from).Seconds())
		from = end
	}
}

// notBefore drops what lies before floor.
func (f *facts) notBefore(floor time.Time) {
	maps.DeleteFunc(f.queues, func(k queueSlot, _ *QueueCounts) bool { return k.start.Before(floor) })
	maps.DeleteFunc(f.agents, func(k agentSlot, _ *AgentCounts) bool { return k.start.Before(floor) })
	maps.DeleteFunc(f.reasons, func(k reasonSlot, _ float64) bool { return k.start.Before(floor) })
}
