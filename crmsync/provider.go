// Package crmsync tells CRMs about calls and conversations: the ticket of each, notes on it, the recording's parts, the transcript and its files. What is to be told waits in an
// outbox, so that a CRM which is down delays nothing but itself. One folder for each CRM.
package crmsync

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/recording"
)

// Provider is one tenant's access to one CRM. Errors are *recording.SendError where their meaning is known. Every method may be called
// again after it has failed, whatever became of the first call.
type Provider interface {
	// Limits is what the CRM allows.
	Limits() recording.Limits
	// FindContact returns the customer's contact and makes none: one without an ID says that there is none. It is looked for by c.External first, then
	// by number.
	FindContact(ctx context.Context, c Customer) (Contact, error)
	// EnsureContact returns the CRM's id of the customer's contact: c.Record where it is given, else the one that FindContact finds, else a new one. A
	// customer without an identity is a new contact for each call.
	EnsureContact(ctx context.Context, c Customer) (string, error)
	// EnsureTicket returns the CRM's id of the ticket of a call or conversation, made when there is none: one for each, however often it is
	// asked.
	EnsureTicket(ctx context.Context, m Matter) (string, error)
	// Tickets lists the tickets of a contact, named as EnsureContact names it, that still take notes and files: the newest first, at most 50.
	Tickets(ctx context.Context, contact string) ([]Ticket, error)
	// Attach puts a file of f.Size bytes on a ticket and returns the CRM's id for it, if it gives one.
	Attach(ctx context.Context, ticket string, f File, r io.Reader) (string, error)
	// Attachments lists the files of a ticket that bear the name, oldest first.
	Attachments(ctx context.Context, ticket, name string) ([]recording.Attachment, error)
	// Read opens a file by the id that Attachments gives; the caller closes it.
	Read(ctx context.Context, ticket, id string) (io.ReadCloser, error)
	// RemoveAttachment deletes a file; recording.ErrCannotRemove where the CRM cannot.
	RemoveAttachment(ctx context.Context, ticket, id string) error
	// AddNote writes an internal note once for each n.Key.
	AddNote(ctx context.Context, ticket string, n Note) error
	// Test tries the connection without changing anything.
	Test(ctx context.Context) error
}

// Open makes a Provider for a tenant's connection. The provider's folder exports one.
type Open func(c Connection) (Provider, error)

// Customer is who is at the other end, as a CRM is to know them: one contact for each identity.
type Customer struct {
	Item     uuid.UUID `json:"item"`              // the call or conversation
	Channel  string    `json:"channel,omitempty"` // of a conversation; empty: a call
	Account  string    `json:"account,omitempty"` // of ours to which they wrote: platforms' ids are good within one
	Identity string    `json:"identity"`          // the number, or the platform's id; empty when withheld
	Name     string    `json:"name"`
	Phone    string    `json:"phone,omitempty"`    // E.164, where it is known
	Contact  uuid.UUID `json:"contact,omitzero"`   // in Tandem's own contacts, where it is known
	External string    `json:"external,omitempty"` // the contact's id in the CRM, where the call's data name it
	Record   string    `json:"record,omitempty"`   // the contact's id as EnsureContact gives it, where somebody has chosen one
}

// Contact is a contact as its vendor tells of it.
type Contact struct {
	ID   string `json:"id"`
	Name string `json:"name"`          // empty where the vendor's look-up does not tell it
	URL  string `json:"url,omitempty"` // for a person's browser
}

// Matter is what a ticket is about: a call or a conversation.
type Matter struct {
	Customer
	Title string     `json:"title"`
	Words string     `json:"words"` // the ticket's first ones, where the CRM wants some
	Queue *uuid.UUID `json:"queue_id,omitempty"`

	Answered bool              `json:"answered,omitempty"` // one of ours has talked with the customer
	Fields   map[string]string `json:"fields,omitempty"`   // of the new ticket, by the vendor's names
}

// Call is what a CRM is told of a call.
type Call struct {
	ID         uuid.UUID  `json:"id"`
	Number     string     `json:"number"` // dialled
	Caller     string     `json:"caller"` // empty when withheld
	CallerName string     `json:"caller_name"`
	Queue      *uuid.UUID `json:"queue_id,omitempty"`
	QueuePath  []string   `json:"queue_path"`
	StartedAt  time.Time  `json:"started_at"`
	Outbound   bool       `json:"outbound,omitempty"`
	Voicemail  bool       `json:"voicemail,omitempty"` // a message was left
	Answered   bool       `json:"answered,omitempty"`  // by an agent
	External   string     `json:"external,omitempty"`  // the contact's id in the CRM, as the call's data say

	Facts map[string]string `json:"facts,omitempty"` // those that the connection maps to fields
}

// Matter is the call as the matter of a ticket.
func (c Call) Matter() Matter {
	who := Customer{Item: c.ID, Identity: c.Caller, Name: c.CallerName, Phone: c.Caller, External: c.External}
	return Matter{Customer: who, Title: c.Title(), Words: "A call to " + c.Number + ".", Queue: c.Queue, Answered: c.Answered}
}

// Title is the title of the call's ticket.
func (c Call) Title() string {
	what := "Call from "
	switch {
	case c.Voicemail:
		what = "Voicemail from "
	case c.Outbound:
		what = "Call to "
	}
	who := c.Caller
	if who == "" {
		who = "withheld number"
	}
	if n := len(c.QueuePath); n > 0 {
		return what + who + " – " + c.QueuePath[n-1]
	}
	return what + who
}

// File is a file for a ticket.
type File struct {
	Name        string
	ContentType string
	Size        int64
	Note        string // said beside it where the CRM wants words
}

// Note is an internal remark for a ticket.
type Note struct {
	Key   string `json:"key"` // names the note: it is written once
	Title string `json:"title"`
	Body  string `json:"body"`
}

// Refused makes the error of an HTTP answer that is no success. What a CRM answers with 5xx may have been done; it is looked for before
// it is sent again.
func Refused(status int, header http.Header, err error) error {
	e := &recording.SendError{Class: recording.ClassRejected, RetryAfter: egress.RetryAfter(header, time.Now()), Err: err}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Class = recording.ClassUnauthorized
	case status == http.StatusNotFound, status == http.StatusGone:
		e.Class = recording.ClassGone
	case status == http.StatusRequestTimeout:
		e.Class = recording.ClassDoubt
	case status == http.StatusRequestEntityTooLarge:
		e.Class = recording.ClassTooLarge
	case status == http.StatusTooManyRequests:
		e.Class = recording.ClassThrottled
	case status == http.StatusConflict, status == http.StatusLocked, status >= 500:
		e.Class = recording.ClassRetry
	}
	return e
}

// class is the class of an error, doubt when it says none.
func class(err error) recording.Class {
	var e *recording.SendError
	if errors.As(err, &e) {
		return e.Class
	}
	return recording.ClassDoubt
}
