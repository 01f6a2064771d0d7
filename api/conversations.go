package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
)

func (s *Server) conversationRoutes() []route {
	return []route{
		on(s, "GET", "/conversations", "read:conversations", "list-conversations", "Conversations, that with the newest message first", s.listConversations),
		on(s, "GET", "/conversations/counts", "read:conversations", "count-conversations", "The numbers beside the views, and what rings at this agent", s.countConversations),
		on(s, "GET", "/conversations/{id}", "read:conversations", "get-conversation", "One conversation, with what can be written in it now", s.getConversation),
		on(s, "GET", "/conversations/{id}/messages", "read:conversations", "list-messages", "Messages: the last, older ones, or what has changed", s.listMessages),
		on(s, "POST", "/conversations/{id}/messages", "write:conversations", "send-message", "Write to the customer", s.sendMessage),
		on(s, "POST", "/conversations/{id}/notes", "write:conversations", "add-conversation-note", "Write an internal note", s.addConversationNote),
		on(s, "PUT", "/conversations/{id}/messages/{message}/reaction", "write:conversations", "set-reaction", "React to a message; an empty emoji takes it back", s.react),
		on(s, "POST", "/conversations/{id}/messages/{message}/retry", "write:conversations", "retry-message", "Send a failed message again", s.retryMessage),
		on(s, "PATCH", "/conversations/{id}/messages/{message}", "write:conversations", "edit-message", "Change the text of a message, where the channel can", s.editMessage),
		on(s, "DELETE", "/conversations/{id}/messages/{message}", "write:conversations", "unsend-message", "Take a message back, where the channel can", s.unsendMessage),
		on(s, "POST", "/conversations/{id}/typing", "write:conversations", "set-typing", "Tell the customer that somebody types", s.setTyping),
		on(s, "POST", "/conversations/{id}/read", "read:conversations", "mark-read", "Say how far one has read", s.markRead),
		on(s, "POST", "/conversations/{id}/accept", "write:conversations", "accept-conversation", "Accept a conversation that rings", s.acceptConversation),
		on(s, "POST", "/conversations/{id}/decline", "write:conversations", "decline-conversation", "Decline a conversation that rings", s.declineConversation),
		on(s, "POST", "/conversations/{id}/take", "write:conversations", "take-conversation", "Take a conversation that nobody has", s.takeConversation),
		on(s, "POST", "/conversations/{id}/assign", "assign:conversations", "assign-conversation", "Offer a conversation to an agent, whoever has it", s.assignConversation),
		on(s, "POST", "/conversations/{id}/transfer", "write:conversations", "transfer-conversation", "Hand a conversation on to a queue or an agent", s.transferConversation),
		on(s, "POST", "/conversations/{id}/snooze", "write:conversations", "snooze-conversation", "Put a conversation aside", s.snoozeConversation),
		on(s, "POST", "/conversations/{id}/reopen", "write:conversations", "reopen-conversation", "Open a closed or snoozed conversation", s.reopenConversation),
		on(s, "POST", "/conversations/{id}/close", "write:conversations", "close-conversation", "Close a conversation", s.closeConversation),
		on(s, "POST", "/conversations/{id}/end", "end:conversations", "end-conversation", "End another's conversation", s.endConversation),
		on(s, "POST", "/conversations/{id}/watch", "monitor:conversations", "watch-conversation", "Begin, or end, to watch another's conversation; audited, and unseen by agent and customer", s.watchConversation),
		on(s, "PUT", "/conversations/{id}/collaborators", "write:conversations", "set-collaborators", "Who else works on a conversation", s.setCollaborators),
		on(s, "PUT", "/conversations/{id}/priority", "assign:conversations", "set-conversation-priority", "Change a waiting conversation's priority", s.setConversationPriority),
		on(s, "POST", "/conversations/{id}/ticket", "write:conversations", "set-conversation-ticket", "Link a ticket, or make one", s.setConversationTicket),
		on(s, "GET", "/conversations/{id}/steps", "read:conversations", "list-conversation-steps", "What happened to a conversation", s.listSteps),
		on(s, "GET", "/conversations/{id}/decisions", "read:conversations", "list-conversation-decisions", "Why which agent was chosen", s.listConversationDecisions),
	}
}

