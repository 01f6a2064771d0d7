package crm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Scale is what customers choose from.
type Scale string

// The scales (TK-6). Faces are satisfied, neutral and dissatisfied: scores 5, 3 and 1.
const (
	ScaleOff     Scale = "off" // nobody is asked
	ScaleNumbers Scale = "numbers"
	ScaleFaces   Scale = "faces"
)

// TicketSettings are a tenant's settings of tickets.
type TicketSettings struct {
	Mail     bool      `json:"survey_mail,omitempty" doc:"by e-mail, too, where the customer cannot be asked in a conversation"`
	Keywords []Keyword `json:"keywords,omitempty" maxItems:"100" doc:"what customers say in a conversation for a ticket to be made; one of each type at a time"`
	Survey   Scale     `json:"survey" enum:"off,numbers,faces" doc:"what the customer is asked once a ticket is resolved: nothing, 1 to 5, or satisfied, neutral or dissatisfied"`
}

// Ask is a question that is to be sent: into a conversation or, when that is uuid.Nil, to an e-mail address.
type Ask struct {
	Conversation uuid.UUID
	Mail         string
	Token        string // of the page that takes the answer
}

// Survey is a question to a customer after a resolve, and their answer.
type Survey struct {
	ID       uuid.UUID  `json:"id" db:"survey_id"`
	Scale    Scale      `json:"scale" enum:"numbers,faces" db:"scale"`
	SentAt   *time.Time `json:"sent_at,omitempty" db:"sent_at"`
	Score    *int       `json:"score,omitempty" minimum:"1" maximum:"5" db:"score"`
	Comment  string     `json:"comment,omitempty" db:"comment"`
	Answered *time.Time `json:"answered_at,omitempty" db:"answered_at"`
}

// Errors for people.
var (
	ErrScale          = fault.New(fault.Invalid, "bad_survey_scale", "Customers are asked nothing (off), for 1 to 5 (numbers) or for faces.").WithField("survey")
	ErrSurveyMail     = fault.New(fault.Unavailable, "mail_off", "This installation cannot send e-mail: mail.host and mail.from are not set.").WithField("survey_mail")
	ErrNoSurvey       = fault.New(fault.NotFound, "survey_not_found", "There is no such question, or it is too old to be answered.")
	ErrSurveyAnswered = fault.New(fault.Conflict, "survey_answered", "This has been answered already. Thank you!")
	ErrScore          = fault.New(fault.Invalid, "bad_score", "Choose one of the answers.").WithField("score")
)

const (
	surveyLife     = 30 * 24 * time.Hour
	surveyAttempts = 5
	longestComment = 1000
)

// TicketSettings returns a tenant's settings of tickets.
func (s *Service) TicketSettings(ctx context.Context, tenant uuid.UUID) (set TicketSettings, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		set, err = ticketSettings(ctx, tx)
		return err
	})
	return set, err
}

func ticketSettings(ctx context.Context, tx *storage.Tx) (TicketSettings, error) {
	set := TicketSettings{Survey: ScaleOff}
	err := tx.QueryRow(ctx, `SELECT survey, survey_mail, keywords FROM ticket_settings`).Scan(&set.Survey, &set.Mail, &set.Keywords)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return set, fmt.Errorf("read the settings of tickets: %w", err)
	}
	return set, nil
}

// SetTicketSettings changes them.
func (s *Service) SetTicketSettings(ctx context.Context, tenant uuid.UUID, set TicketSettings) error {
	if set.Survey != ScaleOff && set.Survey != ScaleNumbers && set.Survey != ScaleFaces {
		return ErrScale
	}
	if set.Mail && !s.cfg.Mails {
		return ErrSurveyMail
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := checkKeywords(ctx, tx, set.Keywords); err != nil {
			return err
		}
		keywords := set.Keywords
		if keywords == nil {
			keywords = []Keyword{}
		}
		_, err := tx.Exec(ctx, `INSERT INTO ticket_settings (tenant_id, survey, survey_mail, keywords) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id) DO UPDATE SET survey = excluded.survey, survey_mail = excluded.survey_mail, keywords = excluded.keywords`, tenant, set.Survey, set.Mail, keywords)
		if err != nil {
			return fmt.Errorf("store the settings of tickets: %w", err)
		}
		return s.tell(ctx, tx, "ticket_settings.changed", tenant, set)
	})
}

