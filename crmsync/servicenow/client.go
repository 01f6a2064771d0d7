package servicenow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tandem/recording"
)

// record is a row of any table; all values are text.
type record struct {
	ID          string    `json:"sys_id"`
	Name        string    `json:"name"`
	Title       string    `json:"short_description"`
	Correlation string    `json:"correlation_id"`
	Queue       string    `json:"correlation_display"`
	Active      string    `json:"active"`
	State       string    `json:"state"`
	Updated     timestamp `json:"sys_updated_on"`
	Created     timestamp `json:"sys_created_on"`
	Closed      timestamp `json:"closed_at"`
	Notes       string    `json:"work_notes"`
	FileName    string    `json:"file_name"`
	Size        string    `json:"size_bytes"`
}

// timestamp is a time in ServiceNow's own form, in UTC; empty text is the zero time.
type timestamp struct{ time.Time }

// UnmarshalJSON reads it.
func (t *timestamp) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return err
	}
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		return fmt.Errorf("ServiceNow's time makes no sense")
	}
	t.Time = at
	return nil
}

var sysID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// oldest is the order by which the first row is the one that was made first.
const oldest = "ORDERBYsys_created_on"

// condition is one of an encoded query.
type condition struct{ field, value string }

// safe is a value for a query. A caret separates conditions, and two are one in a value; what begins with javascript: would be run, so no such value is sent.
func safe(value string) (string, error) {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:") || strings.ContainsAny(value, "\r\n") || value == "" {
		return "", &recording.SendError{Class: recording.ClassRejected, Err: errors.New("a value cannot be looked for in ServiceNow")}
	}
	return strings.ReplaceAll(value, "^", "^^"), nil
}

// encoded is a query (sysparm_query): every condition must hold.
func encoded(conditions []condition, order string) (string, error) {
	var parts []string
	for _, c := range conditions {
		value, err := safe(c.value)
		if err != nil {
			return "", err
		}
		parts = append(parts, c.field+"="+value)
	}
	if order != "" {
		parts = append(parts, order)
	}
	return strings.Join(parts, "^"), nil
}

// list asks for the rows of a table for which all conditions hold.
func (p *provider) list(ctx context.Context, table string, where []condition, order string, params url.Values) ([]record, error) {
	path := "/table/" + table
	if table == attachments {
		path = "/attachment"
	}
	query, err := encoded(where, order)
	if err != nil {
		return nil, err
	}
	if query != "" {
		params.Set("sysparm_query", query)
	}
	params.Set("sysparm_exclude_reference_link", "true")
	var a struct {
		Result []record `json:"result"`
	}
	if err := p.JSON(ctx, http.MethodGet, path+"?"+params.Encode(), nil, &a); err != nil {
		return nil, err
	}
	for _, r := range a.Result {
		if !sysID.MatchString(r.ID) {
			return nil, &recording.SendError{Class: recording.ClassRetry, Err: errors.New("ServiceNow's answer has no sys_id")}
		}
	}
	return a.Result, nil
}

// insert makes a row and returns its sys_id.
func (p *provider) insert(ctx context.Context, table string, fields map[string]string) (string, error) {
	var a struct {
		Result record `json:"result"`
	}
	if err := p.JSON(ctx, http.MethodPost, "/table/"+table+"?sysparm_fields=sys_id", fields, &a); err != nil {
		return "", err
	}
	if !sysID.MatchString(a.Result.ID) {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("ServiceNow made a row, but does not say which")}
	}
	return a.Result.ID, nil
}

// complaint is ServiceNow's message; its detail may quote what was sent.
func complaint(b []byte) string {
	var a struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(b, &a) != nil {
		return ""
	}
	return a.Error.Message
}
