package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/internal/fault"
)

// Access says where a number leads by who calls (V1.5): the first route that fits, else what the lookup answers, else the number's own target.
type Access struct {
	Routes []Route `json:"routes,omitempty"`
	Lookup *Lookup `json:"lookup,omitempty"`
}

// Route is a direct way into a queue for some callers. What is given must all fit.
type Route struct {
	Tag    string    `json:"tag,omitempty"`           // of the caller's contact: the customer segment
	Prefix string    `json:"caller_prefix,omitempty"` // of the caller's number
	Field  string    `json:"field,omitempty"`         // of the data that came with the call
	Value  string    `json:"value,omitempty"`         // which it must have
	Queue  uuid.UUID `json:"queue_id"`
}

// Lookup asks an outside service about the caller: POST {call_id, number, caller, data}, answered by {queue_id, tag, data}. It has 300 ms;
// an answer that is late, or none, changes nothing.
type Lookup struct {
	URL string `json:"url"`
}

const (
	maxRoutes       = 50
	lookupTime      = 300 * time.Millisecond // V1.5
	maxLookupAnswer = 16 << 10
)

// Tags tells the tags of the contact who has a telephone number; none for an unknown one.
type Tags func(ctx context.Context, tenant uuid.UUID, caller string) ([]string, error)

// finder finds the entry of a call.
type finder struct {
	tags   Tags
	client *http.Client
}

func (a Access) check(private bool) error {
	if len(a.Routes) > maxRoutes {
		return fault.Newf(fault.Invalid, "routes_too_many", "A number has at most %d routes.", maxRoutes).WithField("access")
	}
	for _, r := range a.Routes {
		switch {
		case r.Tag == "" && r.Prefix == "" && r.Field == "":
			return fault.New(fault.Invalid, "route_empty", "Say whom the route is for: a tag, the beginning of the caller's number, or a field of the call's data.").WithField("access")
		case r.Queue == uuid.Nil:
			return fault.New(fault.Invalid, "route_queue", "Choose the queue that the route leads to.").WithField("access")
		}
	}
	if a.Lookup == nil {
		return nil
	}
	u, err := url.Parse(a.Lookup.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !private) || len(a.Lookup.URL) > 500 {
		return fault.New(fault.Invalid, "lookup_url", "The lookup's address is like https://crm.example.com/lookup.").WithField("access")
	}
	if !private && !egress.PublicName(u.Hostname()) {
		return fault.New(fault.Invalid, "lookup_private",
			"This address is inside the server's own network; use one that the public reaches, or allow private ones by egress.private in the configuration.").WithField("access")
	}
	return nil
}

// direct changes an entry into the queue that this caller goes to directly, where there is one.
func (c *Call) direct(ctx context.Context, n *Number) {
	if len(n.Access.Routes) == 0 && n.Access.Lookup == nil {
		return
	}
	q := c.route(ctx, *n)
	if q == uuid.Nil {
		return
	}
	if _, err := c.sb.queues.Plan(ctx, c.record.Tenant, q, c.channel(), ""); err != nil {
		c.log.Error("a direct way leads to a queue that takes no calls; the call goes where its number leads", "number", n.ID, "err", err)
		return
	}
	n.Kind, n.Queue = EntryQueue, &q
}

// route returns the queue that a call goes to directly; uuid.Nil: where its number leads.
func (c *Call) route(ctx context.Context, n Number) uuid.UUID {
	var tags []string
	if slices.ContainsFunc(n.Access.Routes, func(r Route) bool { return r.Tag != "" }) && c.record.Caller.Number != "" {
		var err error
		if tags, err = c.sb.find.tags(ctx, c.record.Tenant, c.record.Caller.Number); err != nil {
			c.log.Error("the caller's tags could not be read; routes by tag are passed over", "err", err)
		}
	}
	if q := c.fitting(n.Access.Routes, tags); q != uuid.Nil {
		return q
	}
	if n.Access.Lookup == nil {
		return uuid.Nil
	}
	found, err := c.sb.find.ask(ctx, c, n)
	if err != nil {
		c.sb.metrics.lookups.WithLabelValues("failed").Inc()
		c.log.Warn("a lookup gave no answer; the call goes where its number leads", "number", n.ID, "err", err)
		return uuid.Nil
	}
	c.sb.metrics.lookups.WithLabelValues("answered").Inc()
	c.learn(n, found.Data)
	if found.Tag != "" {
		if q := c.fitting(n.Access.Routes, []string{found.Tag}); q != uuid.Nil {
			return q
		}
	}
	return found.Queue
}

// learn takes the data that a lookup gave.
func (c *Call) learn(n Number, data DataValues) {
	if len(data) == 0 {
		return
	}
	change := DataChange{Data: data}
	err := change.Check()
	if err == nil {
		err = c.changeData(change)
	}
	if err != nil {
		c.log.Warn("a lookup's data is not taken", "number", n.ID, "err", err)
	}
}

func (c *Call) fitting(routes []Route, tags []string) uuid.UUID {
	for _, r := range routes {
		if r.Tag != "" && !slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, r.Tag) }) ||
			r.Prefix != "" && (c.record.Caller.Withheld || !strings.HasPrefix(c.record.Caller.Number, r.Prefix)) ||
			r.Field != "" && c.record.Headers[strings.ToLower(r.Field)] != r.Value {
			continue
		}
		return r.Queue
	}
	return uuid.Nil
}

// lookupAnswer is what an outside service says of a caller.
type lookupAnswer struct {
	Queue uuid.UUID  `json:"queue_id"`
	Tag   string     `json:"tag"`
	Data  DataValues `json:"data"`
}

func (f finder) ask(ctx context.Context, c *Call, n Number) (found lookupAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	caller := c.record.Caller.Number
	if c.record.Caller.Withheld {
		caller = ""
	}
	body, err := json.Marshal(map[string]any{"call_id": c.record.ID, "number": c.record.Number, "caller": caller, "data": c.record.Headers})
	if err != nil {
		return found, fmt.Errorf("write a lookup: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Access.Lookup.URL, bytes.NewReader(body))
	if err != nil {
		return found, fmt.Errorf("make a lookup: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return found, fmt.Errorf("look the caller up: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotFound {
		return found, nil // the service does not know the caller
	}
	if res.StatusCode != http.StatusOK {
		return found, fmt.Errorf("look the caller up: status %d", res.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxLookupAnswer)).Decode(&found); err != nil {
		return found, fmt.Errorf("read a lookup's answer: %w", err)
	}
	return found, nil
}
