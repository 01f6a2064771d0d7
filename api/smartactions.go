package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/smartactions"
)

// Whoever may write the call or conversation may ask its customer: which permission that takes depends on the item, so the handlers look.
func (s *Server) smartactionRoutes() []route {
	const link = "/customer/actions/{token}"
	return []route{
		on(s, "POST", "/actions", self, "ask-customer", "Ask the customer of a call or conversation for something; takes write:calls or write:conversations", s.askCustomer),
		on(s, "GET", "/actions", self, "list-actions", "What the customer of a call or conversation was asked for, the newest first", s.listActions),
		on(s, "GET", "/actions/{id}", self, "get-action", "One request to a customer, and what they answered", s.getAction),
		on(s, "POST", "/actions/{id}/cancel", self, "cancel-action", "Take a request back; its link is good for nothing from then on", s.cancelAction),
		on(s, "GET", "/actions/{id}/files/{n}", self, "get-action-file", "A file that the customer sent, as we encoded it; honours Range", s.actionFile),
		on(s, "POST", link+"/open", public, "open-action", "Open a customer's link; the first browser gets a key, and is the only one from then on", s.openAction).pages(),
		on(s, "PUT", link+"/files/{n}", public, "put-action-file", "Send a photo, screenshot or video: number 1 to as many as were asked for", s.putActionFile).pages().file(smartactions.MaxVideoBytes, "image/jpeg", "image/png", "video/mp4", "video/quicktime"),
		on(s, "POST", link+"/challenge", public, "challenge-device", "A nonce for the customer's device to sign", s.challengeDevice).pages(),
		on(s, "POST", link+"/response", public, "verify-device", "What the device says to the last nonce, which is used up by it", s.verifyDevice).pages(),
		on(s, "POST", link+"/finish", public, "finish-action", "Hand in what was sent; the link is used up", s.finishAction).pages(),
		on(s, "POST", link+"/decline", public, "decline-action", "Send nothing; what was sent so far is removed", s.declineAction).pages(),
	}
}

// CustomerRequest is what a customer is to be asked for.
type CustomerRequest struct {
	Kind         smartactions.Kind `json:"kind" enum:"verification,photos,screenshot,video,text"`
	Call         uuid.UUID         `json:"call_id,omitzero" format:"uuid" doc:"of the call, or"`
	Conversation uuid.UUID         `json:"conversation_id,omitzero" format:"uuid"`
	Prompt       string            `json:"prompt,omitempty" maxLength:"500" doc:"shown on the customer's page"`
	Max          int               `json:"max,omitempty" minimum:"0" maximum:"4" doc:"photos; 0: 4"`
}

var errOneItem = fault.New(fault.Invalid, "one_item", "Name one call or one conversation.").WithField("call_id")

// item says what a request names, and looks whether the acting user may do verb to it.
func (s *Server) item(ctx context.Context, verb string, call, conversation uuid.UUID) (kind smartactions.ItemKind, id uuid.UUID, number string, err error) {
	switch {
	case (call == uuid.Nil) == (conversation == uuid.Nil):
		return kind, id, "", errOneItem
	case call != uuid.Nil:
		if ctx, err = allow(ctx, verb+":calls"); err != nil {
			return kind, id, "", err
		}
		c, err := s.call(ctx, call)
		return smartactions.OnCall, call, customerNumber(c.Record), err
	}
	if ctx, err = allow(ctx, verb+":conversations"); err != nil {
		return kind, id, "", err
	}
	if verb == "write" {
		return smartactions.OnConversation, conversation, "", s.writeTo(ctx, conversation)
	}
	return smartactions.OnConversation, conversation, "", s.reachConversation(ctx, conversation)
}

// customerNumber is where a text message reaches the customer of a call; empty when they withhold it.
func customerNumber(r calls.Record) string {
	switch {
	case r.Direction == calls.Outbound:
		return r.Number
	case r.Caller.Withheld:
		return ""
	}
	return r.Caller.Number
}

func (s *Server) askCustomer(ctx context.Context, in *With[CustomerRequest]) (*One[smartactions.Asked], error) {
	kind, item, number, err := s.item(ctx, "write", in.Body.Call, in.Body.Conversation)
	if err != nil {
		return nil, err
	}
	return one(s.Actions.Ask(ctx, tenant(ctx), smartactions.NewAction{
		ItemKind: kind, Item: item, Agent: auth.From(ctx).User, Kind: in.Body.Kind, Prompt: in.Body.Prompt, Max: in.Body.Max, Number: number,
	}))
}

type actionFilter struct {
	Call         uuid.UUID `query:"call_id" format:"uuid"`
	Conversation uuid.UUID `query:"conversation_id" format:"uuid"`
}

func (s *Server) listActions(ctx context.Context, in *actionFilter) (*List[smartactions.Action], error) {
	kind, item, _, err := s.item(ctx, "read", in.Call, in.Conversation)
	if err != nil {
		return nil, err
	}
	return whole(s.Actions.Of(ctx, tenant(ctx), kind, item))
}

// action returns an action on whose item the acting user may do verb, else ErrNotFound.
func (s *Server) action(ctx context.Context, verb string, id uuid.UUID) (smartactions.Action, error) {
	a, err := s.Actions.Get(ctx, tenant(ctx), id)
	if err != nil {
		return a, err
	}
	if a.ItemKind == smartactions.OnCall {
		_, _, _, err = s.item(ctx, verb, a.Item, uuid.Nil)
	} else {
		_, _, _, err = s.item(ctx, verb, uuid.Nil, a.Item)
	}
	if fault.KindOf(err) == fault.NotFound {
		err = smartactions.ErrNotFound
	}
	return a, err
}

