package signaling

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// A user has one page. The one opened last takes the place of the others, at whatever node they are; one with a call of its own keeps it to its end, for
// calls do not change nodes.

// pageOpened tells all nodes that a page was opened.
type pageOpened struct {
	Hub    uuid.UUID `json:"hub"` // which knows already
	Tenant uuid.UUID `json:"tenant"`
	Page   uuid.UUID `json:"page"` // in the order of time
}

const (
	openedPrefix = "page."
	openedSuffix = ".opened"
)

// pageIsHere tells the other nodes that the user's page is at this one.
func (s *session) pageIsHere() {
	s.page, s.moved = storage.NewID(), false
	if !s.customer() && s.hub.cfg.Ports != nil {
		s.hub.publish(openedPrefix+s.user.String()+openedSuffix, pageOpened{s.hub.id, s.tenant, s.page})
	}
}

// pageOpened hears of a page at another node; the user's page here gives way to it.
func (h *Hub) pageOpened(subject string, body []byte) {
	user, err := uuid.Parse(strings.TrimSuffix(strings.TrimPrefix(subject, openedPrefix), openedSuffix))
	var o pageOpened
	if err != nil || json.Unmarshal(body, &o) != nil {
		h.log.Error("a message of another node makes no sense", "subject", subject)
		return
	}
	h.mu.Lock()
	s := h.agents[user]
	h.mu.Unlock()
	if o.Hub == h.id || s == nil || s.tenant != o.Tenant {
		return
	}
	s.loop.try(func() {
		older := bytes.Compare(o.Page[:], s.page[:]) < 0
		if s.met && (s.sock == nil || !older) {
			s.moved = true
			s.giveWay()
		}
	})
}

// giveWay ends the session of a user whose page is at another node by now, unless a call here needs it.
func (s *session) giveWay() {
	if !s.moved || s.leg != nil && !s.leg.ended() {
		return
	}
	if s.sock != nil {
		s.fail("", errTaken)
		s.sock.close(closeTaken, errTaken.Code)
	}
	s.over = true
}
