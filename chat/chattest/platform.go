// Package chattest has what all fake platforms share; the conformance suite that all adapters pass is tandem/chat/chattest/suite (apart,
// because the fakes are part of the program, and package testing is not): suite.Run(t, suite.Subject{Maker: line.Maker(), New: …}).
//
// A fake platform is a package chat/<channel>/<channel>test with a type of its own that embeds *Fake and implements Platform:
//
//	type Platform struct {
//		*chattest.Fake
//		mux *http.ServeMux
//	}
//
//	func New(start time.Time) *Platform {
//		p := &Platform{mux: http.NewServeMux()}
//		p.Fake = chattest.New(p, chat.LINE, start)
//		p.mux.HandleFunc("POST /v2/bot/message/push", p.push)
//		return p
//	}
//
// Its handlers check the caller's token (Revoked says that it has been revoked) and answer with Answer when it is wrong; otherwise they
// read the request and let Do carry it out, which misbehaves as it was told for the recipient, logs, and tells receipts:
//
//	p.Do(w, r, chattest.Operation{Name: "push", To: m.To, Body: body,
//		Refuse: func(code string) chattest.Reply { return … the platform's wording of code … },
//		Accept: func() chattest.Reply {
//			if long { return chattest.JSON(400, …) }
//			got := p.Receive(m.To, chattest.Received{Kind: chat.Text, Text: …})
//			return chattest.JSON(200, …got.ID…).Of(got.ID)
//		}})
//
// What a customer does is an Act: the fake's Act gives the raw event, Play (or Emit) queues it, Flush delivers what is queued in signed
// requests to the hook that Point named; Run flushes by itself. Without a hook, Signed gives the requests to be handed to Channel.Accept.
// Files that customers give go into AddFile, and how they are answered for is their State. Files that we give by URL come from Download.
// Nothing in here uses the computer's clock: Now stands still until Advance.
package chattest

import (
	"errors"
	"net/http"
	"time"

	"tandem/chat"
)

// Platform is a fake platform, which suite, checker and command drive alike. Its ServeHTTP is the platform's API (paths as the platform
// has them, without a prefix). All methods may be called at the same time.
type Platform interface {
	http.Handler
	// Base is the part that all share; embedding *Fake gives it.
	Base() *Fake
	// Account is an account on it, with the demo secrets of the specification; base is the URL at which the API is served, without a
	// slash at its end, and goes into all settings that are base URLs. Its Name is "demo".
	Account(base string) chat.Account
	// Customer is the platform's id of its n-th customer, from 0; always the same.
	Customer(n int) string
	// Act does what a customer does: the id of the message that this made (of the message acted upon, for the rest) and the raw event.
	// ErrCannot: the platform has nothing of the kind. Blocking also has later sends refused in the platform's way.
	Act(a Act) (id string, event []byte, err error)
	// Receipt is the raw event by which the platform tells how a message of ours fares; code is why it failed. ErrCannot: it never does.
	Receipt(id string, s chat.Status, code string) ([]byte, error)
	// Requests makes hook requests of raw events, not signed yet: one, where the platform puts many into one, otherwise one each.
	Requests(events ...[]byte) []chat.Hook
	// Sign signs (and encrypts) a request as the platform does; wrong: with the secret of somebody else's account.
	Sign(h chat.Hook, wrong bool) chat.Hook
	// Codes are the errors that Refuse and Fail know, and what they mean to us.
	Codes() []Code
}

// ErrCannot says that a platform has nothing of the kind.
var ErrCannot = errors.New("the platform has nothing of the kind")

// Code is an error of a platform.
type Code struct {
	Code    string       `json:"code"` // as in chat.SendError: "131047", "10/2018278"
	Verdict chat.Verdict `json:"verdict"`
	Later   bool         `json:"later"` // may also come as a failed receipt
}

// ActKind is something that a customer does.
type ActKind string

// Acts.
const (
	Say     ActKind = "say"     // Text; To: quotes a message
	Give    ActKind = "give"    // File, with Text as its caption
	React   ActKind = "react"   // Text is the emoji ("": taken back), To the message
	Press   ActKind = "press"   // an option of the message To: Text is its id
	Edit    ActKind = "edit"    // To has the new Text
	Unsend  ActKind = "unsend"  // To
	Share   ActKind = "share"   // a location
	Begin   ActKind = "begin"   // opens the conversation without a word: follow, /start, a menu click
	Block   ActKind = "block"   // or leaves, or says STOP
	Unblock ActKind = "unblock" // and comes back
)

// Act is what a customer does.
type Act struct {
	Customer string     `json:"customer"` // Platform.Customer's, or any other id of the platform's form
	Name     string     `json:"name,omitempty"`
	Kind     ActKind    `json:"kind"`
	Text     string     `json:"text,omitempty"`
	To       string     `json:"to,omitempty"`
	Place    [2]float64 `json:"place,omitzero"` // of Share: latitude, longitude
	File     *File      `json:"-"`
}

// FileState is how a platform answers when a file is asked for.
type FileState string

// States of files.
const (
	Ready    FileState = ""
	Later    FileState = "later" // not got ready yet
	Gone     FileState = "gone"  // the platform keeps it no longer
	TooLarge FileState = "too_large"
)

// File is a file on its way, either way.
type File struct {
	Kind        chat.MediaKind
	Name        string
	ContentType string
	Data        []byte
	State       FileState // of one that a customer gave
}

// Received is what a customer has got from us.
type Received struct {
	Number   int // from 1, over all customers
	At       time.Time
	ID       string
	Key      string // our own id of it, or the retry key, where the platform is told one
	Kind     chat.Kind
	Text     string
	Files    []File
	Options  []chat.Option
	Quote    string
	Name     string // of the agent
	Template string
	Free     bool   // in reply, not metered (LINE)
	Tag      string // by which it may come outside the window
	Edited   bool
	Unsent   bool
	Reaction string // ours, to the message To
	To       string
	Status   chat.Status // the latest that the fake has told of it
}

// Misdeed is a way in which a platform answers a call.
type Misdeed string

// Misdeeds.
const (
	OK     Misdeed = ""
	Refuse Misdeed = "refuse" // with Code, at once
	Fail   Misdeed = "fail"   // taken; with Code in a failed receipt
	Delay  Misdeed = "delay"  // taken; answered After
	Drop   Misdeed = "drop"   // neither taken nor ever answered
	Slow   Misdeed = "slow"   // taken; half the answer, and the rest After
	Reset  Misdeed = "reset"  // taken; the connection ends without an answer
	Down   Misdeed = "down"   // 503 in front of the platform, not taken
)
