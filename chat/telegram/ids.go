package telegram

import (
	"fmt"
	"strconv"
	"strings"

	"tandem/chat"
)

// address is a chat of the bot's own, or one of a business account that the bot answers for. As text it is "chat" or "connection/chat".
type address struct {
	connection string
	chat       int64
}

func (a address) String() string {
	if a.connection == "" {
		return strconv.FormatInt(a.chat, 10)
	}
	return a.connection + "/" + strconv.FormatInt(a.chat, 10)
}

// message is the id of a message that is unique in the account: Telegram numbers the messages of each chat. "chat/7".
func (a address) message(id int64) string { return a.String() + "/" + strconv.FormatInt(id, 10) }

// fields are the address as calls take it.
func (a address) fields() map[string]any {
	f := map[string]any{"chat_id": a.chat}
	if a.connection != "" {
		f["business_connection_id"] = a.connection
	}
	return f
}

func parseChat(text string) (address, error) {
	var a address
	if at := strings.LastIndexByte(text, '/'); at >= 0 {
		a.connection, text = text[:at], text[at+1:]
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.Contains(a.connection, "/") {
		return address{}, fmt.Errorf("read the id of a chat: %w", strconv.ErrSyntax)
	}
	a.chat = id
	return a, nil
}

func parseMessage(text string) (address, int64, error) {
	at := strings.LastIndexByte(text, '/')
	if at < 0 {
		return address{}, 0, fmt.Errorf("read the id of a message: %w", strconv.ErrSyntax)
	}
	id, err := strconv.ParseInt(text[at+1:], 10, 64)
	if err != nil {
		return address{}, 0, fmt.Errorf("read the id of a message: %w", strconv.ErrSyntax)
	}
	a, err := parseChat(text[:at])
	return a, id, err
}

// person is a user or bot.
type person struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Username  string `json:"username"`
	Language  string `json:"language_code"`
}

func (p person) name() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// talk is a chat: a person or a group.
type talk struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Title     string `json:"title"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Username  string `json:"username"`
}

func (t talk) private() bool { return t.Type == "private" || t.Type == "" }

func (t talk) name() string {
	if t.Title != "" {
		return t.Title
	}
	return strings.TrimSpace(t.FirstName + " " + t.LastName)
}

// customer is who a chat is with: the person, or the group as a whole.
func customer(where address, t talk, from person) chat.Person {
	p := chat.Person{ID: where.String(), Name: t.name(), Username: t.Username}
	if t.private() && from.ID == t.ID {
		p.Language = from.Language
		if p.Name == "" {
			p.Name = from.name()
		}
		if p.Username == "" {
			p.Username = from.Username
		}
	}
	return p
}
