package crmsync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/chat"
	"tandem/queues"
	"tandem/smartactions"
)

// transcript is what a ticket is told of a conversation that was closed.
type transcript struct {
	c       *chat.Transcript
	closed  closedJob
	actions []smartactions.Action
	records []datum
}

// longestBody of a note, in characters; what is longer is whole in the file.
const longestBody = 40_000

// write puts the transcript on a ticket: as a note for reading, and as a file. What agents noted among themselves is a note of its own, never
// in the file: people send such files to customers (TK-5).
func (t *transcript) write(ctx context.Context, p Provider, ticket string) error {
	key := fmt.Sprintf("conversation %s %d", t.c.ID, t.closed.Seq)
	said := t.said()
	body := []rune(t.head() + "\n\n" + said)
	file := File{Name: t.fileName(), ContentType: "text/plain; charset=utf-8", Note: "Transcript of the conversation"}
	if len(body) > longestBody {
		body = append(body[:longestBody], []rune("\n…\n\nThe rest is in "+file.Name+".")...)
	}
	if err := p.AddNote(ctx, ticket, Note{Key: key, Title: "Conversation", Body: strings.TrimSpace(string(body))}); err != nil {
		return err
	}
	if notes := []rune(t.notes()); len(notes) > 0 {
		n := Note{Key: key + " notes", Title: "Internal notes of the conversation", Body: string(notes[:min(len(notes), longestBody)])}
		if err := p.AddNote(ctx, ticket, n); err != nil {
			return err
		}
	}
	if !t.spoken() {
		return nil
	}
	text := t.head() + "\n\n" + said + "\n"
	file.Size = int64(len(text))
	return attachOnce(ctx, p, ticket, file, strings.NewReader(text))
}

// fileName is one for each closing.
func (t *transcript) fileName() string {
	return fmt.Sprintf("conversation-%s_%s_%d.txt", t.closed.Closed.UTC().Format(time.DateOnly), part(t.c.ID), t.closed.Seq)
}

// spoken says whether somebody said anything.
func (t *transcript) spoken() bool {
	return slices.ContainsFunc(t.c.Messages, func(m chat.Message) bool { return m.Direction != chat.Internal })
}

// files are those of the messages that have not been taken back.
func (t *transcript) files() (all []mediaJob) {
	for i := range t.c.Messages {
		m := &t.c.Messages[i]
		if m.Direction == chat.Internal || m.UnsentAt != nil {
			continue
		}
		for _, a := range m.Attachments {
			if s := chat.MediaState(a.State); s == chat.MediaStored || s == chat.MediaPending {
				all = append(all, mediaJob{Attachment: a.ID, Name: fileName(a), Note: "Sent by " + t.author(m)})
			}
		}
	}
	return all
}

func who(c *chat.Transcript) string {
	for _, name := range []string{c.Person.Name, c.Person.Username, c.Person.Phone} {
		if name = oneLine(name); name != "" {
			return name
		}
	}
	return "a customer"
}

func channelName(c queues.Channel) string {
	switch c {
	case chat.WhatsApp:
		return "WhatsApp"
	case chat.WeChat:
		return "WeChat"
	case chat.LINE:
		return "LINE"
	case chat.SMS:
		return "SMS"
	}
	return strings.ToUpper(string(c[:1])) + string(c[1:])
}

// head is what there is to know of the conversation beside what was said.
func (t *transcript) head() string {
	c := t.c
	var b strings.Builder
	line := func(name, value string) {
		if value = oneLine(value); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("Channel", channelName(c.Channel)+" ("+c.Account.Label+")")
	line("Customer", who(c))
	line("Phone", c.Person.Phone)
	line("Known there as", strings.Join(slices.DeleteFunc([]string{c.Person.ID, c.Person.Alias, c.Person.Username}, func(s string) bool { return s == "" }), ", "))
	line("Queue", strings.Join(c.QueuePath, " › "))
	line("Agent", c.OwnerName)
	line("Opened", utc(t.closed.Opened))
	line("Closed", utc(t.closed.Closed))
	line("Result", reason(t.closed.Reason))
	line("Disposition", t.closed.Disposition)
	for _, d := range t.records {
		line(d.name, d.value)
	}
	line("Conversation", c.ID.String())
	return strings.TrimSpace(b.String())
}

func reason(r chat.CloseReason) string {
	return map[chat.CloseReason]string{
		chat.ClosedByAgent: "closed by the agent", chat.ClosedBySupervisor: "ended by a supervisor", chat.ClosedByCustomer: "ended by the customer",
		chat.ClosedAgentSilent: "no answer of the agent for too long", chat.ClosedCustomerSilent: "the customer said no more", chat.ClosedNeverWrote: "the customer said nothing",
		chat.ClosedMerged: "continued in another conversation",
	}[r]
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime) + " UTC"
}

// said is what both sides said, and what happened.
func (t *transcript) said() string {
	var b strings.Builder
	for i := range t.c.Messages {
		if m := &t.c.Messages[i]; m.Kind != chat.Note {
			t.message(&b, m)
		}
	}
	return strings.TrimSpace(b.String())
}

