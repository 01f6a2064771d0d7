package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"tandem/chat"
	"tandem/internal/fault"
)

// Mail is how mails leave. Without a Host none do.
type Mail struct {
	Host     string
	Port     int
	User     string // "": the server wants none
	Password string
	From     string // an address, with or without a name
	TLS      string // starttls (the default), tls, none
}

// Errors of mails.
var (
	ErrMailOff     = fault.New(fault.Unavailable, "mail_off", "This installation cannot send e-mail: mail.host and mail.from are not set.")
	ErrMailFailed  = fault.New(fault.Unavailable, "mail_failed", "The e-mail could not be sent; check the address, or try again later.")
	ErrMailAddress = fault.New(fault.Invalid, "email_invalid", "That is no e-mail address.").WithField("email")
)

const (
	mailBurst  = 3
	mailEach   = 10 * time.Minute
	mailWithin = 20 * time.Second
)

// Send sends a mail of plain text now: it has left, or the error says that it has not.
func (m Mail) Send(ctx context.Context, to, subject, text string) error {
	if m.Host == "" || m.From == "" {
		return ErrMailOff
	}
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(m.From), msg.To(to)); err != nil {
		return ErrMailAddress.Because(err)
	}
	msg.Subject(subject)
	msg.SetBodyString(mail.TypeTextPlain, text)
	options := []mail.Option{mail.WithTimeout(mailWithin), mail.WithTLSPolicy(mail.TLSMandatory)}
	switch m.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if m.Port != 0 {
		options = append(options, mail.WithPort(m.Port))
	}
	if m.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(m.Password))
	}
	client, err := mail.NewClient(m.Host, options...)
	if err != nil {
		return fmt.Errorf("set the mail client up: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return ErrMailFailed.Because(err)
	}
	return nil
}

// transcript mails what was said to the visitor.
func (s *Service) transcript(ctx context.Context, p *Page, data json.RawMessage) error {
	d, err := decode[struct {
		Email string `json:"email"`
	}](data)
	if err != nil {
		return err
	}
	w, err := s.widget(ctx, p.Account)
	switch {
	case err != nil:
		return err
	case !w.Settings.Features.Transcript:
		return ErrOff
	case !validEmail(d.Email):
		return ErrMailAddress
	case s.cfg.Mail.Host == "" || s.cfg.Mail.From == "":
		return ErrMailOff
	}
	if err := s.may(p, "mail", mailBurst, mailEach); err != nil {
		return err
	}
	t, err := s.Thread(ctx, p.Visitor, nil)
	if err != nil {
		return err
	}
	if len(t.Messages) == 0 {
		return ErrEmpty
	}
	place := time.UTC
	if zone, err := s.cfg.Zone(ctx, p.Visitor.Tenant); err == nil {
		if found, err := time.LoadLocation(zone); err == nil {
			place = found
		}
	}
	subject, text := write(t, p.Visitor, w.Settings.Texts[p.Visitor.Language].Title, place)
	if err := s.cfg.Mail.Send(ctx, d.Email, subject, text); err != nil {
		return err
	}
	return nil
}

// write is the transcript of the latest conversation.
func write(t Thread, v Visitor, title string, place *time.Location) (subject, text string) {
	w := transcriptWords[v.Language]
	if w.subject == "" {
		w = transcriptWords["en"]
	}
	if subject = w.subject; title != "" {
		subject += ": " + title
	}
	var b strings.Builder
	for _, m := range t.Messages {
		if len(t.Conversations) > 0 && m.Conversation != t.Conversations[0].ID {
			continue
		}
		who := m.Name
		if m.Mine {
			who = w.you
		} else if who == "" {
			who = w.agent
		}
		if m.Author == chat.BySystem {
			who = w.system
		}
		said := m.Text
		if m.Unsent {
			said = w.unsent
		}
		for _, a := range m.Attachments {
			said = strings.TrimSpace(said + "\n[" + a.Name + "]")
		}
		fmt.Fprintf(&b, "%s  %s\n%s\n\n", m.At.In(place).Format("2006-01-02 15:04"), who, said)
	}
	return subject, b.String()
}

type mailWords struct{ subject, you, agent, system, unsent string }

var transcriptWords = map[string]mailWords{
	"en": {"Your conversation with us", "You", "Agent", "Message", "(taken back)"},
	"zh": {"您与我们的对话", "您", "客服", "消息", "（已撤回）"},
}
