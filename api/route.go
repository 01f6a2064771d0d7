package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/fault"
)

// Permissions of routes that are not "verb:resource".
const (
	public = "public" // nobody need be signed in
	self   = "self"   // whoever is signed in, for what is theirs; also before a demanded second factor is set up
)

// route is a line of the route table.
type route struct {
	method     string
	path       string // below /api/v1
	permission string // "verb:resource", public or self
	id         string // operation id
	summary    string
	body       int64    // largest request body in bytes, 0: 1 MiB
	limited    bool     // how often one address may ask
	paged      bool     // the same, for customers' pages, which ask several times
	files      []string // content types of a body that the handler reads as it arrives
	bind       func(huma.API, huma.Operation)
}

const defaultBody = 1 << 20

// on makes a line of the route table. A handler without anything to answer returns nil.
func on[I, O any](s *Server, method, path, permission, id, summary string, handler func(context.Context, *I) (*O, error)) route {
	r := route{method: method, path: path, permission: permission, id: id, summary: summary}
	r.bind = func(api huma.API, op huma.Operation) {
		if reflect.TypeFor[O]().NumField() == 0 {
			op.DefaultStatus = http.StatusNoContent
		}
		huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := handler(ctx, in)
			if err != nil {
				return nil, problemOf(ctx, s.log, id, err)
			}
			return out, nil
		})
	}
	return r
}

// strangers bounds how often one address may ask.
func (r route) strangers() route {
	r.limited = true
	return r
}

// pages bounds how often one address may ask, less strictly than strangers.
func (r route) pages() route {
	r.paged = true
	return r
}

// file makes the body a file of at most so many bytes, which the handler reads as it arrives.
func (r route) file(bytes int64, types ...string) route {
	r.body, r.files = bytes, types
	return r
}

func (r route) upTo(bytes int64) route { r.body = bytes; return r }

func (r route) operation(s *Server) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: prefix + r.path, Summary: r.summary,
		Tags: []string{noun(r.path)}, MaxBodyBytes: defaultBody, BodyReadTimeout: 10 * time.Second,
		Metadata:    map[string]any{"permission": r.permission},
		Extensions:  map[string]any{"x-permission": r.permission},
		Middlewares: huma.Middlewares{s.guard(r)},
		Errors:      []int{http.StatusBadRequest},
	}
	if r.body > 0 {
		op.MaxBodyBytes, op.BodyReadTimeout = r.body, time.Minute
	}
	if len(r.files) > 0 {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, t := range r.files {
			op.RequestBody.Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		}
	}
	if r.permission != public {
		op.Security = []map[string][]string{{"session": {}}, {"key": {}}}
	}
	return op
}

func noun(path string) string {
	n, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return n
}

var errTooLarge = fault.New(fault.TooLarge, "body_too_large", "The request is too large.")

type scopeKey struct{}

// scope is how far the permission of the route reaches for the acting user.
func scope(ctx context.Context) auth.Scope {
	s, _ := ctx.Value(scopeKey{}).(auth.Scope)
	return s
}

// guard finds out who asks and whether they may, before huma reads anything of the request.
func (s *Server) guard(r route) func(huma.Context, func(huma.Context)) {
	limit := r.body
	if limit == 0 {
		limit = defaultBody
	}
	return func(hc huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(hc)
		var ctx context.Context
		var err error
		if req.ContentLength > limit {
			err = errTooLarge
		} else {
			ctx, err = s.identify(req)
		}
		if err == nil && r.limited {
			err = s.strangers.admit(req, time.Now())
		}
		if err == nil && r.paged {
			err = s.pages.admit(req, time.Now())
		}
		if err == nil {
			ctx, err = allow(ctx, r.permission)
		}
		if err != nil {
			var p *Problem
			if errors.As(problemOf(req.Context(), s.log, r.id, err), &p) {
				s.count(r.id, p.Status)
				writeProblem(w, p.Status, p.Code, p.Detail)
			}
			return
		}
		if strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/") {
			req.Body = http.MaxBytesReader(w, req.Body, limit) // huma bounds only what it reads whole
		}
		next(huma.WithContext(hc, ctx))
		s.count(r.id, hc.Status())
	}
}

// count notes an answer; a streamed one that wrote its own status counts as 200.
func (s *Server) count(operation string, status int) {
	if status == 0 {
		status = http.StatusOK
	}
	s.asked.WithLabelValues(operation, strconv.Itoa(status)).Inc()
}

// owned are the nouns whose things belong to somebody. Of all others a narrower scope than all reaches nothing.
var owned = []string{"calls", "agents", "users", "teams", "tickets", "voicemails", "callbacks", "conversations", "reports"}

func allow(ctx context.Context, permission string) (context.Context, error) {
	actor := auth.From(ctx)
	switch {
	case permission == public:
		return ctx, nil
	case permission == self:
		if actor.User == uuid.Nil {
			return ctx, auth.ErrUnauthorized
		}
		return context.WithValue(ctx, scopeKey{}, auth.ScopeOwn), nil
	}
	verb, resource, _ := strings.Cut(permission, ":")
	reach, err := actor.Allow(verb, resource)
	if err != nil {
		return ctx, err
	}
	if reach != auth.ScopeAll && !slices.Contains(owned, resource) {
		return ctx, auth.ErrForbidden
	}
	return context.WithValue(ctx, scopeKey{}, reach), nil
}

// Nothing is the answer of an operation that has none: 204.
type Nothing struct{}

// One is an answer of one thing.
type One[T any] struct{ Body T }

func one[T any](v T, err error) (*One[T], error) {
	if err != nil {
		return nil, err
	}
	return &One[T]{Body: v}, nil
}

func nothing(err error) (*Nothing, error) {
	if err != nil {
		return nil, err
	}
	return nil, nil
}

// List is an answer of a page of things.
type List[T any] struct{ Body Page[T] }

// Page is a part of a list. NextCursor is empty on the last page.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor" doc:"pass as cursor to get the next page; empty on the last"`
}

// whole answers a list that has one page only.
func whole[T any](items []T, err error) (*List[T], error) {
	if err != nil {
		return nil, err
	}
	return &List[T]{Body: Page[T]{Items: items}}, nil
}

// page answers one page out of limit+1 things asked for; id is what the next page begins after.
func page[T any](items []T, limit int, id func(T) uuid.UUID, err error) (*List[T], error) {
	if err != nil {
		return nil, err
	}
	l := &List[T]{Body: Page[T]{Items: items}}
	if len(items) > limit {
		l.Body.Items = items[:limit]
		l.Body.NextCursor = id(items[limit-1]).String()
	}
	return l, nil
}

// cut answers a page that its package has cut already.
func cut[T any](items []T, next string, err error) (*List[T], error) {
	if err != nil {
		return nil, err
	}
	return &List[T]{Body: Page[T]{Items: items, NextCursor: next}}, nil
}

// Paging is how a client asks for a page.
type Paging struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before" maxLength:"100"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

func (p Paging) after() (uuid.UUID, error) {
	if p.Cursor == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(p.Cursor)
	if err != nil {
		return uuid.Nil, fault.New(fault.Invalid, "cursor_invalid", "That cursor is not one of ours; begin without one.").WithField("cursor")
	}
	return id, nil
}

// ByID names the thing that an operation is about.
type ByID struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// With is a request with a body.
type With[T any] struct{ Body T }

// Change is a request with a body about one thing.
type Change[T any] struct {
	ByID
	Body T
}