func (s *Server) getAction(ctx context.Context, in *ByID) (*One[smartactions.Action], error) {
	return one(s.action(ctx, "read", in.ID))
}

func (s *Server) cancelAction(ctx context.Context, in *ByID) (*One[smartactions.Action], error) {
	if _, err := s.action(ctx, "write", in.ID); err != nil {
		return nil, err
	}
	return one(s.Actions.Cancel(ctx, tenant(ctx), in.ID))
}

type fileNumber struct {
	ByID
	N int `path:"n" minimum:"1" maximum:"4"`
}

func (s *Server) actionFile(ctx context.Context, in *fileNumber) (*huma.StreamResponse, error) {
	a, err := s.action(ctx, "read", in.ID)
	if err != nil {
		return nil, err
	}
	file, data, err := s.Actions.File(ctx, tenant(ctx), a.ID, in.N)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer data.Close()
		r, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", file.ContentType)
		h.Set("Content-Disposition", `attachment; filename="`+file.Name+`"`) // a page may show it; opened by itself it is saved
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		h.Set("Cache-Control", "private, no-store")
		http.ServeContent(w, r, "", a.CreatedAt, data)
	}}, nil
}

// CustomerLink is what a customer's page says of itself.
type CustomerLink struct {
	Token string `path:"token" maxLength:"64"`
	Key   string `header:"Tandem-Action-Key" maxLength:"64" doc:"what open gave this browser"`
}

func (l CustomerLink) link() smartactions.Link { return smartactions.Link{Token: l.Token, Key: l.Key} }

func (s *Server) openAction(ctx context.Context, in *CustomerLink) (*One[smartactions.Page], error) {
	return one(s.Actions.Open(ctx, in.link()))
}

// uploadTime is how long a customer's file may take: a long film over a slow mobile network.
const uploadTime = 10 * time.Minute

type customerFile struct {
	CustomerLink
	N    int `path:"n" minimum:"1" maximum:"100"`
	body io.Reader
}

// Resolve takes the body as it arrives; it is read once the link has proved to be good.
func (f *customerFile) Resolve(hc huma.Context) []error {
	f.body = hc.BodyReader()
	_ = hc.SetReadDeadline(time.Now().Add(uploadTime)) // where it cannot be set there is nothing to wait for
	return nil
}

func (s *Server) putActionFile(ctx context.Context, in *customerFile) (*Nothing, error) {
	return nothing(s.Actions.PutFile(ctx, in.link(), in.N, in.body))
}

// DeviceChoice is which device is to verify the customer.
type DeviceChoice struct {
	Another bool `json:"another,omitempty" doc:"register a device that is not known yet"`
}

type deviceChoice struct {
	CustomerLink
	Body DeviceChoice
}

func (s *Server) challengeDevice(ctx context.Context, in *deviceChoice) (*One[smartactions.Ceremony], error) {
	return one(s.Actions.Challenge(ctx, in.link(), in.Body.Another))
}

// DeviceResponse is a PublicKeyCredential as its toJSON writes it.
type DeviceResponse struct {
	Credential json.RawMessage `json:"credential"`
}

type deviceResponse struct {
	CustomerLink
	Body DeviceResponse
}

// DeviceVerdict is what a device's answer led to.
type DeviceVerdict struct {
	Done bool `json:"done" doc:"the device has signed; false: it is registered, and is to sign the next nonce"`
}

func (s *Server) verifyDevice(ctx context.Context, in *deviceResponse) (*One[DeviceVerdict], error) {
	done, err := s.Actions.Respond(ctx, in.link(), in.Body.Credential)
	return one(DeviceVerdict{done}, err)
}

// CustomerAnswer is what a customer hands in.
type CustomerAnswer struct {
	Text string `json:"text,omitempty" maxLength:"8000" doc:"at most 2000 characters"`
}

type customerAnswer struct {
	CustomerLink
	Body CustomerAnswer
}

func (s *Server) finishAction(ctx context.Context, in *customerAnswer) (*Nothing, error) {
	return nothing(s.Actions.Finish(ctx, in.link(), in.Body.Text))
}

func (s *Server) declineAction(ctx context.Context, in *CustomerLink) (*Nothing, error) {
	return nothing(s.Actions.Decline(ctx, in.link()))
}

// actionPolicy is stricter than that of the screens: the page shows what its customer chose, and asks nobody but us.
const actionPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "

// actionPage serves the customer's page: the same for every token. Only whose pages may show it in a frame differs.
func (s *Server) actionPage(web fs.FS) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, err := fs.ReadFile(web, "action.html")
		if errors.Is(err, fs.ErrNotExist) {
			http.Error(w, "The screens were not built into this program; run make web.", http.StatusNotFound)
			return
		}
		frames := []string{"'self'"}
		if s.Actions != nil && err == nil {
			var more []string
			if more, err = s.Actions.Embedders(r.Context(), r.PathValue("token")); err == nil {
				frames = append(frames, more...)
			}
		}
		if err != nil {
			s.log.Error("a customer's page is not served", "err", err)
			http.Error(w, "Something went wrong on our side; try again.", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", actionPolicy+strings.Join(frames, " "))
		h.Del("X-Frame-Options") // it knows one origin only
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), publickey-credentials-get=(self), publickey-credentials-create=(self), geolocation=()")
		h.Set("Cache-Control", "no-store")
		http.ServeContent(w, r, "action.html", time.Time{}, bytes.NewReader(page))
	}
}
