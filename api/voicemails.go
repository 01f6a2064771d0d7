package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
	"tandem/recording"
)

func (s *Server) voicemailRoutes() []route {
	return []route{
		on(s, "GET", "/voicemails", "read:voicemails", "list-voicemails", "Messages that callers left, the newest first", s.listVoicemails),
		on(s, "GET", "/voicemails/{id}", "read:voicemails", "get-voicemail", "One message", s.getVoicemail),
		on(s, "POST", "/voicemails/{id}/steps", "write:voicemails", "step-voicemail", "Listen to, assign, release, finish or reopen a message", s.stepVoicemail),
		on(s, "POST", "/voicemails/{id}/callback", "write:voicemails", "call-back-voicemail", "Have the caller called back at their turn", s.callBackVoicemail),
		on(s, "GET", "/voicemails/{id}/audio", "read:voicemails", "get-voicemail-audio", "Its sound, once the CRM has it; honours Range where the CRM is Tandem's own", s.voicemailAudio),
		on(s, "GET", "/voicemails/{id}/peaks", "read:voicemails", "get-voicemail-peaks", "Its waveform", s.voicemailPeaks),
		on(s, "GET", "/agents/{id}/voicemail-box", "read:agents", "get-voicemail-box", "An agent's own voicemail box", s.getBox),
		on(s, "PUT", "/agents/{id}/voicemail-box", "write:agents", "put-voicemail-box", "Set an agent's voicemail box up", s.putBox),
	}
}

// VoicemailRow is a message with what became of its recording.
type VoicemailRow struct {
	calls.Voicemail
	Playable bool       `json:"playable" doc:"the CRM has it; before, nobody can listen"`
	Ticket   *uuid.UUID `json:"ticket_id,omitempty" doc:"where the CRM is Tandem's own"`
}

func (s *Server) withRecordings(ctx context.Context, mails []calls.Voicemail) ([]VoicemailRow, error) {
	ids := make([]uuid.UUID, len(mails))
	for i, m := range mails {
		ids[i] = m.Recording
	}
	parts, err := s.Recordings.Delivered(ctx, tenant(ctx), ids)
	if err != nil {
		return nil, err
	}
	rows := make([]VoicemailRow, len(mails))
	for i, m := range mails {
		rows[i].Voicemail = m
		if p := parts[m.Recording]; len(p) > 0 {
			rows[i].Playable = true
			if provider, ticket, _ := strings.Cut(p[0].Ticket, ":"); provider == "own" {
				if id, err := uuid.Parse(ticket); err == nil {
					rows[i].Ticket = &id
				}
			}
		}
	}
	return rows, nil
}

type mailFilter struct {
	Paging
	Queue uuid.UUID `query:"queue" format:"uuid"`
	State string    `query:"state" enum:"all,open,unread,read,assigned,done" default:"all" doc:"open: not done"`
}

func (s *Server) listVoicemails(ctx context.Context, in *mailFilter) (*List[VoicemailRow], error) {
	f := calls.MailFilter{Queue: in.Queue, Limit: in.Limit + 1}
	switch in.State {
	case "", "all":
	case "open":
		f.States = []calls.VoicemailState{calls.MailUnread, calls.MailRead, calls.MailAssigned}
	default:
		f.States = []calls.VoicemailState{calls.VoicemailState(in.State)}
	}
	served, people, all, err := s.served(ctx)
	if err != nil {
		return nil, err
	}
	if !all {
		f.Queues, f.Agents = append([]uuid.UUID{}, served...), append([]uuid.UUID{}, people...)
	}
	if f.Before, err = in.after(); err != nil {
		return nil, err
	}
	mails, err := s.Voicemails.List(ctx, tenant(ctx), f)
	if err != nil {
		return nil, err
	}
	rows, err := s.withRecordings(ctx, mails)
	return page(rows, in.Limit, func(m VoicemailRow) uuid.UUID { return m.ID }, err)
}

// voicemail returns a message within reach, else ErrVoicemailNotFound.
func (s *Server) voicemail(ctx context.Context, id uuid.UUID) (calls.Voicemail, error) {
	m, err := s.Voicemails.Get(ctx, tenant(ctx), id)
	if err != nil {
		return m, err
	}
	served, people, all, err := s.served(ctx)
	if err != nil || all || m.Queue != nil && slices.Contains(served, *m.Queue) || m.Agent != nil && slices.Contains(people, *m.Agent) {
		return m, err
	}
	return m, calls.ErrVoicemailNotFound
}

func (s *Server) voicemailRow(ctx context.Context, m calls.Voicemail, err error) (*One[VoicemailRow], error) {
	if err != nil {
		return nil, err
	}
	rows, err := s.withRecordings(ctx, []calls.Voicemail{m})
	if err != nil {
		return nil, err
	}
	return one(rows[0], nil)
}

func (s *Server) getVoicemail(ctx context.Context, in *ByID) (*One[VoicemailRow], error) {
	m, err := s.voicemail(ctx, in.ID)
	return s.voicemailRow(ctx, m, err)
}