// survey asks the customer of a ticket that is resolved now, if they can be asked: in the conversation that it was last linked to, or else by
// e-mail where the tenant wants that.
func survey(ctx context.Context, tx *storage.Tx, t *Ticket) error {
	set, err := ticketSettings(ctx, tx)
	if err != nil || set.Survey == ScaleOff {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO ticket_surveys (tenant_id, survey_id, ticket_id, conversation, scale, next_at, created_at, expires_at)
		SELECT $1, $2, $3, conversation, $4, $5, $5, $6 FROM (
			(SELECT call_id AS conversation FROM ticket_calls WHERE ticket_id = $3 AND conversation ORDER BY call_id DESC LIMIT 1)
			UNION ALL SELECT NULL FROM contacts WHERE $7 AND contact_id = $8 AND email <> '') ways LIMIT 1 ON CONFLICT DO NOTHING`,
		tx.Tenant, storage.NewID(), t.ID, set.Survey, tx.Now, tx.Now.Add(surveyLife), set.Mail, t.Contact)
	if err != nil {
		return fmt.Errorf("ask a ticket's customer: %w", err)
	}
	return nil
}

// SendSurveys sends the questions that are due. One whose sending was cut off is not sent again: nobody is asked twice.
func (s *Service) SendSurveys(ctx context.Context) error {
	if s.cfg.Ask == nil {
		return nil
	}
	return s.eachDue(ctx, "send questions to customers", `SELECT tenant_id, survey_id FROM ticket_surveys WHERE next_at <= $1 ORDER BY next_at LIMIT $2`, s.sendSurvey)
}

func (s *Service) sendSurvey(ctx context.Context, tenant, id uuid.UUID) error {
	var secret [18]byte
	rand.Read(secret[:]) // never fails (crypto/rand)
	ask := Ask{Token: base64.RawURLEncoding.EncodeToString(secret[:])}
	attempts := 0
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `UPDATE ticket_surveys SET token_hash = $2, sent_at = $3, next_at = NULL, attempts = attempts + 1 WHERE survey_id = $1 AND next_at IS NOT NULL
			RETURNING coalesce(conversation, $4), attempts, coalesce((SELECT email FROM tickets t JOIN contacts USING (contact_id) WHERE t.ticket_id = ticket_surveys.ticket_id), '')`,
			id, hashOf(ask.Token), tx.Now, uuid.Nil).Scan(&ask.Conversation, &attempts, &ask.Mail)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // another node has it
	}
	if err != nil {
		return fmt.Errorf("take a question to send: %w", err)
	}
	result := "sent"
	if sent := s.ask(ctx, tenant, ask); sent != nil {
		if result, err = s.askAgain(context.WithoutCancel(ctx), tenant, id, attempts, sent); err != nil {
			return err
		}
		s.cfg.Log.Warn("a ticket's customer was not asked", "survey", id, "result", result, "err", sent)
	}
	s.surveys.WithLabelValues(result).Inc()
	return nil
}

func (s *Service) ask(ctx context.Context, tenant uuid.UUID, q Ask) error {
	switch {
	case q.Conversation != uuid.Nil:
		q.Mail = ""
	case q.Mail == "":
		return ErrNoSurvey // the address is gone
	}
	return s.cfg.Ask(ctx, tenant, q)
}

// askAgain says when a question that was not sent is tried again: later, at once by e-mail where the conversation takes nothing, or never.
func (s *Service) askAgain(ctx context.Context, tenant, id uuid.UUID, attempts int, why error) (result string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		at := &tx.Now
		later := tx.Now.Add(time.Minute << attempts)
		mail := false
		switch k := fault.KindOf(why); {
		case attempts < surveyAttempts && k != fault.Illegal && k != fault.NotFound && k != fault.Forbidden:
			at, result = &later, "retry"
		default:
			set, err := ticketSettings(ctx, tx)
			if err != nil {
				return err
			}
			if mail, result = set.Mail, "failed"; !mail {
				at = nil
			}
		}
		_, err := tx.Exec(ctx, `UPDATE ticket_surveys SET token_hash = NULL, sent_at = NULL, next_at = CASE WHEN $3 AND conversation IS NULL THEN NULL ELSE $2::timestamptz END,
			conversation = CASE WHEN NOT $3 THEN conversation END, attempts = CASE WHEN $3 THEN 0 ELSE attempts END WHERE survey_id = $1`, id, at, mail)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("put a question off: %w", err)
	}
	return result, nil
}

func hashOf(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// Question is what the page behind a token shows. It says nothing of the ticket.
type Question struct {
	Scale    Scale `json:"scale" enum:"numbers,faces"`
	Answered bool  `json:"answered"`
}

// Question returns what a customer is asked.
func (s *Service) Question(ctx context.Context, token string) (q Question, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT scale, answered_at IS NOT NULL FROM ticket_surveys WHERE token_hash = $1 AND expires_at > $2`, hashOf(token), tx.Now).Scan(&q.Scale, &q.Answered)
		return storage.Missing(err, ErrNoSurvey)
	})
	return q, err
}

// Answer takes a customer's answer, once.
func (s *Service) Answer(ctx context.Context, token string, score int, comment string) error {
	comment = strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(comment, "\x00", ""), ""))
	if r := []rune(comment); utf8.RuneCountInString(comment) > longestComment {
		comment = string(r[:longestComment])
	}
	var tenant, id, ticket uuid.UUID
	var scale Scale
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT tenant_id, survey_id, ticket_id, scale FROM ticket_surveys WHERE token_hash = $1 AND expires_at > $2`, hashOf(token), tx.Now).Scan(&tenant, &id, &ticket, &scale)
		return storage.Missing(err, ErrNoSurvey)
	})
	if err != nil {
		return err
	}
	if score < 1 || score > 5 || scale == ScaleFaces && score%2 == 0 {
		return ErrScore
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE ticket_surveys SET score = $2, comment = $3, answered_at = $4 WHERE survey_id = $1 AND answered_at IS NULL`, id, score, comment, tx.Now)
		if err != nil {
			return fmt.Errorf("take a customer's answer: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrSurveyAnswered
		}
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "rated")
	})
}

// Surveys lists what the customer of a ticket was asked, oldest first.
func (s *Service) Surveys(ctx context.Context, tenant, ticket uuid.UUID) (list []Survey, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT survey_id, scale, sent_at, score, comment, answered_at FROM ticket_surveys WHERE ticket_id = `+leadsTo+` ORDER BY created_at`, ticket)
		if err != nil {
			return fmt.Errorf("list what a ticket's customer was asked: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Survey])
		return err
	})
	return list, err
}
