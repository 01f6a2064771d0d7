package api

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tandem/internal/auth"
	"tandem/notify"
)

func (s *Server) notifyRoutes() []route {
	const file = notify.MaxToneBytes + 1<<20 // and the form around it
	return []route{
		on(s, "GET", "/ringtones", self, "list-ringtones", "Uploaded ring tones; browsers make the built-in ones themselves", s.listTones),
		on(s, "POST", "/ringtones", "write:prompts", "upload-ringtone", "Make a ring tone from an MP3 file", s.uploadTone).upTo(file),
		on(s, "GET", "/ringtones/{id}/audio", self, "get-ringtone-audio", "A ring tone's MP3 file", s.toneAudio),
		on(s, "PUT", "/ringtones/{id}/audio", "write:prompts", "replace-ringtone", "Put another MP3 file in a ring tone's place", s.replaceTone).upTo(file),
		on(s, "DELETE", "/ringtones/{id}", "delete:prompts", "delete-ringtone", "Remove a ring tone; where it was chosen, the built-in one rings", s.deleteTone),
		on(s, "GET", "/sms-account", "read:sms-account", "get-sms-account", "The account that text messages to agents are sent by", s.getSMS),
		on(s, "PUT", "/sms-account", "write:sms-account", "put-sms-account", "Change that account; an empty one ends text messages", s.putSMS),
		on(s, "GET", "/me/notifications", self, "get-own-notifications", "What the signed-in user is told, and where", s.getProfile),
		on(s, "PUT", "/me/notifications", self, "put-own-notifications", "Change what the signed-in user is told, and where", s.putProfile),
		on(s, "POST", "/me/notifications/test", self, "test-own-notifications", "Send a push or a text message to oneself", s.testProfile),
		on(s, "POST", "/me/push-subscriptions", self, "subscribe-push", "Push to this browser from now on", s.subscribe),
		on(s, "POST", "/me/push-subscriptions/remove", self, "unsubscribe-push", "Do not push to this browser any more", s.unsubscribe),
	}
}

type toneUpload struct {
	RawBody huma.MultipartFormFiles[toneForm]
}

type toneForm struct {
	File huma.FormFile `form:"file" required:"true" doc:"MP3, 2 MB and 30 s at most"`
	Name string        `form:"name" required:"true" minLength:"1" maxLength:"100"`
}

type toneReplacement struct {
	ByID
	RawBody []byte `contentType:"audio/mpeg"`
}

func (s *Server) listTones(ctx context.Context, _ *struct{}) (*List[notify.Tone], error) {
	return whole(s.Notify.Tones(ctx, tenant(ctx)))
}

func (s *Server) uploadTone(ctx context.Context, in *toneUpload) (*One[notify.Tone], error) {
	form := in.RawBody.Data()
	defer form.File.Close()
	return one(s.Notify.AddTone(ctx, tenant(ctx), form.Name, form.File))
}

func (s *Server) replaceTone(ctx context.Context, in *toneReplacement) (*One[notify.Tone], error) {
	return one(s.Notify.ReplaceTone(ctx, tenant(ctx), in.ID, bytes.NewReader(in.RawBody)))
}

func (s *Server) deleteTone(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Notify.DeleteTone(ctx, tenant(ctx), in.ID))
}

type toneRequest struct {
	ByID
	Known string `header:"If-None-Match" doc:"the ETag that the client has"`
}

// toneFileAnswer may be kept by browsers, which ask before each ring whether it is still the same.
type toneFileAnswer struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Body         []byte `contentType:"audio/mpeg"`
}

func (s *Server) toneAudio(ctx context.Context, in *toneRequest) (*toneFileAnswer, error) {
	file, version, err := s.Notify.ToneFile(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := &toneFileAnswer{Status: http.StatusOK, ContentType: "audio/mpeg", CacheControl: "private, no-cache", ETag: `"` + version + `"`}
	if in.Known == a.ETag {
		a.Status = http.StatusNotModified
		return a, nil
	}
	a.Body, err = io.ReadAll(file)
	return a, err
}

// SMSAccount is the account as it is to be.
type SMSAccount struct {
	Account string `json:"account" maxLength:"34" doc:"Twilio account SID; empty ends text messages"`
	Sender  string `json:"sender,omitempty" maxLength:"34" doc:"a number in E.164, or a messaging service's SID"`
	Token   string `json:"token,omitempty" maxLength:"200" doc:"empty keeps the one there is, while the account is the same"`
}

func (s *Server) getSMS(ctx context.Context, _ *struct{}) (*One[notify.Account], error) {
	return one(s.Notify.SMS(ctx, tenant(ctx)))
}

func (s *Server) putSMS(ctx context.Context, in *With[SMSAccount]) (*One[notify.Account], error) {
	return one(s.Notify.SetSMS(ctx, tenant(ctx), notify.Account{Account: in.Body.Account, Sender: in.Body.Sender, Token: in.Body.Token}))
}

// NotificationProfile is what the signed-in user wants to be told, and where.
type NotificationProfile struct {
	Mobile   string        `json:"mobile" maxLength:"40" doc:"with + and the country code, or empty"`
	Language string        `json:"language" enum:"en,zh"`
	Rules    []notify.Rule `json:"rules" maxItems:"10" doc:"kinds left out get their defaults"`
}

func (s *Server) getProfile(ctx context.Context, _ *struct{}) (*One[notify.View], error) {
	return one(s.Notify.Profile(ctx, tenant(ctx), auth.From(ctx).User))
}

func (s *Server) putProfile(ctx context.Context, in *With[NotificationProfile]) (*One[notify.View], error) {
	return one(s.Notify.SetProfile(ctx, tenant(ctx), auth.From(ctx).User, notify.Profile(in.Body)))
}

// NotificationTest says which way is to be tried.
type NotificationTest struct {
	Way notify.TestWay `json:"way" enum:"push,text"`
}

func (s *Server) testProfile(ctx context.Context, in *With[NotificationTest]) (*Nothing, error) {
	return nothing(s.Notify.Test(ctx, tenant(ctx), auth.From(ctx).User, in.Body.Way))
}

// NewSubscription is a browser that is to be pushed to.
type NewSubscription struct {
	notify.Subscription
	Language string `json:"language" enum:"en,zh"`
}

func (s *Server) subscribe(ctx context.Context, in *With[NewSubscription]) (*Nothing, error) {
	return nothing(s.Notify.Subscribe(ctx, tenant(ctx), auth.From(ctx).User, in.Body.Subscription, in.Body.Language))
}

// Endpoint names a browser that is not to be pushed to any more.
type Endpoint struct {
	Endpoint string `json:"endpoint" maxLength:"2000"`
}

func (s *Server) unsubscribe(ctx context.Context, in *With[Endpoint]) (*Nothing, error) {
	return nothing(s.Notify.Unsubscribe(ctx, tenant(ctx), auth.From(ctx).User, in.Body.Endpoint))
}