// VoicemailStep is what somebody does with a message.
type VoicemailStep struct {
	Step calls.MailStep `json:"step" enum:"listen,assign,release,finish,reopen"`
	To   uuid.UUID      `json:"to,omitzero" format:"uuid" doc:"of assign; left out: to oneself"`
}

func (s *Server) stepVoicemail(ctx context.Context, in *Change[VoicemailStep]) (*One[VoicemailRow], error) {
	if _, err := s.voicemail(ctx, in.ID); err != nil {
		return nil, err
	}
	by := auth.From(ctx).User
	to := in.Body.To
	if to == uuid.Nil {
		to = by
	}
	if in.Body.Step == calls.MailAssign {
		ok, err := s.Auth.Exists(ctx, to)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.New(fault.Invalid, "assignee_unknown", "There is no such person.").WithField("to")
		}
	}
	m, err := s.Voicemails.Step(ctx, tenant(ctx), in.ID, in.Body.Step, by, to)
	return s.voicemailRow(ctx, m, err)
}

var (
	errNoNumber = fault.New(fault.Illegal, "voicemail_no_number", "The caller left no number to call.")
	errNoQueue  = fault.New(fault.Illegal, "voicemail_no_queue", "The message is in an agent's own box: no queue would call.")
	errNotYet   = fault.New(fault.Conflict, "voicemail_not_delivered", "The message is still on its way to the CRM; try again in a moment.")
)

func (s *Server) callBackVoicemail(ctx context.Context, in *ByID) (*One[queues.Callback], error) {
	m, err := s.voicemail(ctx, in.ID)
	switch {
	case err != nil:
		return nil, err
	case m.Number == "":
		return nil, errNoNumber
	case m.Queue == nil:
		return nil, errNoQueue
	}
	if err := s.wayOut(ctx, tenant(ctx), m.Number); err != nil {
		return nil, err
	}
	return one(s.Queues.RequestCallback(ctx, tenant(ctx), queues.NewCallback{
		Queue: *m.Queue, Number: m.Number, Name: m.Name, Voicemail: m.ID, By: auth.From(ctx).User,
	}))
}

type mailPart struct {
	ByID
	Part int `query:"part" minimum:"1" default:"1" doc:"of a message longer than one file"`
}

// openVoicemail opens a part of a message where it lies: at the CRM.
func (s *Server) openVoicemail(ctx context.Context, in *mailPart) (io.ReadCloser, recording.DeliveredPart, error) {
	m, err := s.voicemail(ctx, in.ID)
	if err != nil {
		return nil, recording.DeliveredPart{}, err
	}
	parts, err := s.Recordings.Delivered(ctx, tenant(ctx), []uuid.UUID{m.Recording})
	if err != nil {
		return nil, recording.DeliveredPart{}, err
	}
	all := parts[m.Recording]
	if in.Part > len(all) {
		return nil, recording.DeliveredPart{}, errNotYet
	}
	p := all[in.Part-1]
	r, err := s.CRMSync.Read(ctx, tenant(ctx), p.Ticket, p.Name)
	return r, p, err
}

func (s *Server) voicemailAudio(ctx context.Context, in *mailPart) (*huma.StreamResponse, error) {
	file, part, err := s.openVoicemail(ctx, in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Content-Disposition", `inline; filename="`+part.Name+`"`)
		w.Header().Set("Cache-Control", "private, no-store")
		if seeker, ok := file.(io.ReadSeeker); ok {
			http.ServeContent(w, r, "", s.DB.Now(), seeker)
			return
		}
		_, _ = io.Copy(w, file) // the listener may be gone
	}}, nil
}

func (s *Server) voicemailPeaks(ctx context.Context, in *mailPart) (*One[Peaks], error) {
	file, part, err := s.openVoicemail(ctx, in)
	if err != nil {
		return nil, err
	}
	p := crm.PeaksOf(file, part.Size)
	if err := file.Close(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return one(peaksView(p), nil)
}

// agent returns an agent within reach, else ErrNoAgent.
func (s *Server) boxOwner(ctx context.Context, id uuid.UUID) error {
	people, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return err
	}
	if !all && !slices.Contains(people, id) {
		return queues.ErrNoAgent
	}
	_, err = s.Queues.Agent(ctx, tenant(ctx), id)
	return err
}

func (s *Server) getBox(ctx context.Context, in *ByID) (*One[calls.AgentBox], error) {
	if err := s.boxOwner(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Voicemails.Box(ctx, tenant(ctx), in.ID))
}

func (s *Server) putBox(ctx context.Context, in *Change[calls.AgentBox]) (*One[calls.AgentBox], error) {
	if err := s.boxOwner(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.knownPrompt(ctx, in.Body.Prompt); err != nil {
		return nil, err
	}
	return one(in.Body, s.Voicemails.PutBox(ctx, tenant(ctx), in.ID, in.Body))
}
