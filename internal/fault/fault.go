// Package fault is the one kind of error that people see: a kind, which decides the HTTP status, a stable code for programs, and a
// sentence that says what to do.
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies an error by what the caller can do about it.
type Kind string

// The kinds. Anything that is not a *Error is Internal.
const (
	Invalid      Kind = "invalid"      // the request is wrong; change it
	Unauthorized Kind = "unauthorized" // sign in first
	Forbidden    Kind = "forbidden"    // the permission is missing
	NotFound     Kind = "not_found"    // no such thing in this tenant
	Conflict     Kind = "conflict"     // the state does not allow it (any more)
	Illegal      Kind = "illegal"      // well-formed, but a rule forbids it (422)
	TooLarge     Kind = "too_large"    // send less
	TooMany      Kind = "too_many"     // wait, then try again
	Unavailable  Kind = "unavailable"  // a needed service does not answer; try again
	Internal     Kind = "internal"     // our mistake
)

// Error is an error with a kind, a stable machine code and a sentence for people. Field names the offending input, if one is to blame. Its JSON is for other
// nodes.
type Error struct {
	Kind    Kind   `json:"kind"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Err     error  `json:"-"`
}

// New makes an error for people; code is lower_snake_case and never changes once published.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Newf is New with a formatted sentence.
func Newf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithField returns a copy that names the input field to blame.
func (e *Error) WithField(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Because returns a copy that wraps the cause; the cause goes to logs, not to people.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is match on kind and code, so that a package can export its errors as values.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Kind == e.Kind && t.Code == e.Code
}

// KindOf returns the kind of the first *Error in the chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
