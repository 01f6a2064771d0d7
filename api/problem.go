package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tandem/internal/auth"
	"tandem/internal/fault"
)

// Problem is an error as clients see it (RFC 9457), with a code that never changes once published.
type Problem struct {
	Title  string          `json:"title" doc:"the status in words"`
	Status int             `json:"status"`
	Code   string          `json:"code" doc:"for programs; never changes" example:"queue_not_found"`
	Detail string          `json:"detail" doc:"for people: what to do"`
	Field  string          `json:"field,omitempty" doc:"the input to blame"`
	Errors []ProblemDetail `json:"errors,omitempty" doc:"what is wrong with the request, part by part"`
}

// ProblemDetail is one thing that is wrong with a request.
type ProblemDetail struct {
	Location string `json:"location" example:"body.name"`
	Message  string `json:"message"`
}

// Error makes a Problem an error that huma writes as it is.
func (p *Problem) Error() string { return p.Detail }

// GetStatus tells huma the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statusOf is the one place where kinds become HTTP statuses.
func statusOf(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthorized:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Illegal:
		return http.StatusUnprocessableEntity
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problemOf turns an error into what the client may know of it. The cause of an internal one goes to the log only.
func problemOf(ctx context.Context, log *slog.Logger, operation string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		if ctx.Err() != nil {
			f = fault.New(fault.Unavailable, "cancelled", "The request was cancelled.")
		} else {
			log.Error("a request failed", "operation", operation, "err", err)
			f = fault.New(fault.Internal, "internal", "Something went wrong on our side; try again.")
		}
	}
	status := statusOf(f.Kind)
	p := &Problem{Title: http.StatusText(status), Status: status, Code: f.Code, Detail: f.Message, Field: f.Field}
	var wait auth.RetryAfter
	if errors.As(err, &wait) {
		seconds := int(time.Duration(wait)/time.Second) + 1
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(seconds)}})
	}
	return p
}

// ownProblem replaces huma's own errors (bad JSON, schema violations, bodies too large) by ours. It drops the offending values: they
// may be personal, and whoever sent them knows them.
func ownProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{Title: m.Title, Status: m.Status, Code: "request_invalid", Detail: "The request does not fit the API's description."}
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		p.Code, p.Detail = "body_too_large", "The request is too large."
	case http.StatusRequestTimeout:
		p.Code, p.Detail = "body_too_slow", "The request took too long to arrive."
	case http.StatusUnsupportedMediaType:
		p.Code, p.Detail = "media_type", "Send JSON, or what the API's description says."
	case http.StatusNotAcceptable:
		p.Code, p.Detail = "not_acceptable", "The API answers in JSON."
	case http.StatusInternalServerError:
		p.Code, p.Detail = "internal", "Something went wrong on our side; try again."
	}
	for _, d := range m.Errors {
		if d != nil && d.Location != "" {
			p.Errors = append(p.Errors, ProblemDetail{Location: d.Location, Message: d.Message})
		}
	}
	return p, nil
}

// writeProblem answers outside huma.
func writeProblem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write([]byte(`{"title":` + strconv.Quote(http.StatusText(status)) + `,"status":` + strconv.Itoa(status) +
		`,"code":` + strconv.Quote(code) + `,"detail":` + strconv.Quote(detail) + "}\n"))
}
