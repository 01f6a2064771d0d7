package signaling

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
)

// push collects what changed in the tenant and tells the page four times a second at most, each type once.
type push struct {
	s     *session
	every time.Duration

	mu      sync.Mutex
	pending map[string]*subjects
	timer   *time.Timer // set while a flush is due
	last    time.Time
	stopped bool
}

// subjects are what the notes of one type were about.
type subjects struct {
	ids  map[uuid.UUID]bool // whether it concerns this user by name
	many bool               // more than are kept
}

const (
	pushEvery   = 250 * time.Millisecond
	chatEvery   = 40 * time.Millisecond // of conversations: people wait for each word
	maxSubjects = 32
)

func newPush(s *session, every time.Duration) *push {
	return &push{s: s, every: every, pending: map[string]*subjects{}}
}

// note takes one note; it does not block.
func (p *push) note(n events.Note) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	of := p.pending[n.Type]
	if of == nil {
		of = &subjects{ids: map[uuid.UUID]bool{}}
		p.pending[n.Type] = of
	}
	mine := slices.Contains(n.Users, p.s.user)
	if known, ok := of.ids[n.Subject]; ok || mine || len(of.ids) < maxSubjects {
		of.ids[n.Subject] = known || mine
	} else {
		of.many = true
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(max(0, p.every-time.Since(p.last)), func() { p.s.loop.do(p.flush) })
	}
}

func (p *push) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// flush runs on the session's goroutine.
func (p *push) flush() {
	p.mu.Lock()
	pending := p.pending
	p.pending, p.timer, p.last = map[string]*subjects{}, nil, time.Now()
	p.mu.Unlock()
	s := p.s
	for typ, of := range pending {
		if noun, _, _ := strings.Cut(typ, "."); noun == "conversation" {
			s.tellConversations(typ, of)
			continue
		} else if noun == "action" {
			s.tellActions(typ, of)
			continue
		}
		_, named := of.ids[s.user]
		mine := named || of.many
		if strings.HasPrefix(typ, "agent.") && mine {
			s.refresh()
		}
		if touchesRights(typ) && (mine || strings.HasPrefix(typ, "role.")) {
			s.renewNow()
		}
		if subject, ok := s.sees(typ, of); ok && s.sock != nil {
			s.event("event", uuid.Nil, eventView{typ, subject})
		}
	}
}

// tellConversations tells of conversations: of each that concerns this user, and of others as far as they may be read.
func (s *session) tellConversations(typ string, of *subjects) {
	scope, err := s.actor.Allow("read", "conversations")
	if err != nil || s.sock == nil {
		return
	}
	if strings.HasSuffix(typ, "watched") { // those who are looked at must not learn of it
		return
	}
	others := of.many
	for id, mine := range of.ids {
		if mine || scope == auth.ScopeAll && !of.many {
			s.event("event", uuid.Nil, eventView{typ, &id})
		} else {
			others = true
		}
	}
	if others && scope.Covers(auth.ScopeTeam) {
		s.event("event", uuid.Nil, eventView{typ, nil})
	}
}

// tellActions tells those who asked a customer for something what becomes of it, and those who may read others' calls or conversations that
// something has.
func (s *session) tellActions(typ string, of *subjects) {
	if s.sock == nil {
		return
	}
	others := of.many
	for id, mine := range of.ids {
		if mine {
			s.event("event", uuid.Nil, eventView{typ, &id})
		} else {
			others = true
		}
	}
	calls, _ := s.actor.Allow("read", "calls")
	conversations, _ := s.actor.Allow("read", "conversations")
	if others && (calls.Covers(auth.ScopeTeam) || conversations.Covers(auth.ScopeTeam)) {
		s.event("event", uuid.Nil, eventView{typ, nil})
	}
}

// touchesRights says whether a type of event may have changed what a user may do, or whether they may be here.
func touchesRights(typ string) bool {
	noun, _, _ := strings.Cut(typ, ".")
	return noun == "user" || noun == "role" || noun == "team" || noun == "logout"
}

// eventView says that something in the log has changed: fetch it again. Without a subject several have, or it is not for this user to know which.
type eventView struct {
	Type    string     `json:"type"`
	Subject *uuid.UUID `json:"subject,omitempty"`
}

// sees says whether this user is told of a type of event, and about what. Plain agents hear of themselves, their own call, tickets and
// contacts; whoever reads others' calls hears of everything that they may read.
func (s *session) sees(typ string, of *subjects) (*uuid.UUID, bool) {
	noun, _, _ := strings.Cut(typ, ".")
	if strings.HasPrefix(typ, "call.supervis") { // those who are listened to must not learn of it
		if _, err := s.actor.Allow("monitor", "calls"); err != nil {
			return nil, false
		}
	}
	resource := resourceOf(noun)
	scope, err := s.actor.Allow("read", resource)
	if err != nil {
		return nil, false
	}
	reach, _ := s.actor.Allow("read", "calls")
	wide := reach.Covers(auth.ScopeTeam)
	own := uuid.Nil
	switch noun {
	case "agent":
		own = s.user
	case "call":
		own = s.view.ID
	case "ticket", "contact", "voicemail", "callback":
		wide = true
	}
	if !wide || !scope.Covers(auth.ScopeTeam) {
		if _, named := of.ids[own]; own == uuid.Nil || !named {
			return nil, false
		}
		return &own, true
	}
	if of.many || len(of.ids) != 1 {
		return nil, true
	}
	for id := range of.ids {
		if scope == auth.ScopeAll || id == own {
			return &id, true
		}
	}
	return nil, true
}

// resourceOf is what one must be allowed to read to hear of a noun's events.
func resourceOf(noun string) string {
	switch noun {
	case "item", "offer":
		return "queues"
	case "login", "logout", "export":
		return "audit"
	case "hours":
		return noun
	default:
		return noun + "s"
	}
}
