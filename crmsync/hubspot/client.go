package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

func objects(kind string) string { return "/crm/objects/" + version + "/" + kind }

// number is HubSpot's id, which comes as a string here and as a number there.
type number string

var isNumber = regexp.MustCompile(`^[0-9]{1,19}$`)

// UnmarshalJSON takes both.
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(strings.Trim(string(b), `"`))
	if !isNumber.MatchString(string(*n)) {
		return errors.New("an id of HubSpot's is no number")
	}
	return nil
}

var errNoID = &recording.SendError{Class: recording.ClassGone, Err: errors.New("that is no id of a record in HubSpot")}

// object is a record of the CRM.
type object struct {
	ID         number            `json:"id"`
	Properties map[string]string `json:"properties"`
	CreatedAt  time.Time         `json:"createdAt"`
	UpdatedAt  time.Time         `json:"updatedAt"`
}

// UnmarshalJSON drops the properties that are null.
func (o *object) UnmarshalJSON(b []byte) error {
	type plain object
	var raw struct {
		plain
		Properties map[string]*string `json:"properties"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*o = object(raw.plain)
	o.Properties = make(map[string]string)
	for name, value := range raw.Properties {
		if value != nil {
			o.Properties[name] = *value
		}
	}
	return nil
}

// by is the id of the record with a value in a property that is unique, empty when there is none. It is no search: what was written a moment
// ago is found.
func (p *provider) by(ctx context.Context, kind, property, value string) (string, error) {
	var o object
	err := p.JSON(ctx, http.MethodGet, objects(kind)+"/"+url.PathEscape(value)+"?"+url.Values{"idProperty": {property}}.Encode(), nil, &o)
	if isClass(err, recording.ClassGone) || isClass(err, recording.ClassRejected) { // nothing has the value, or there is no such property yet
		return "", nil
	}
	return string(o.ID), err
}

// exists says by ClassGone that there is no such record, or none any more.
func (p *provider) exists(ctx context.Context, kind, id string) error {
	if !isNumber.MatchString(id) {
		return errNoID
	}
	return p.JSON(ctx, http.MethodGet, objects(kind)+"/"+id+"?properties=hs_object_id", nil, nil)
}

// association is HubSpot's own type of a link from a new record to another.
type association int

const (
	ticketToContact association = 16
	noteToTicket    association = 228
)

// create makes a record with a link, and the properties of our own when they are missing.
func (p *provider) create(ctx context.Context, kind string, properties map[string]string, how association, to string) (string, error) {
	body := map[string]any{"properties": properties}
	if to != "" {
		types := []map[string]any{{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": how}}
		body["associations"] = []map[string]any{{"to": map[string]string{"id": to}, "types": types}}
	}
	var made object
	err := p.JSON(ctx, http.MethodPost, objects(kind), body, &made)
	if errors.Is(err, errNoProperty) {
		if err = p.makeProperties(ctx); err == nil {
			err = p.JSON(ctx, http.MethodPost, objects(kind), body, &made)
		}
	}
	if err == nil && made.ID == "" {
		err = &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("HubSpot made a record, but does not say which")}
	}
	return string(made.ID), err
}

// most pages of associations that are read, and records in one batch.
const (
	maxPages = 50
	batch    = 100
)

// linked lists the records of a kind that a record is linked with.
func (p *provider) linked(ctx context.Context, from, id, to string) (ids []string, err error) {
	input := map[string]string{"id": id}
	for range maxPages {
		var page struct {
			Results []struct {
				To []struct {
					ID number `json:"toObjectId"`
				}
				Paging struct{ Next struct{ After string } }
			}
		}
		err := p.JSON(ctx, http.MethodPost, "/crm/associations/"+version+"/"+from+"/"+to+"/batch/read", map[string]any{"inputs": []any{input}}, &page)
		if err != nil {
			return nil, crmsync.AsRetry(err)
		}
		after := ""
		for _, r := range page.Results {
			for _, o := range r.To {
				ids = append(ids, string(o.ID))
			}
			after = r.Paging.Next.After
		}
		if after == "" {
			return ids, nil
		}
		input["after"] = after
	}
	return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the record in HubSpot is linked with too many others")}
}

// read fetches records with some of their properties.
func (p *provider) read(ctx context.Context, kind string, ids []string, properties ...string) (list []object, err error) {
	for len(ids) > 0 {
		n := min(batch, len(ids))
		inputs := make([]map[string]string, n)
		for i, id := range ids[:n] {
			inputs[i] = map[string]string{"id": id}
		}
		ids = ids[n:]
		var page struct{ Results []object }
		if err := p.JSON(ctx, http.MethodPost, objects(kind)+"/batch/read", map[string]any{"inputs": inputs, "properties": properties}, &page); err != nil {
			return nil, crmsync.AsRetry(err)
		}
		list = append(list, page.Results...)
	}
	return list, nil
}

// property is one of HubSpot's, or of our own.
type property struct {
	Name           string `json:"name"`
	HasUniqueValue bool   `json:"hasUniqueValue"`
}

// What we write into records. HubSpot refuses a second record with the value of a unique property, whoever asks.
const (
	itemProperty    = "tandem_item"
	queueProperty   = "tandem_queue"
	contactProperty = "tandem_contact"
)

var properties = []struct {
	object, group, name, label string
	unique                     bool
}{
	{"tickets", "ticketinformation", itemProperty, "Tandem call or conversation", true},
	{"tickets", "ticketinformation", queueProperty, "Tandem queue", false},
	{"contacts", "contactinformation", contactProperty, "Tandem customer", true},
}

// property is nil when there is none of the name.
func (p *provider) property(ctx context.Context, kind, name string) (*property, error) {
	var known property
	err := p.JSON(ctx, http.MethodGet, "/crm/properties/"+version+"/"+kind+"/"+url.PathEscape(name), nil, &known)
	if isClass(err, recording.ClassGone) {
		return nil, nil
	}
	return &known, err
}

func (p *provider) makeProperties(ctx context.Context) error {
	for _, own := range properties {
		known, err := p.property(ctx, own.object, own.name)
		if err != nil {
			return err
		}
		if known != nil {
			continue
		}
		err = p.JSON(ctx, http.MethodPost, "/crm/properties/"+version+"/"+own.object, map[string]any{
			"name": own.name, "label": own.label, "groupName": own.group, "type": "string", "fieldType": "text", "hasUniqueValue": own.unique,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func isClass(err error, class recording.Class) bool {
	var e *recording.SendError
	return errors.As(err, &e) && e.Class == class
}

var errNoProperty = errors.New("a property is missing")

// problem is an answer that is no success.
type problem struct {
	Category   string
	PolicyName string
	Message    string
	Errors     []struct {
		Code    string
		Context struct{ RequiredGranularScopes []string }
	}
}

// code is an error's name inside a message, which has values of customers too.
var code = regexp.MustCompile(`\b[A-Z]+(?:_[A-Z]+)+\b`)

// complaint is HubSpot's codes: its words may repeat what was sent.
func complaint(body []byte) string {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return ""
	}
	words := []string{p.Category, p.PolicyName}
	words = append(words, code.FindAllString(p.Message, 3)...)
	for _, e := range p.Errors {
		words = append(append(words, e.Code), e.Context.RequiredGranularScopes...)
	}
	return strings.Join(words, " ")
}

// How long to wait at a limit that names no time.
const (
	burstPause = 10 * time.Second // TEN_SECONDLY_ROLLING and the searches' own
	dailyPause = time.Hour        // it ends at midnight where the account is
)

// refused sorts failures by the limit that was reached, and tells that a property is missing.
func refused(status int, h http.Header, body []byte, err error) error {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return crmsync.Refused(status, h, err)
	}
	if strings.Contains(p.Message, "PROPERTY_DOESNT_EXIST") {
		err = errors.Join(err, errNoProperty)
	}
	e := crmsync.Refused(status, h, err)
	var known *recording.SendError
	if errors.As(e, &known) && known.Class == recording.ClassThrottled && p.PolicyName != "" {
		pause := burstPause
		if strings.Contains(p.PolicyName, "DAILY") {
			pause = dailyPause
		}
		known.RetryAfter = max(known.RetryAfter, pause)
	}
	return e
}

// quota reads what is left of the day. HubSpot does not say it to apps that are signed in to, which have no daily limit.
func quota(h http.Header) (left, total int, ok bool) {
	left, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Daily-Remaining"))
	total, totalErr := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Daily"))
	return max(0, left), total, err == nil && totalErr == nil && total > 0
}
