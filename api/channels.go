package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
)

func (s *Server) channelRoutes() []route {
	return []route{
		on(s, "GET", "/channel-kinds", "read:channels", "list-channel-kinds", "Kinds of channels, with what an account is set up with", s.listChannelKinds),
		on(s, "GET", "/channels", "read:channels", "list-channels", "Channel accounts", s.listChannels),
		on(s, "POST", "/channels", "write:channels", "add-channel", "Make a channel account", s.addChannel),
		on(s, "GET", "/channels/{id}", "read:channels", "get-channel", "One channel account", s.getChannel),
		on(s, "PATCH", "/channels/{id}", "write:channels", "change-channel", "Change a channel account", s.changeChannel),
		on(s, "DELETE", "/channels/{id}", "delete:channels", "archive-channel", "End a channel account; its conversations stay", s.archiveChannel),
		on(s, "POST", "/channels/{id}/check", "write:channels", "check-channel", "Try a channel account", s.checkChannel),
		on(s, "POST", "/channels/{id}/hook", "write:channels", "set-channel-hook", "Tell the platform where the hook is, where it can be told", s.setChannelHook),
		on(s, "GET", "/channels/{id}/dead", "read:channels", "list-dead-letters", "Messages of the last week that were given up", s.listDeadLetters),
		on(s, "GET", "/channels/{id}/templates", "read:conversations", "list-templates", "Templates of a channel account", s.listTemplates),
		on(s, "POST", "/channels/{id}/templates/sync", "write:channels", "sync-templates", "Fetch the templates from the platform", s.syncTemplates),
		on(s, "GET", "/chat-settings", "read:channels", "get-chat-settings", "Time-outs and what else holds for all conversations", s.getChatSettings),
		on(s, "PUT", "/chat-settings", "write:channels", "put-chat-settings", "Change them", s.putChatSettings),
		on(s, "GET", "/canned-responses", "read:conversations", "list-canned-responses", "Texts that agents insert by /shortcut", s.listCanned),
		on(s, "POST", "/canned-responses", "write:conversations", "add-canned-response", "Make a canned response", s.addCanned),
		on(s, "PUT", "/canned-responses/{id}", "write:conversations", "put-canned-response", "Change a canned response", s.putCanned),
		on(s, "DELETE", "/canned-responses/{id}", "write:conversations", "delete-canned-response", "Remove a canned response", s.deleteCanned),
		on(s, "GET", "/saved-views", "read:conversations", "list-saved-views", "Filters with a name", s.listSavedViews),
		on(s, "POST", "/saved-views", "read:conversations", "add-saved-view", "Save a filter", s.addSavedView),
		on(s, "PUT", "/saved-views/{id}", "read:conversations", "put-saved-view", "Change an own view", s.putSavedView),
		on(s, "DELETE", "/saved-views/{id}", "read:conversations", "delete-saved-view", "Remove an own view", s.deleteSavedView),
		on(s, "POST", "/attachments", "write:conversations", "upload-file", "Upload a file to send", s.uploadFile).upTo(chat.MaxFileBytes + 1<<20),
		on(s, "GET", "/attachments/{id}", "read:conversations", "get-file", "A file of a message", s.getFile),
		on(s, "GET", "/attachments/{id}/preview", "read:conversations", "get-file-preview", "A small picture of a file", s.getFilePreview),
	}
}

// ChannelKind is a kind of channel.
type ChannelKind struct {
	Channel queues.Channel `json:"channel"`
	Fields  []chat.Field   `json:"fields"`
	Traits  chat.Traits    `json:"traits"`
}

func (s *Server) listChannelKinds(context.Context, *struct{}) (*List[ChannelKind], error) {
	var kinds []ChannelKind
	for _, m := range s.Chat.Makers() {
		kinds = append(kinds, ChannelKind{m.Channel, m.Fields, m.Traits})
	}
	return whole(kinds, nil)
}

func (s *Server) listChannels(ctx context.Context, _ *struct{}) (*List[chat.AccountView], error) {
	return whole(s.Chat.Accounts(ctx, tenant(ctx)))
}

