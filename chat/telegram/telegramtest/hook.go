package telegramtest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tandem/chat"
	"tandem/chat/chattest"
)

// next numbers a message of a chat.
func (p *Platform) next(to string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.numbers[to]++
	return p.numbers[to]
}

// number is a message's number within its chat.
func number(id string) int64 {
	n, err := strconv.ParseInt(id[strings.LastIndexByte(id, '/')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p *Platform) user(a chattest.Act) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Name != "" {
		p.names[a.Customer] = a.Name
	}
	name := p.names[a.Customer]
	if name == "" {
		name = "Somebody"
	}
	return map[string]any{"id": json.Number(a.Customer), "is_bot": false, "first_name": name, "language_code": "en"}
}

// Act implements chattest.Platform.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	from := p.user(a)
	talk := map[string]any{"id": from["id"], "type": "private", "first_name": from["first_name"]}
	date := p.Now().Unix()
	kind, what := "message", map[string]any{"from": from, "chat": talk, "date": date}
	id = a.To
	switch a.Kind {
	case chattest.Say:
		what["text"] = a.Text
		if a.To != "" {
			what["reply_to_message"] = map[string]any{"message_id": number(a.To), "date": date, "chat": talk}
		}
	case chattest.Give:
		what["caption"] = a.Text
		p.give(*a.File, what)
	case chattest.Share:
		what["location"] = map[string]any{"latitude": a.Place[0], "longitude": a.Place[1]}
	case chattest.Begin:
		what["text"] = strings.TrimSpace("/start " + a.Text)
	case chattest.Press:
		kind, what = "callback_query", p.press(a, from, talk)
		id = "callback/" + fmt.Sprint(what["id"])
	case chattest.Edit:
		kind = "edited_message"
		what["message_id"], what["edit_date"], what["text"] = number(a.To), date, a.Text
	case chattest.React:
		kind = "message_reaction"
		shown := []map[string]string{}
		if a.Text != "" {
			shown = append(shown, map[string]string{"type": "emoji", "emoji": a.Text})
		}
		what = map[string]any{"chat": talk, "user": from, "date": date, "message_id": number(a.To), "old_reaction": []any{}, "new_reaction": shown}
	case chattest.Block, chattest.Unblock:
		kind = "my_chat_member"
		what["old_chat_member"], what["new_chat_member"] = p.member(a, "member"), p.member(a, "kicked")
		if a.Kind == chattest.Unblock {
			what["old_chat_member"], what["new_chat_member"] = what["new_chat_member"], what["old_chat_member"]
		}
		p.mu.Lock()
		p.blocked[a.Customer] = a.Kind == chattest.Block
		p.mu.Unlock()
	default:
		return "", nil, chattest.ErrCannot // nobody is told that a message was deleted
	}
	if kind == "message" {
		n := p.next(a.Customer)
		what["message_id"] = n
		id = a.Customer + "/" + strconv.FormatInt(n, 10)
	}
	event, err = json.Marshal(map[string]any{"update_id": 10000 + p.Count(), kind: what})
	if err != nil {
		return "", nil, fmt.Errorf("write the update: %w", err)
	}
	return id, event, nil
}

func (p *Platform) member(a chattest.Act, status string) map[string]any {
	return map[string]any{"user": map[string]any{"id": botID, "is_bot": true, "first_name": "Demo"}, "status": status}
}

// press makes a callback query of a button below one of our messages.
func (p *Platform) press(a chattest.Act, from, talk map[string]any) map[string]any {
	about := map[string]any{"message_id": number(a.To), "date": p.Now().Unix(), "chat": talk, "from": map[string]any{"id": botID, "is_bot": true, "first_name": "Demo"}}
	for _, r := range p.Received(a.Customer) {
		if r.ID == a.To && len(r.Options) > 0 {
			about["text"] = r.Text
			about["reply_markup"] = keyboard(r.Options)
		}
	}
	return map[string]any{"id": strconv.Itoa(p.Count()), "from": from, "message": about, "chat_instance": "1", "data": a.Text}
}

func keyboard(options []chat.Option) map[string]any {
	var rows [][]map[string]string
	for _, o := range options {
		rows = append(rows, []map[string]string{{"text": o.Title, "callback_data": o.ID}})
	}
	return map[string]any{"inline_keyboard": rows}
}

// give puts a file into a message. Of a photo there are several sizes.
func (p *Platform) give(file chattest.File, what map[string]any) {
	id := p.AddFile("FILE", file)
	f := map[string]any{"file_id": id, "file_unique_id": "u" + id, "file_size": len(file.Data), "mime_type": file.ContentType, "file_name": file.Name}
	switch file.Kind {
	case chat.Image:
		small := p.AddFile("FILE", chattest.File{Kind: chat.Image, ContentType: "image/jpeg", Data: []byte("small")})
		what["photo"] = []map[string]any{
			{"file_id": small, "file_unique_id": "u" + small, "width": 90, "height": 60, "file_size": 5},
			{"file_id": id, "file_unique_id": "u" + id, "width": 1280, "height": 853, "file_size": len(file.Data)},
		}
	case chat.Video:
		f["duration"], f["width"], f["height"] = 2, 320, 240
		what["video"] = f
	case chat.Audio:
		f["duration"] = 2
		what["voice"] = f
	case chat.Sticker:
		f["emoji"], f["width"], f["height"] = "👍", 512, 512
		what["sticker"] = f
		delete(what, "caption")
	default:
		what["document"] = f
	}
}
