package api

import (
	"context"
	"io/fs"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/auth"
)

// The agent panel: a page of ours in a frame on a page of the tenant's CRM (docs/panel.md).

func (s *Server) panelRoutes() []route {
	return []route{
		on(s, "GET", "/panel", public, "get-panel", "Which pages may have a tenant's agent panel in a frame", s.panelOf).pages(),
		on(s, "POST", "/panel/session", public, "open-panel", "Sign in within a frame, by a ticket of /ws-ticket; sets a cookie for that frame only", s.openPanel).strangers(),
		on(s, "GET", "/panel-settings", "read:crm-connection", "get-panel-settings", "The agent panel's settings", s.panelSettings),
		on(s, "PUT", "/panel-settings", "write:crm-connection", "put-panel-settings", "Change the agent panel's settings", s.putPanel),
	}
}

type panelID struct {
	ID uuid.UUID `query:"id" format:"uuid" required:"true"`
}

func (s *Server) panelOf(ctx context.Context, in *panelID) (*One[auth.Panel], error) {
	return one(s.Auth.PanelOf(ctx, in.ID))
}

func (s *Server) panelSettings(ctx context.Context, _ *struct{}) (*One[auth.Panel], error) {
	return one(s.Auth.Panel(ctx))
}

// PanelInput is the agent panel's settings as they are to be.
type PanelInput struct {
	Origins []string `json:"origins" maxItems:"50"`
	Numbers bool     `json:"numbers"`
}

func (s *Server) putPanel(ctx context.Context, in *With[PanelInput]) (*One[auth.Panel], error) {
	if err := s.Auth.SetPanel(ctx, auth.Panel{Origins: in.Body.Origins, Numbers: in.Body.Numbers}); err != nil {
		return nil, err
	}
	return one(s.Auth.Panel(ctx))
}

// panelCookie is the session of a frame on another site's page. Browsers keep it for that site alone (CHIPS), and send it only over TLS.
const panelCookie = "tandem_panel"

// PanelTicket is a ticket of /ws-ticket, which a window of our own hands to the frame that has opened it.
type PanelTicket struct {
	Ticket string `json:"ticket" maxLength:"200"`
}

func (s *Server) openPanel(ctx context.Context, in *With[PanelTicket]) (*signedIn, error) {
	session, err := s.Auth.OpenPanel(ctx, in.Body.Ticket)
	if err != nil {
		return nil, err
	}
	c := http.Cookie{Name: panelCookie, Value: session.Token, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode, Partitioned: true, Expires: session.Expires}
	return &signedIn{SetCookie: c, Body: meOf(session.Actor)}, nil
}

// panelPage is the page in the frame. Only pages that the tenant lists may have it there, and our own.
func (s *Server) panelPage(web fs.FS) http.Handler {
	page := screens(web)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Del("Cross-Origin-Opener-Policy") // the window in which people sign in must find the frame that opened it
		if id, err := uuid.Parse(r.PathValue("id")); err == nil {
			p, err := s.Auth.PanelOf(r.Context(), id)
			if err != nil {
				s.log.Error("it is not known who may have the agent panel", "err", err)
			}
			h.Del("X-Frame-Options") // which knows no origins
			h.Set("Content-Security-Policy", strings.TrimSuffix(policy, "'none'")+strings.Join(append([]string{"'self'"}, p.Origins...), " "))
		}
		page.ServeHTTP(w, r)
	})
}