func (s *Server) addChannel(ctx context.Context, in *With[chat.AccountChange]) (*One[chat.AccountView], error) {
	if err := s.namedQueue(ctx, in.Body.Queue); err != nil {
		return nil, err
	}
	return one(s.Chat.AddAccount(ctx, tenant(ctx), in.Body))
}

// namedQueue is knownQueue for bodies that may name none.
func (s *Server) namedQueue(ctx context.Context, queue *uuid.UUID) error {
	if queue == nil {
		return nil
	}
	return s.knownQueue(ctx, *queue)
}

func (s *Server) getChannel(ctx context.Context, in *ByID) (*One[chat.AccountView], error) {
	return one(s.Chat.Account(ctx, tenant(ctx), in.ID))
}

func (s *Server) changeChannel(ctx context.Context, in *Change[chat.AccountChange]) (*One[chat.AccountView], error) {
	if err := s.namedQueue(ctx, in.Body.Queue); err != nil {
		return nil, err
	}
	return one(s.Chat.ChangeAccount(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) archiveChannel(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Chat.ArchiveAccount(ctx, tenant(ctx), in.ID))
}

func (s *Server) checkChannel(ctx context.Context, in *ByID) (*One[chat.AccountView], error) {
	return one(s.Chat.CheckAccount(ctx, tenant(ctx), in.ID))
}

func (s *Server) setChannelHook(ctx context.Context, in *ByID) (*One[chat.AccountView], error) {
	return one(s.Chat.SetHook(ctx, tenant(ctx), in.ID))
}

func (s *Server) listDeadLetters(ctx context.Context, in *ByID) (*List[chat.DeadLetter], error) {
	return whole(s.Chat.DeadLetters(ctx, tenant(ctx), in.ID))
}

func (s *Server) listTemplates(ctx context.Context, in *ByID) (*List[chat.Template], error) {
	if _, err := s.Chat.Account(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	return whole(s.Chat.Templates(ctx, tenant(ctx), in.ID))
}

func (s *Server) syncTemplates(ctx context.Context, in *ByID) (*List[chat.Template], error) {
	return whole(s.Chat.SyncTemplates(ctx, tenant(ctx), in.ID))
}

func (s *Server) getChatSettings(ctx context.Context, _ *struct{}) (*One[chat.Settings], error) {
	return one(s.Chat.Settings(ctx, tenant(ctx)))
}

func (s *Server) putChatSettings(ctx context.Context, in *With[chat.Settings]) (*One[chat.Settings], error) {
	return one(s.Chat.SetSettings(ctx, tenant(ctx), in.Body))
}

// CannedInput is a canned response as it is to be.
type CannedInput struct {
	Shortcut string     `json:"shortcut" minLength:"1" maxLength:"41"`
	Title    string     `json:"title,omitempty" maxLength:"200"`
	Language string     `json:"language,omitempty" maxLength:"20" doc:"left out: any"`
	Text     string     `json:"text" minLength:"1" maxLength:"5000"`
	Queue    *uuid.UUID `json:"queue_id,omitempty"`
	Own      bool       `json:"own,omitempty" doc:"for oneself alone"`
}

var errCanned = fault.New(fault.Forbidden, "canned_responses_shared", "Texts for everybody are changed by whoever may write in others' conversations; make one of your own.")

func (s *Server) storeCanned(ctx context.Context, id uuid.UUID, in CannedInput) (*One[chat.CannedResponse], error) {
	user := auth.From(ctx).User
	r := chat.CannedResponse{ID: id, Shortcut: in.Shortcut, Title: in.Title, Language: in.Language, Text: in.Text, Queue: in.Queue}
	if in.Own {
		r.Owner = &user
	}
	if err := s.mayChangeCanned(ctx, id, in.Own); err != nil {
		return nil, err
	}
	if err := s.namedQueue(ctx, in.Queue); err != nil {
		return nil, err
	}
	return one(s.Chat.PutCannedResponse(ctx, tenant(ctx), user, r))
}

// mayChangeCanned lets agents change their own texts, and supervisors everybody's.
func (s *Server) mayChangeCanned(ctx context.Context, id uuid.UUID, own bool) error {
	if scope(ctx).Covers(auth.ScopeTeam) {
		return nil
	}
	if id != uuid.Nil {
		was, err := s.Chat.CannedResponse(ctx, tenant(ctx), auth.From(ctx).User, id)
		if err != nil {
			return err
		}
		own = own && was.Owner != nil
	}
	if !own {
		return errCanned
	}
	return nil
}

func (s *Server) listCanned(ctx context.Context, _ *struct{}) (*List[chat.CannedResponse], error) {
	return whole(s.Chat.CannedResponses(ctx, tenant(ctx), auth.From(ctx).User))
}

func (s *Server) addCanned(ctx context.Context, in *With[CannedInput]) (*One[chat.CannedResponse], error) {
	return s.storeCanned(ctx, uuid.Nil, in.Body)
}

func (s *Server) putCanned(ctx context.Context, in *Change[CannedInput]) (*One[chat.CannedResponse], error) {
	return s.storeCanned(ctx, in.ID, in.Body)
}

func (s *Server) deleteCanned(ctx context.Context, in *ByID) (*Nothing, error) {
	if err := s.mayChangeCanned(ctx, in.ID, true); err != nil {
		return nil, err
	}
	return nothing(s.Chat.DeleteCannedResponse(ctx, tenant(ctx), auth.From(ctx).User, in.ID))
}

// ViewInput is a saved view as it is to be.
type ViewInput struct {
	Name   string      `json:"name" minLength:"1" maxLength:"60"`
	Shared bool        `json:"shared,omitempty"`
	Filter chat.Filter `json:"filter"`
}

func (s *Server) storeView(ctx context.Context, id uuid.UUID, in ViewInput) (*One[chat.SavedView], error) {
	return one(s.Chat.PutSavedView(ctx, tenant(ctx), auth.From(ctx).User, chat.SavedView{ID: id, Name: in.Name, Shared: in.Shared, Filter: in.Filter}))
}

func (s *Server) listSavedViews(ctx context.Context, _ *struct{}) (*List[chat.SavedView], error) {
	return whole(s.Chat.SavedViews(ctx, tenant(ctx), auth.From(ctx).User))
}

func (s *Server) addSavedView(ctx context.Context, in *With[ViewInput]) (*One[chat.SavedView], error) {
	return s.storeView(ctx, uuid.Nil, in.Body)
}

func (s *Server) putSavedView(ctx context.Context, in *Change[ViewInput]) (*One[chat.SavedView], error) {
	return s.storeView(ctx, in.ID, in.Body)
}

func (s *Server) deleteSavedView(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Chat.DeleteSavedView(ctx, tenant(ctx), auth.From(ctx).User, in.ID))
}

type attachmentUpload struct {
	RawBody huma.MultipartFormFiles[attachmentForm]
}

type attachmentForm struct {
	File huma.FormFile `form:"file" required:"true" doc:"25 MB at most"`
}

func (s *Server) uploadFile(ctx context.Context, in *attachmentUpload) (*One[chat.Attachment], error) {
	form := in.RawBody.Data()
	defer form.File.Close()
	return one(s.Media.Upload(ctx, tenant(ctx), chat.Uploader{ID: auth.From(ctx).User}, form.File.Filename, form.File))
}

func (s *Server) getFile(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	return s.serveFile(ctx, in.ID, false)
}

func (s *Server) getFilePreview(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	return s.serveFile(ctx, in.ID, true)
}

// serveFile gives a file to whoever may read its conversation, and to who has uploaded it.
func (s *Server) serveFile(ctx context.Context, id uuid.UUID, preview bool) (*huma.StreamResponse, error) {
	conversation, uploader, err := s.Chat.FileOf(ctx, tenant(ctx), id)
	if err != nil {
		return nil, err
	}
	if conversation == uuid.Nil {
		if uploader != auth.From(ctx).User {
			return nil, chat.ErrNoAttachment
		}
	} else if err := s.reachConversation(ctx, conversation); err != nil {
		return nil, chat.ErrNoAttachment.Because(err)
	}
	file, err := s.Media.OpenAttachment(ctx, tenant(ctx), id, preview)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		file.Serve(w, r)
	}}, nil
}
