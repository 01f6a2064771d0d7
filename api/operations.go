package api

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"tandem/internal/audit"
	"tandem/internal/fault"
	"tandem/recording"
)

func (s *Server) operationRoutes() []route {
	return []route{
		on(s, "GET", "/recordings", "read:recordings", "list-recordings", "Recordings that wait for the CRM; their sound cannot be had here", s.listRecordings),
		on(s, "GET", "/recordings/access-key", "read:recordings", "get-recording-access-key", "The key with which the CRM signs for the break-glass way", s.getAccessKey),
		on(s, "PUT", "/recordings/access-key", "write:crm-connection", "put-recording-access-key", "Register the CRM's access key, for recordings that begin from now on", s.putAccessKey),
		// Whoever lacks the permission is refused by the handler, so that it is audited.
		on(s, "POST", "/recordings/{id}/challenge", self, "challenge-recording-access", "A challenge for the CRM to sign; needs access:recordings", s.challengeAccess),
		on(s, "POST", "/recordings/{id}/access", self, "access-recording", "Ask for the sound of a recording that is held; needs access:recordings, the CRM's signature and a second factor", s.accessRecording),
		on(s, "POST", "/recordings/{id}/sound", self, "get-recording-sound", "The one stream of a token", s.recordingSound),
		on(s, "POST", "/recordings/{id}/retry", "write:recordings", "retry-recording", "Let a recording that waits, or that the CRM refused, try again now", s.retryRecording),
		on(s, "PUT", "/recordings/{id}/ticket", "write:recordings", "move-recording", "Put a recording that the CRM has nothing of onto another ticket", s.moveRecording),
		on(s, "DELETE", "/recordings/{id}", "delete:recordings", "destroy-recording", "Destroy a recording that waits, for good", s.destroyRecording),
		on(s, "GET", "/audit", "read:audit", "list-audit", "The audit log, the newest first", s.listAudit),
		on(s, "GET", "/audit/verify", "read:audit", "verify-audit", "Check the audit log's hash chain", s.verifyAudit),
	}
}

func (s *Server) listRecordings(ctx context.Context, in *Paging) (*List[recording.Waiting], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	rows, err := s.Recordings.Waiting(ctx, tenant(ctx), after, in.Limit+1)
	return page(rows, in.Limit, func(w recording.Waiting) uuid.UUID { return w.ID }, err)
}

func (s *Server) retryRecording(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Recordings.TryNow(ctx, tenant(ctx), in.ID))
}

type auditFilter struct {
	Paging
	Action  string    `query:"action" maxLength:"100" example:"user.changed"`
	Actor   uuid.UUID `query:"actor" format:"uuid"`
	Subject uuid.UUID `query:"subject" format:"uuid"`
}

func (s *Server) listAudit(ctx context.Context, in *auditFilter) (*List[audit.Row], error) {
	f := audit.Filter{Action: in.Action, Actor: in.Actor, Subject: in.Subject, Limit: in.Limit + 1}
	if in.Cursor != "" {
		var err error
		if f.Before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || f.Before <= 0 {
			return nil, fault.New(fault.Invalid, "cursor_invalid", "That cursor is not one of ours; begin without one.").WithField("cursor")
		}
	}
	rows, err := audit.List(ctx, s.DB, tenant(ctx), f)
	next := ""
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		next = strconv.FormatInt(rows[in.Limit-1].Seq, 10)
	}
	return cut(rows, next, err)
}

func (s *Server) verifyAudit(ctx context.Context, _ *struct{}) (*One[audit.Verdict], error) {
	return one(audit.Verify(ctx, s.DB, tenant(ctx)))
}
