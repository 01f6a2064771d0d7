package api

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
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
		on(s, "POST", "/recordings/{id}/retry", "write:recordings", "retry-recording", "Let a recording that the CRM refused try again", s.retryRecording),
		on(s, "GET", "/crm-connection", "read:crm-connection", "get-crm-connection", "Where tickets and recordings go", s.getConnection),
		on(s, "PUT", "/crm-connection", "write:crm-connection", "put-crm-connection", "Change where tickets and recordings go", s.putConnection),
		on(s, "POST", "/crm-connection/test", "write:crm-connection", "test-crm-connection", "Try a connection without storing it", s.testConnection),
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
	return nothing(s.Recordings.Release(ctx, tenant(ctx), in.ID))
}

// ConnectionInput is a connection to a CRM as it is to be. Without credentials the stored ones stay, while provider and address are the
// same.
type ConnectionInput struct {
	Provider string `json:"provider" enum:"own,rt" doc:"own: Tandem's tickets; rt: Request Tracker 5"`
	BaseURL  string `json:"base_url,omitempty" maxLength:"500"`
	Queue    string `json:"queue,omitempty" maxLength:"200" doc:"the CRM's queue for new tickets"`
	User     string `json:"user,omitempty" maxLength:"200"`
	Password string `json:"password,omitempty" maxLength:"500"`
	Token    string `json:"token,omitempty" maxLength:"1000"`
	// DataRecords, when left out, stay as they are.
	DataRecords *[]string `json:"data_records,omitempty" maxItems:"64" doc:"which flags and data of a call go onto its ticket, by name; * for all data"`
}

func (c ConnectionInput) connection() crmsync.Connection {
	out := crmsync.Connection{
		Provider: c.Provider, BaseURL: c.BaseURL, Queue: c.Queue,
		Credentials: crmsync.Credentials{User: c.User, Password: c.Password, Token: c.Token},
	}
	if c.DataRecords != nil {
		out.DataRecords = append([]string{}, *c.DataRecords...)
	}
	return out
}

func (s *Server) getConnection(ctx context.Context, _ *struct{}) (*One[crmsync.Connection], error) {
	return one(s.CRMSync.Connection(ctx, tenant(ctx)))
}

func (s *Server) putConnection(ctx context.Context, in *With[ConnectionInput]) (*One[crmsync.Connection], error) {
	if err := s.CRMSync.SetConnection(ctx, tenant(ctx), in.Body.connection()); err != nil {
		return nil, err
	}
	return one(s.CRMSync.Connection(ctx, tenant(ctx)))
}

// ConnectionTest is how a trial went.
type ConnectionTest struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"what went wrong"`
	Millis int64  `json:"millis"`
}

// testConnection answers 200 also when the CRM refuses: the trial itself went well. What is wrong with the input is an error as ever.
func (s *Server) testConnection(ctx context.Context, in *With[ConnectionInput]) (*One[ConnectionTest], error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	err := s.CRMSync.Test(ctx, tenant(ctx), in.Body.connection())
	if fault.KindOf(err) == fault.Invalid {
		return nil, err
	}
	t := ConnectionTest{OK: err == nil, Millis: time.Since(began).Milliseconds()}
	if err != nil {
		t.Detail = err.Error()
	}
	return one(t, nil)
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