// reader is who asks, and how far their permission reaches.
func (s *Server) reader(ctx context.Context) (chat.Reader, error) {
	r := chat.Reader{User: auth.From(ctx).User, Scope: scope(ctx)}
	users, all, err := s.Auth.Within(ctx, scope(ctx))
	if err == nil && all { // who reads everybody's has a team nevertheless
		users, _, err = s.Auth.Within(ctx, auth.ScopeTeam)
	}
	r.Users = users
	if err != nil || all {
		return r, err
	}
	r.Queues, err = s.Queues.ServedBy(ctx, tenant(ctx), r.Users)
	return r, err
}

// reachConversation says whether the scope reaches a conversation, by ErrNoConversation.
func (s *Server) reachConversation(ctx context.Context, id uuid.UUID) error {
	r, err := s.reader(ctx)
	if err != nil {
		return err
	}
	return s.Chat.May(ctx, tenant(ctx), r, id)
}

// writeTo says whether somebody may write in a conversation: those who have it, or work on it, and who may write in all or their team's.
func (s *Server) writeTo(ctx context.Context, id uuid.UUID) error {
	if err := s.reachConversation(ctx, id); err != nil || scope(ctx).Covers(auth.ScopeTeam) {
		return err
	}
	part, err := s.Chat.Part(ctx, tenant(ctx), id, auth.From(ctx).User)
	if err == nil && !part {
		err = chat.ErrNotOwner
	}
	return err
}

type conversationFilter struct {
	Cursor  string         `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before"`
	Limit   int            `query:"limit" minimum:"1" maximum:"200" default:"50"`
	View    string         `query:"view" maxLength:"40" doc:"mine, unassigned, team, all, mentions, or a saved view's id"`
	State   []chat.State   `query:"state" enum:"open,snoozed,closed" doc:"left out: all but closed"`
	Channel queues.Channel `query:"channel" maxLength:"40"`
	Queue   uuid.UUID      `query:"queue_id" format:"uuid"`
	Account uuid.UUID      `query:"account_id" format:"uuid"`
	Owner   uuid.UUID      `query:"owner_id" format:"uuid"`
	Contact uuid.UUID      `query:"contact_id" format:"uuid"`
	Unread  bool           `query:"unread"`
	Search  string         `query:"search" maxLength:"200" doc:"words of messages, or part of a name or number"`
}

func (s *Server) listConversations(ctx context.Context, in *conversationFilter) (*List[chat.Conversation], error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	f := chat.Filter{View: chat.View(in.View), States: in.State, Channel: in.Channel, Queue: in.Queue, Account: in.Account, Owner: in.Owner, Contact: in.Contact, Unread: in.Unread, Search: in.Search}
	if id, err := uuid.Parse(in.View); err == nil {
		if f, err = s.savedFilter(ctx, id); err != nil {
			return nil, err
		}
	}
	f.Cursor, f.Limit = in.Cursor, in.Limit
	p, err := s.Chat.Conversations(ctx, tenant(ctx), r, f)
	return cut(p.Items, p.Next, err)
}

func (s *Server) savedFilter(ctx context.Context, id uuid.UUID) (chat.Filter, error) {
	vs, err := s.Chat.SavedViews(ctx, tenant(ctx), auth.From(ctx).User)
	for _, v := range vs {
		if v.ID == id {
			return v.Filter, nil
		}
	}
	return chat.Filter{}, errorOr(err, chat.ErrNoView)
}

func (s *Server) countConversations(ctx context.Context, _ *struct{}) (*One[chat.Counts], error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	return one(s.Chat.Counts(ctx, tenant(ctx), r))
}

func (s *Server) getConversation(ctx context.Context, in *ByID) (*One[chat.Conversation], error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	return one(s.Chat.Conversation(ctx, tenant(ctx), r, in.ID))
}

