package telegram

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"strings"

	"tandem/chat"
)

// Send sends, edits, deletes or reacts. Text goes out as it is, without any markup that would have to be escaped. A group that has become a
// supergroup is written to by its new id at once.
func (c *account) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	switch {
	case m.React != "":
		return c.react(ctx, m)
	case m.Edit != "":
		return c.edit(ctx, m)
	case m.Unsend != "":
		return c.unsend(ctx, m)
	}
	to, err := parseChat(m.To.ID)
	if err != nil {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictUnreachable, Code: "recipient", Err: err}
	}
	sent, err := c.send(ctx, to, m)
	var r *refusal
	if errors.As(err, &r) && r.Parameters.MovedTo != 0 {
		to.chat = r.Parameters.MovedTo
		sent, err = c.send(ctx, to, m)
	}
	var failed *chat.SendError
	if errors.As(err, &failed) && failed.Verdict == chat.VerdictThrottled && to.chat < 0 {
		failed.Verdict = chat.VerdictPair // a group takes 20 messages a minute, far less than the bot may send
	}
	return sent, err
}

func reject(code, why string) *chat.SendError {
	return &chat.SendError{Verdict: chat.VerdictRejected, Code: code, Detail: why}
}

func (c *account) send(ctx context.Context, to address, m chat.Outgoing) (chat.Sent, error) {
	fields := to.fields()
	if at, id, err := parseMessage(m.Quote); err == nil && at == to {
		fields["reply_parameters"] = map[string]any{"message_id": id, "allow_sending_without_reply": true}
	}
	if len(m.Body.Options) > 0 {
		fields["reply_markup"] = keyboard(m.Body.Options)
	}
	var got message
	var err error
	if m.Media != nil {
		err = c.file(ctx, fields, m, &got)
	} else {
		method, content := words(m)
		if method == "" {
			return chat.Sent{}, reject("empty", "There is nothing to send.")
		}
		maps.Copy(fields, content)
		err = c.call(ctx, method, fields, &got)
	}
	if err != nil {
		return chat.Sent{}, err
	}
	return chat.Sent{ID: to.message(got.ID), Status: chat.StatusSent}, nil
}

// words are the method and parameters of a message without a file.
func words(m chat.Outgoing) (string, map[string]any) {
	switch at, cards := m.Body.Location, m.Body.Contacts; {
	case at != nil && at.Name != "" && at.Address != "":
		return "sendVenue", map[string]any{"latitude": at.Latitude, "longitude": at.Longitude, "title": at.Name, "address": at.Address}
	case at != nil:
		return "sendLocation", map[string]any{"latitude": at.Latitude, "longitude": at.Longitude}
	case len(cards) == 1 && len(cards[0].Phones) > 0 && cards[0].Name != "":
		return "sendContact", map[string]any{"phone_number": cards[0].Phones[0], "first_name": cards[0].Name}
	}
	var lines []string
	if m.Text != "" {
		lines = append(lines, m.Text)
	}
	for _, card := range m.Body.Contacts {
		lines = append(lines, strings.Join(append(append([]string{card.Name}, card.Phones...), card.Emails...), "\n"))
	}
	if l := m.Body.Link; l != nil && !strings.Contains(m.Text, l.URL) {
		lines = append(lines, l.URL)
	}
	if len(lines) == 0 {
		return "", nil
	}
	return "sendMessage", map[string]any{"text": strings.Join(lines, "\n")}
}

func keyboard(options []chat.Option) map[string]any {
	rows := make([][]button, 0, len(options))
	for _, o := range options {
		rows = append(rows, []button{{Text: o.Title, Data: key(o)}})
	}
	return map[string]any{"inline_keyboard": rows}
}

