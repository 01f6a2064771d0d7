package salesforce

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

// EnsureTicket finds the case that bears the call or conversation in its field, or makes it. The field is unique, so that there is one case
// whoever asks, and however often.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	item := crmsync.ItemTag(m.Item)
	var known saved
	err := p.JSON(ctx, http.MethodGet, sobjects+"Case/"+p.fields[itemField]+"/"+url.PathEscape(item)+"?fields=Id", nil, &known)
	if err == nil && recordID.MatchString(known.ID) {
		return known.ID, nil
	}
	if err != nil && !gone(err) {
		return "", fmt.Errorf("look for the case in Salesforce: %w", err)
	}
	contact, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	body := make(map[string]any)
	for name, value := range m.Fields {
		if value != "" {
			body[name] = value
		}
	}
	body["ContactId"], body["Subject"], body["Description"] = contact, cut(m.Title, 255), m.Words
	if queue := p.fields[queueField]; queue != "" && m.Queue != nil {
		body[queue] = crmsync.QueueTag(m.Queue)
	}
	header := http.Header{}
	if p.queue != "" {
		owner, err := p.owner(ctx)
		if err != nil {
			return "", err
		}
		body["OwnerId"] = owner
		header.Set("Sforce-Auto-Assign", "FALSE") // or else the org's rules would give it to another
	}
	id, err := p.upsert(ctx, "Case", p.fields[itemField], item, header, body)
	if err != nil {
		return "", fmt.Errorf("make the case in Salesforce: %w", err)
	}
	return id, nil
}

// owner is the id of the queue that new cases go to.
func (p *provider) owner(ctx context.Context) (string, error) {
	id, err := p.first(ctx, "Group", "Type = 'Queue' AND DeveloperName = "+quote(p.queue))
	if err == nil && id == "" {
		err = &recording.SendError{Class: recording.ClassRejected, Err: ErrQueue}
	}
	return id, err
}

func cut(text string, most int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}

// when is a time as Salesforce writes it: 2026-11-21T19:55:22.000+0000.
type when struct{ time.Time }

// UnmarshalJSON takes null for the zero time.
func (w *when) UnmarshalJSON(b []byte) (err error) {
	if text := strings.Trim(string(b), `"`); text != "null" && text != "" {
		w.Time, err = time.Parse("2006-01-02T15:04:05.999Z0700", text)
	}
	return err
}

// Tickets lists the cases of a contact.
func (p *provider) Tickets(ctx context.Context, contact string) (list []crmsync.Ticket, err error) {
	if !recordID.MatchString(contact) {
		return nil, &recording.SendError{Class: recording.ClassGone, Err: errNoID}
	}
	soql := "SELECT " + p.caseColumns() + " FROM Case WHERE ContactId = " + quote(contact) + " ORDER BY LastModifiedDate DESC, Id DESC LIMIT 50"
	err = query(ctx, p, soql, func(r map[string]any) {
		if t := p.shown(r); recordID.MatchString(t.ID) {
			list = append(list, t)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list the contact's cases in Salesforce: %w", err)
	}
	return list, nil
}

// caseColumns are what is read of cases.
func (p *provider) caseColumns() string {
	columns := "Id,Subject,IsClosed,ClosedDate,LastModifiedDate"
	if queue := p.fields[queueField]; queue != "" {
		columns += "," + queue
	}
	return columns
}

func (p *provider) shown(r map[string]any) crmsync.Ticket {
	id := text(r["Id"])
	return crmsync.Ticket{
		ID: id, Title: text(r["Subject"]), Open: r["IsClosed"] == false, Queue: crmsync.TaggedQueue(text(r[p.fields[queueField]])),
		UpdatedAt: at(r["LastModifiedDate"]), ClosedAt: at(r["ClosedDate"]), URL: p.session.page(id),
	}
}

// Search finds contacts and cases by words (parameterized search): what is new shows there after a while.
func (p *provider) Search(ctx context.Context, words string) (found crmsync.Found, err error) {
	query := url.Values{
		"q": {words}, "sobject": {"Contact", "Case"}, "Contact.fields": {"Id,Name"}, "Case.fields": {p.caseColumns()}, "defaultLimit": {strconv.Itoa(crmsync.MostFound)},
	}
	var answer struct {
		Records []map[string]any `json:"searchRecords"`
	}
	if err := p.JSON(ctx, http.MethodGet, data+"/parameterizedSearch?"+query.Encode(), nil, &answer); err != nil {
		return found, fmt.Errorf("search in Salesforce: %w", err)
	}
	for _, r := range answer.Records {
		what, _ := r["attributes"].(map[string]any)
		switch id := text(r["Id"]); {
		case !recordID.MatchString(id):
		case what["type"] == "Case":
			found.Tickets = append(found.Tickets, p.shown(r))
		case what["type"] == "Contact":
			found.Contacts = append(found.Contacts, p.linked(crmsync.Contact{ID: id, Name: text(r["Name"])}))
		}
	}
	return found, nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func at(v any) (t time.Time) {
	var w when
	if w.UnmarshalJSON([]byte(text(v))) == nil {
		t = w.Time
	}
	return t
}

// page is a record's address in a browser.
func (s *session) page(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Instance + "/" + id
}

// longestComment of a case in bytes, by Salesforce's reference of the object CaseComment.
const longestComment = 4000

// AddNote makes a comment on a case that customers do not see. Its first line ends in the note's key, by which it is found if it was made
// before. A longer note goes on in a file.
func (p *provider) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	path, err := record("Case", ticket)
	if err != nil {
		return err
	}
	first, found := n.Title+" ("+n.Key+")", false
	type comment struct{ CommentBody string }
	err = query(ctx, p, "SELECT CommentBody FROM CaseComment WHERE ParentId = "+quote(ticket), func(c comment) {
		head, _, _ := strings.Cut(c.CommentBody, "\n")
		found = found || strings.TrimSpace(head) == first
	})
	if err != nil {
		return fmt.Errorf("list the case's comments in Salesforce: %w", err)
	}
	if found {
		return nil
	}
	if err := p.JSON(ctx, http.MethodGet, path+"?fields=Id", nil, nil); err != nil {
		return fmt.Errorf("look for the case in Salesforce: %w", err)
	}
	body := first + "\n\n" + n.Body
	if len(body) > longestComment {
		if body, err = p.shortened(ctx, ticket, n.Key, body); err != nil {
			return err
		}
	}
	err = p.JSON(ctx, http.MethodPost, sobjects+"CaseComment", map[string]any{"ParentId": ticket, "CommentBody": body, "IsPublished": false}, nil)
	if err != nil {
		return fmt.Errorf("comment on the case in Salesforce: %w", err)
	}
	return nil
}

// shortened puts a long text on the case as a file, once, and returns its beginning.
func (p *provider) shortened(ctx context.Context, ticket, key, body string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	name := fmt.Sprintf("note_%x.txt", sum[:8])
	there, err := p.Attachments(ctx, ticket, name)
	if err == nil && len(there) == 0 {
		f := crmsync.File{Name: name, ContentType: "text/plain; charset=utf-8", Size: int64(len(body)), Note: "The whole of a note"}
		_, err = p.Attach(ctx, ticket, f, strings.NewReader(body))
	}
	if err != nil {
		return "", err
	}
	end := "\n…\n\nThe whole note is in " + name + "."
	return strings.ToValidUTF8(body[:longestComment-len(end)], "") + end, nil
}