type messageFilter struct {
	ByID
	Before int64 `query:"before_seq" minimum:"0"`
	After  int64 `query:"after_rev" minimum:"0"`
	Limit  int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (s *Server) listMessages(ctx context.Context, in *messageFilter) (*List[chat.Message], error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.Chat.Looks(ctx, tenant(ctx), in.ID, auth.From(ctx).User); err != nil {
		return nil, err
	}
	return whole(s.Chat.Messages(ctx, tenant(ctx), in.ID, in.Before, in.After, in.Limit))
}

func (s *Server) sendMessage(ctx context.Context, in *Change[chat.NewMessage]) (*One[chat.Message], error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	in.Body.Author, in.Body.Name = chat.ByAgent, auth.From(ctx).Name
	return one(s.Chat.Send(ctx, tenant(ctx), in.ID, in.Body))
}

// NewNote is an internal note.
type NewNote struct {
	Client   *uuid.UUID  `json:"client_id,omitempty"`
	Text     string      `json:"text" minLength:"1" maxLength:"20000"`
	Mentions []uuid.UUID `json:"mentions,omitempty" maxItems:"20"`
}

func (s *Server) addConversationNote(ctx context.Context, in *Change[NewNote]) (*One[chat.Message], error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	for _, u := range in.Body.Mentions {
		if ok, err := s.Auth.Exists(ctx, u); err != nil || !ok {
			return nil, errorOr(err, auth.ErrNoUser.WithField("mentions"))
		}
	}
	return one(s.Chat.AddNote(ctx, tenant(ctx), in.ID, in.Body.Client, auth.From(ctx).Name, in.Body.Text, in.Body.Mentions))
}

// ByMessage names a message of a conversation.
type ByMessage struct {
	ByID
	Message uuid.UUID `path:"message" format:"uuid"`
}

type changeMessage[T any] struct {
	ByMessage
	Body T
}

// NewReaction is an emoji.
type NewReaction struct {
	Emoji string `json:"emoji" maxLength:"64"`
}

func (s *Server) react(ctx context.Context, in *changeMessage[NewReaction]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.React(ctx, tenant(ctx), in.ID, in.Message, in.Body.Emoji))
}

func (s *Server) retryMessage(ctx context.Context, in *ByMessage) (*One[chat.Message], error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Chat.Retry(ctx, tenant(ctx), in.ID, in.Message))
}

// NewText is the new text of a message.
type NewText struct {
	Text string `json:"text" minLength:"1" maxLength:"20000"`
}

func (s *Server) editMessage(ctx context.Context, in *changeMessage[NewText]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Edit(ctx, tenant(ctx), in.ID, in.Message, in.Body.Text))
}

func (s *Server) unsendMessage(ctx context.Context, in *ByMessage) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Unsend(ctx, tenant(ctx), in.ID, in.Message))
}

// Switched is on or off.
type Switched struct {
	On bool `json:"on"`
}

func (s *Server) setTyping(ctx context.Context, in *Change[Switched]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Typing(ctx, tenant(ctx), in.ID, in.Body.On))
}

// ReadUntil is the last message that one has read.
type ReadUntil struct {
	Seq int64 `json:"seq" minimum:"0"`
}

func (s *Server) markRead(ctx context.Context, in *Change[ReadUntil]) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Read(ctx, tenant(ctx), in.ID, auth.From(ctx).User, in.Body.Seq))
}

func (s *Server) acceptConversation(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Chat.Accept(ctx, tenant(ctx), in.ID, auth.From(ctx).User))
}

func (s *Server) declineConversation(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Chat.Decline(ctx, tenant(ctx), in.ID, auth.From(ctx).User))
}

func (s *Server) takeConversation(ctx context.Context, in *ByID) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Take(ctx, tenant(ctx), in.ID, auth.From(ctx).User))
}

// ToAgent names an agent.
type ToAgent struct {
	Agent uuid.UUID `json:"agent_id" format:"uuid"`
}

func (s *Server) assignConversation(ctx context.Context, in *Change[ToAgent]) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.reachAgent(ctx, in.Body.Agent); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Transfer(ctx, tenant(ctx), in.ID, chat.Transfer{Agent: &in.Body.Agent, Assigned: true}))
}

func (s *Server) transferConversation(ctx context.Context, in *Change[chat.Transfer]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	if q := in.Body.Queue; q != nil {
		if _, err := s.Queues.Queue(ctx, tenant(ctx), *q); err != nil {
			return nil, err
		}
	}
	return nothing(s.Chat.Transfer(ctx, tenant(ctx), in.ID, in.Body))
}

// SnoozeUntil is how long a conversation is put aside.
type SnoozeUntil struct {
	Until *time.Time `json:"until,omitempty" doc:"left out: until the customer writes"`
}

func (s *Server) snoozeConversation(ctx context.Context, in *Change[SnoozeUntil]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Snooze(ctx, tenant(ctx), in.ID, in.Body.Until))
}

