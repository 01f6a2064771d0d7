package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

const (
	data     = "/services/data/" + version
	sobjects = data + "/sobjects/"
)

// recordID is an id of 15 or 18 characters.
var recordID = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)

var errNoID = errors.New("that is no id of a record in Salesforce")

// record is the address of a record; ClassGone for what no record is called.
func record(object, id string) (string, error) {
	if !recordID.MatchString(id) {
		return "", &recording.SendError{Class: recording.ClassGone, Err: errNoID}
	}
	return sobjects + object + "/" + id, nil
}

// exists says by ClassGone that there is no such case, or none any more.
func (p *provider) exists(ctx context.Context, ticket string) error {
	path, err := record("Case", ticket)
	if err == nil {
		err = p.JSON(ctx, http.MethodGet, path+"?fields=Id", nil, nil)
	}
	if err != nil {
		return fmt.Errorf("look for the case in Salesforce: %w", err)
	}
	return nil
}

// maxPages of up to 2,000 records are more than any case or contact has.
const maxPages = 50

// query puts all records that a SOQL query finds into each.
func query[T any](ctx context.Context, p *provider, soql string, each func(T)) error {
	path := data + "/query?q=" + url.QueryEscape(soql)
	for range maxPages {
		var page struct {
			Records []T
			Done    bool
			Next    string `json:"nextRecordsUrl"`
		}
		if err := p.JSON(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, r := range page.Records {
			each(r)
		}
		if page.Done || page.Next == "" {
			return nil
		}
		if !strings.HasPrefix(page.Next, data+"/query/") {
			return &recording.SendError{Class: recording.ClassRetry, Err: errors.New("the next page of Salesforce's answer is elsewhere")}
		}
		path = page.Next
	}
	return &recording.SendError{Class: recording.ClassRejected, Err: errors.New("Salesforce has too many records for one answer")}
}

// quote puts a value into SOQL.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`).Replace(v) + "'"
}

// quoteAll is a list of values for SOQL's IN.
func quoteAll(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

type saved struct {
	ID string `json:"id"`
}

// upsert makes a record that is found by the value of a unique field: one, however often it is asked. It returns its id.
func (p *provider) upsert(ctx context.Context, object, field, value string, header http.Header, body map[string]any) (string, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("write a request to Salesforce: %w", err)
	}
	var made saved
	err = p.Send(ctx, crmsync.Request{
		Method: http.MethodPatch, Path: sobjects + object + "/" + field + "/" + url.PathEscape(value), Header: header,
		ContentType: "application/json", Body: strings.NewReader(string(b)), Size: int64(len(b)), Answer: &made,
	})
	if gone(err) { // of a record that is to be made
		return "", &recording.SendError{Class: recording.ClassRejected, Err: fmt.Errorf("%s has no field %s for us: %w", object, field, err)}
	}
	if err != nil {
		return "", err
	}
	if !recordID.MatchString(made.ID) {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("Salesforce made a record, but does not say which")}
	}
	return made.ID, nil
}

func gone(err error) bool {
	var e *recording.SendError
	return errors.As(err, &e) && e.Class == recording.ClassGone
}

// problem is one of the errors that an answer lists.
type problem struct{ Message, ErrorCode string }

func problems(body []byte) (list []problem) {
	if json.Unmarshal(body, &list) != nil {
		return nil
	}
	return list
}

// complaint is Salesforce's code: its words may repeat what was sent.
func complaint(body []byte) string {
	var codes []string
	for _, p := range problems(body) {
		codes = append(codes, p.ErrorCode)
	}
	return strings.Join(codes, ", ")
}

// What Salesforce asks for by code, not by status.
const (
	quotaPause   = 15 * time.Minute // the limit is one of the last 24 hours: a little is free again soon
	storagePause = time.Hour        // until somebody makes room
)

// refused sorts failures by Salesforce's codes
// (https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm#statuscode).
func refused(status int, h http.Header, body []byte, err error) error {
	e := crmsync.Refused(status, h, err)
	var known *recording.SendError
	list := problems(body)
	if !errors.As(e, &known) || len(list) == 0 {
		return e
	}
	switch code := list[0].ErrorCode; code {
	case "REQUEST_LIMIT_EXCEEDED":
		known.Class, known.RetryAfter = recording.ClassThrottled, max(known.RetryAfter, quotaPause)
	case "STORAGE_LIMIT_EXCEEDED":
		known.Class, known.RetryAfter = recording.ClassThrottled, storagePause
	case "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "DUPLICATE_VALUE":
		known.Class = recording.ClassRetry
	case "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED":
		known.Class = recording.ClassGone
	case "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "INVALID_SESSION_ID":
		known.Class = recording.ClassUnauthorized
	}
	return e
}

// quota reads Sforce-Limit-Info: api-usage=18/5000. What is counted for the app alone comes behind it, and where there is such a limit the
// smaller rest counts.
func quota(h http.Header) (left, total int, ok bool) {
	for field := range strings.SplitSeq(h.Get("Sforce-Limit-Info"), ";") {
		_, usage, _ := strings.Cut(field, "api-usage=")
		spent, all, _ := strings.Cut(usage, "/")
		all, _, _ = strings.Cut(all, "(")
		used, err := strconv.Atoi(strings.TrimSpace(spent))
		of, ofErr := strconv.Atoi(strings.TrimSpace(all))
		if err != nil || ofErr != nil || of <= 0 || used < 0 {
			continue
		}
		if !ok || float64(of-used)/float64(of) < float64(left)/float64(total) {
			left, total, ok = max(0, of-used), of, true
		}
	}
	return left, total, ok
}