func (t *transcript) notes() string {
	var b strings.Builder
	for i := range t.c.Messages {
		if m := &t.c.Messages[i]; m.Kind == chat.Note {
			t.message(&b, m)
		}
	}
	return strings.TrimSpace(b.String())
}

// message writes one message. What follows its first line is indented, so that nobody's text looks like somebody else's message.
func (t *transcript) message(b *strings.Builder, m *chat.Message) {
	lines := t.lines(m)
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "[%s] %s: %s\n", utc(m.At), t.author(m), strings.ReplaceAll(plain(lines[0]), "\n", "\n    "))
	for _, l := range lines[1:] {
		fmt.Fprintf(b, "    %s\n", strings.ReplaceAll(plain(l), "\n", "\n    "))
	}
}

func (t *transcript) author(m *chat.Message) string {
	name := oneLine(m.AuthorName)
	switch m.Author {
	case chat.ByCustomer:
		return who(t.c)
	case chat.ByBot:
		return "Virtual agent"
	case chat.BySystem:
		return "Tandem"
	case chat.ByApp:
		if name == "" {
			return "Sent elsewhere"
		}
		return name
	}
	if name == "" {
		return "Agent"
	}
	return name
}

func (t *transcript) lines(m *chat.Message) (all []string) {
	if m.UnsentAt != nil {
		return []string{"(taken back)"}
	}
	add := func(s string) {
		if s != "" {
			all = append(all, s)
		}
	}
	if m.Quote != nil && m.Quote.Text != "" {
		defer func() { all = append(all, "(in answer to: "+oneLine(m.Quote.Text)+")") }()
	}
	switch m.Kind {
	case chat.System:
		add(t.happened(m))
	case chat.SmartAction:
		add(t.asked(m))
	case chat.Unsupported:
		add(m.Text)
		add("(a message that cannot be shown: " + m.Body.Type + ")")
	default:
		add(m.Text)
		t.body(&m.Body, add)
	}
	for _, a := range m.Attachments {
		switch chat.MediaState(a.State) {
		case chat.MediaStored, chat.MediaPending:
			add("(file: " + fileName(a) + ")")
		default:
			add("(a file that could not be fetched: " + a.Name + ")")
		}
	}
	for _, r := range m.Reactions {
		add("(reaction " + map[bool]string{true: "of ours", false: "of the customer"}[r.Ours] + ": " + r.Emoji + ")")
	}
	if m.EditedAt != nil {
		add("(edited)")
	}
	if m.Status == chat.StatusFailed {
		add("(not delivered)")
	}
	return all
}

// body is what a message says beside its text.
func (t *transcript) body(b *chat.Body, add func(string)) {
	if b.Location != nil {
		add(b.Location.String())
	}
	for _, c := range b.Contacts {
		add("(contact: " + strings.Join(append(append([]string{c.Name}, c.Phones...), c.Emails...), ", ") + ")")
	}
	for _, o := range b.Options {
		add("- " + o.Title)
	}
	if b.Template != nil {
		add("(template " + b.Template.Name + ")")
	}
	for _, o := range b.Order {
		add(fmt.Sprintf("(order: %v × %s, %v %s)", o.Quantity, o.Product, o.Price, o.Currency))
	}
	if b.Link != nil {
		add(strings.TrimSpace(b.Link.Title + " " + b.Link.URL))
	}
}

// happened is a system message in words.
func (t *transcript) happened(m *chat.Message) string {
	switch m.Body.Type {
	case "agent_joined":
		return "(" + strings.TrimSpace(oneLine(m.AuthorName)+" has joined") + ")"
	case "transferred", "returned":
		return "(" + m.Body.Type + " to a queue or agent)"
	case "closed":
		return "(closed: " + reason(chat.CloseReason(m.Body.Data["reason"])) + ")"
	case "":
		return m.Text
	}
	return "(" + strings.ReplaceAll(m.Body.Type, "_", " ") + ")"
}

// asked is a request to the customer with what came of it. The link is nobody else's business.
func (t *transcript) asked(m *chat.Message) string {
	i := -1
	if m.Body.Action != nil {
		i = slices.IndexFunc(t.actions, func(a smartactions.Action) bool { return a.ID == *m.Body.Action })
	}
	if i < 0 {
		return "(the customer was asked for something)"
	}
	a := t.actions[i]
	text := "(asked for " + map[smartactions.Kind]string{
		smartactions.Verification: "a verification", smartactions.Photos: "photos", smartactions.Screenshot: "a screenshot", smartactions.Video: "a video", smartactions.Text: "a text",
	}[a.Kind] + ": " + string(a.State)
	if a.State == smartactions.StateDone {
		if result := oneLine(answerNote(a).Body); result != "" {
			text += ". " + result
		}
	}
	return text + ")"
}

// plain takes out what would garble a text file or a CRM's database.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0x85 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

func oneLine(s string) string { return strings.Join(strings.Fields(plain(s)), " ") }