func (s *Server) reopenConversation(ctx context.Context, in *ByID) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Reopen(ctx, tenant(ctx), in.ID))
}

// Closing is how a conversation ends.
type Closing struct {
	Disposition string `json:"disposition,omitempty" maxLength:"100"`
	Notes       string `json:"notes,omitempty" maxLength:"4000"`
}

func (s *Server) closeConversation(ctx context.Context, in *Change[Closing]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Close(ctx, tenant(ctx), in.ID, chat.ClosedByAgent, auth.From(ctx).User, in.Body.Disposition, in.Body.Notes))
}

func (s *Server) endConversation(ctx context.Context, in *endInput) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	why := ""
	if in.Body != nil {
		why = in.Body.Reason
	}
	return nothing(s.Chat.Close(ctx, tenant(ctx), in.ID, chat.ClosedBySupervisor, auth.From(ctx).User, "", why))
}

// Watching is whether somebody watches a conversation.
type Watching struct {
	On  bool   `json:"on"`
	Why string `json:"why,omitempty" maxLength:"500"`
}

func (s *Server) watchConversation(ctx context.Context, in *Change[Watching]) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Chat.Watch(ctx, tenant(ctx), in.ID, in.Body.On, in.Body.Why))
}

// Collaborators are who else works on a conversation.
type Collaborators struct {
	Agents []uuid.UUID `json:"agents" maxItems:"20"`
}

func (s *Server) setCollaborators(ctx context.Context, in *Change[Collaborators]) (*Nothing, error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	for _, u := range in.Body.Agents {
		if ok, err := s.Auth.Exists(ctx, u); err != nil || !ok {
			return nil, errorOr(err, auth.ErrNoUser.WithField("agents"))
		}
	}
	return nothing(s.Chat.SetCollaborators(ctx, tenant(ctx), in.ID, in.Body.Agents))
}

func (s *Server) setConversationPriority(ctx context.Context, in *Change[Priority]) (*Nothing, error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.SetPriority(ctx, tenant(ctx), in.ID, in.Body.Priority))
}

// TicketLink is a ticket that there is, or one to make.
type TicketLink struct {
	Ticket   *uuid.UUID   `json:"ticket_id,omitempty"`
	Title    string       `json:"title,omitempty" maxLength:"200"`
	Type     crm.Type     `json:"type,omitempty"`
	Priority crm.Priority `json:"priority,omitempty"`
}

var errTicketLink = fault.New(fault.Invalid, "ticket_or_title", "Give a ticket, or the title of a new one.").WithField("title")

func (s *Server) setConversationTicket(ctx context.Context, in *Change[TicketLink]) (*One[crm.Ticket], error) {
	if err := s.writeTo(ctx, in.ID); err != nil {
		return nil, err
	}
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.Chat.Conversation(ctx, tenant(ctx), r, in.ID)
	if err != nil {
		return nil, err
	}
	var t crm.Ticket
	switch b := in.Body; {
	case b.Ticket != nil:
		tickets, notAllowed := allow(ctx, "write:tickets")
		if notAllowed != nil {
			return nil, notAllowed
		}
		t, err = s.ticket(tickets, *b.Ticket)
	case b.Title != "":
		if _, err := allow(ctx, "create:tickets"); err != nil {
			return nil, err
		}
		t, err = s.CRM.CreateTicket(ctx, tenant(ctx), crm.NewTicket{Title: b.Title, Type: b.Type, Priority: b.Priority, Contact: &c.Contact})
	default:
		err = errTicketLink
	}
	if err != nil {
		return nil, err
	}
	if t, err = s.CRM.LinkTo(ctx, tenant(ctx), t.ID, in.ID, crm.LinkConversation); err != nil {
		return nil, err
	}
	return one(t, s.Chat.SetTicket(ctx, tenant(ctx), in.ID, t.ID))
}

func (s *Server) listSteps(ctx context.Context, in *ByID) (*List[chat.Happened], error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return whole(s.Chat.Steps(ctx, tenant(ctx), in.ID))
}

func (s *Server) listConversationDecisions(ctx context.Context, in *ByID) (*List[queues.Decision], error) {
	if err := s.reachConversation(ctx, in.ID); err != nil {
		return nil, err
	}
	return whole(s.Queues.Decisions(ctx, tenant(ctx), in.ID))
}
