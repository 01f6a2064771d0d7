package api

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/recording"
)

// mayAccess is why the acting user may not go the break-glass way; nil: they may.
func mayAccess(ctx context.Context) error {
	_, err := auth.From(ctx).Allow("access", "recordings")
	return err
}

func (s *Server) challengeAccess(ctx context.Context, in *ByID) (*One[recording.Challenge], error) {
	return one(s.Recordings.Challenge(ctx, tenant(ctx), in.ID, auth.From(ctx).User, mayAccess(ctx)))
}

// RecordingAccess is what is shown to be let in.
type RecordingAccess struct {
	Challenge uuid.UUID `json:"challenge_id" format:"uuid"`
	Signature string    `json:"signature" maxLength:"200" doc:"the CRM's, over the challenge's message: Ed25519, base64"`
	Code      string    `json:"code" maxLength:"20" doc:"of the authenticator app"`
}

// fromAddress is the client's address, which is no part of the request's description.
type fromAddress struct{ addr string }

// Resolve notes the address.
func (f *fromAddress) Resolve(hc huma.Context) []error {
	r, _ := humago.Unwrap(hc)
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		f.addr = a.Addr().Unmap().String()
	}
	return nil
}

type accessInput struct {
	Change[RecordingAccess]
	fromAddress
}

func (s *Server) accessRecording(ctx context.Context, in *accessInput) (*One[recording.Grant], error) {
	signature, err := base64.StdEncoding.DecodeString(in.Body.Signature)
	if err != nil {
		signature = nil // it is no signature, and refused as such
	}
	return one(s.Recordings.Access(ctx, tenant(ctx), in.ID, recording.AccessTry{
		User: auth.From(ctx).User, From: in.addr, Challenge: in.Body.Challenge, Signature: signature, Permission: mayAccess(ctx),
		SecondFactor: func(ctx context.Context) error { return s.Auth.ProveSecondFactor(ctx, in.Body.Code) },
	}))
}

// AccessToken is what accessRecording has given.
type AccessToken struct {
	Token string `json:"token" maxLength:"100"`
}

type soundInput struct {
	Change[AccessToken]
	fromAddress
}

func (s *Server) recordingSound(ctx context.Context, in *soundInput) (*huma.StreamResponse, error) {
	held, err := s.Recordings.Listen(ctx, tenant(ctx), in.ID, auth.From(ctx).User, in.addr, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer held.Close()
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Content-Disposition", `inline; filename="`+held.Name+`"`)
		w.Header().Set("Cache-Control", "no-store")
		// Nothing goes out after its time, however slowly it is fetched.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(held.Until.Sub(s.DB.Now()))); err != nil {
			s.log.Error("the sound of a held recording is not sent: its time cannot be bounded", "err", err)
			return
		}
		_, _ = io.Copy(w, held) // the listener may be gone
	}}, nil
}

func (s *Server) getAccessKey(ctx context.Context, _ *struct{}) (*One[recording.AccessKey], error) {
	return one(s.Recordings.AccessKey(ctx, tenant(ctx)))
}

// AccessKeyInput registers the CRM's access key.
type AccessKeyInput struct {
	PublicKey string `json:"public_key" maxLength:"1000" doc:"Ed25519, PEM; empty: none from now on"`
	Code      string `json:"code" maxLength:"20" doc:"of the authenticator app"`
}

func (s *Server) putAccessKey(ctx context.Context, in *With[AccessKeyInput]) (*One[recording.AccessKey], error) {
	if err := s.Auth.ProveSecondFactor(ctx, in.Body.Code); err != nil {
		return nil, err
	}
	if err := s.Recordings.SetAccessKey(ctx, tenant(ctx), in.Body.PublicKey); err != nil {
		return nil, err
	}
	return one(s.Recordings.AccessKey(ctx, tenant(ctx)))
}

// RecordingTicket is where a recording is to go.
type RecordingTicket struct {
	Ticket string `json:"ticket" minLength:"1" maxLength:"200" doc:"the ticket's id, as the CRM calls it"`
}

var errNoSuchTicket = fault.New(fault.Illegal, "crm_ticket_unknown", "The CRM does not know this ticket, or does not answer.").WithField("ticket")

// moveRecording asks the CRM first: a ticket that is not there would hold the recording up again.
func (s *Server) moveRecording(ctx context.Context, in *Change[RecordingTicket]) (*Nothing, error) {
	if err := s.Recordings.Exists(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	c, err := s.CRMSync.Connection(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	part := recording.Part{Tenant: tenant(ctx), Recording: in.ID, Ticket: c.Provider + ":" + in.Body.Ticket, Name: "rec_" + in.ID.String()}
	if _, err := s.CRMSync.Find(ctx, part); err != nil {
		return nil, errNoSuchTicket.Because(err)
	}
	return nothing(s.Recordings.Move(ctx, tenant(ctx), in.ID, part.Ticket))
}

func (s *Server) destroyRecording(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Recordings.DestroyNow(ctx, tenant(ctx), in.ID))
}