// key is what a button gives back: its option's id, or, where that is longer than the 64 bytes that Telegram keeps, "#" and a hash of it.
// The words on the button come back in either case.
func key(o chat.Option) string {
	switch {
	case o.ID == "":
		return key(chat.Option{ID: "#" + o.Title})
	case len(o.ID) <= 64:
		return o.ID
	}
	sum := sha256.Sum256([]byte(o.ID))
	return "#" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// file uploads a file by the method of its kind, or as a document where it has no kind that Telegram shows.
func (c *account) file(ctx context.Context, fields map[string]any, m chat.Outgoing, out *message) error {
	if m.Media.Bytes > uploadLimit {
		return reject("too_large", "Telegram takes files of up to 50 MB.")
	}
	method, field := methodOf(m.Media)
	if m.Text != "" && field != "sticker" {
		fields["caption"] = m.Text
	}
	if s := int64(m.Media.Seconds); s > 0 && (field == "video" || field == "audio" || field == "voice") {
		fields["duration"] = s
	}
	return c.upload(ctx, method, fields, upload{field, m.Media}, out)
}

// methodOf is the method for a file and the name of its field.
func methodOf(f *chat.OutgoingMedia) (method, field string) {
	kind, _, _ := strings.Cut(f.ContentType, ";")
	switch kind {
	case "image/gif":
		return "sendAnimation", "animation"
	case "image/jpeg", "image/png", "image/webp":
		if f.Kind == chat.Image && f.Bytes <= photoLimit {
			return "sendPhoto", "photo"
		}
		if f.Kind == chat.Sticker && f.Bytes <= stickerLimit {
			return "sendSticker", "sticker"
		}
	case "video/mp4":
		if f.Kind == chat.Video {
			return "sendVideo", "video"
		}
	case "audio/ogg", "audio/mpeg", "audio/mp4", "audio/x-m4a":
		if f.Kind == chat.Audio && f.Voice {
			return "sendVoice", "voice"
		}
		if f.Kind == chat.Audio && kind != "audio/ogg" {
			return "sendAudio", "audio"
		}
	}
	return "sendDocument", "document"
}

// upload calls a method with a file, which is read as it is sent.
func (c *account) upload(ctx context.Context, method string, fields map[string]any, u upload, out any) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range fields {
		text, plain := value.(string)
		if !plain {
			b, err := json.Marshal(value)
			if err != nil {
				return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
			}
			text = string(b)
		}
		if err := w.WriteField(name, text); err != nil {
			return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
		}
	}
	name := u.media.Name
	if name == "" {
		name = "file"
	}
	header := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(u.field, name)}}
	if u.media.ContentType != "" {
		header.Set("Content-Type", u.media.ContentType)
	}
	if _, err := w.CreatePart(header); err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
	}
	file, err := u.media.Open()
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRetry, Err: fmt.Errorf("open the file: %w", err)}
	}
	defer file.Close()
	end := "\r\n--" + w.Boundary() + "--\r\n"
	size := int64(form.Len()) + u.media.Bytes + int64(len(end))
	if u.media.Bytes == 0 {
		size = -1 // nobody knows
	}
	body := io.MultiReader(&form, file, strings.NewReader(end))
	return c.post(ctx, method, w.FormDataContentType(), size, body, out)
}

func (c *account) react(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	to, id, err := parseMessage(m.React)
	if err != nil {
		return chat.Sent{}, reject("message", err.Error())
	}
	shown := []map[string]string{}
	if m.Text != "" {
		shown = append(shown, map[string]string{"type": "emoji", "emoji": m.Text})
	}
	err = c.call(ctx, "setMessageReaction", map[string]any{"chat_id": to.chat, "message_id": id, "reaction": shown}, nil)
	return changed(m.React, err)
}

// edit gives a message another text, or a file another caption.
func (c *account) edit(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	to, id, err := parseMessage(m.Edit)
	if err != nil {
		return chat.Sent{}, reject("message", err.Error())
	}
	fields := to.fields()
	fields["message_id"], fields["text"] = id, m.Text
	if len(m.Body.Options) > 0 {
		fields["reply_markup"] = keyboard(m.Body.Options)
	}
	err = c.call(ctx, "editMessageText", fields, nil)
	if named(err, codeCaption) {
		delete(fields, "text")
		fields["caption"] = m.Text
		err = c.call(ctx, "editMessageCaption", fields, nil)
	}
	if named(err, codeUnchanged) {
		err = nil // it reads so already
	}
	return changed(m.Edit, err)
}

func (c *account) unsend(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	to, id, err := parseMessage(m.Unsend)
	if err != nil {
		return chat.Sent{}, reject("message", err.Error())
	}
	if to.connection == "" {
		err = c.call(ctx, "deleteMessage", map[string]any{"chat_id": to.chat, "message_id": id}, nil)
	} else {
		err = c.call(ctx, "deleteBusinessMessages", map[string]any{"business_connection_id": to.connection, "message_ids": []int64{id}}, nil)
	}
	if named(err, codeNotFound) {
		err = nil // it is gone already
	}
	return changed(m.Unsend, err)
}

func changed(id string, err error) (chat.Sent, error) {
	if err != nil {
		return chat.Sent{}, err
	}
	return chat.Sent{ID: id, Status: chat.StatusSent}, nil
}

// Signal shows that somebody types, for 5 s or until the next message, and marks messages to business accounts as read.
func (c *account) Signal(ctx context.Context, s chat.Signal) error {
	switch s.Kind {
	case chat.SignalTyping:
		to, err := parseChat(s.To.ID)
		if err != nil {
			return err
		}
		fields := to.fields()
		fields["action"] = "typing"
		return c.call(ctx, "sendChatAction", fields, nil)
	case chat.SignalRead:
		to, id, err := parseMessage(s.Message)
		if err != nil || to.connection == "" {
			return nil //nolint:nilerr // other chats have no read marks, and neither have pressed buttons
		}
		fields := to.fields()
		fields["message_id"] = id
		return c.call(ctx, "readBusinessMessage", fields, nil)
	}
	return nil
}
