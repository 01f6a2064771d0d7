package mediastream

import (
	"context"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Bot is a virtual agent and how it is reached.
type Bot struct {
	ID             uuid.UUID         `json:"id" db:"bot_id"`
	Name           string            `json:"name" db:"name"`
	URL            string            `json:"url" db:"url"`
	HasToken       bool              `json:"has_token" db:"has_token"` // the handshake is signed
	Parameters     map[string]string `json:"parameters" db:"parameters"`
	ConnectSeconds int               `json:"connect_seconds" db:"connect_seconds"` // until the caller goes to people instead
	SilenceSeconds int               `json:"silence_seconds" db:"silence_seconds"` // of a bot that says nothing, before the caller goes to people; 0: for ever
	CreatedAt      time.Time         `json:"created_at" db:"created_at"`

	token string
}

// BotChange makes or changes a bot. What is nil stays as it is.
type BotChange struct {
	Name           *string            `json:"name,omitempty"`
	URL            *string            `json:"url,omitempty"`
	Token          *string            `json:"token,omitempty"` // empty: none, the handshake is not signed
	Parameters     *map[string]string `json:"parameters,omitempty"`
	ConnectSeconds *int               `json:"connect_seconds,omitempty"`
	SilenceSeconds *int               `json:"silence_seconds,omitempty"`
}

const (
	defaultConnect = 5 // seconds
	defaultSilence = 60
	maxParameters  = 32
)

// Errors of bots that people see.
var (
	ErrNoBot         = fault.New(fault.NotFound, "bot_not_found", "There is no such virtual agent.")
	ErrNameTaken     = fault.New(fault.Conflict, "bot_name_taken", "A virtual agent of that name exists; choose another name.").WithField("name")
	errName          = fault.New(fault.Invalid, "bot_name_invalid", "A virtual agent's name has 1 to 80 characters.").WithField("name")
	errToken         = fault.New(fault.Invalid, "bot_token_invalid", "The token has at most 200 characters, without spaces.").WithField("token")
	errTokenMoved    = fault.New(fault.Invalid, "bot_token_again", "The address leads elsewhere now: give the token again, so that nobody sends it to a place of their own.").WithField("token")
	errParameters    = fault.New(fault.Invalid, "bot_parameters_invalid", "At most 32 parameters: names of letters, digits, dots, dashes and underscores, values of at most 500 characters.").WithField("parameters")
	errConnectWithin = fault.New(fault.Invalid, "bot_connect_invalid", "Wait 1 to 30 seconds for the connection.").WithField("connect_seconds")
	errSilence       = fault.New(fault.Invalid, "bot_silence_invalid", "Silence is 0 (for ever), or 5 to 3600 seconds.").WithField("silence_seconds")
)

func (b Bot) connectWithin() time.Duration { return time.Duration(b.ConnectSeconds) * time.Second }

var parameterName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// check refuses what no bot can be, and tidies the address.
func (s *Service) check(b *Bot) (err error) {
	b.Name = strings.TrimSpace(b.Name)
	if b.Name == "" || utf8.RuneCountInString(b.Name) > 80 {
		return errName
	}
	if b.URL, err = s.checkURL(b.URL); err != nil {
		return err
	}
	if len(b.token) > 200 || strings.ContainsFunc(b.token, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errToken
	}
	if len(b.Parameters) > maxParameters {
		return errParameters
	}
	for name, value := range b.Parameters {
		if !parameterName.MatchString(name) || len(value) > 500 || strings.ContainsFunc(value, unicode.IsControl) {
			return errParameters
		}
	}
	if b.ConnectSeconds < 1 || b.ConnectSeconds > 30 {
		return errConnectWithin
	}
	if b.SilenceSeconds != 0 && (b.SilenceSeconds < 5 || b.SilenceSeconds > 3600) {
		return errSilence
	}
	return nil
}

// apply is b with the change. The token stays with the address it was given for: whoever changes the address must know it.
func (b Bot) apply(c BotChange) (Bot, error) {
	moved := c.URL != nil && strings.TrimSpace(*c.URL) != b.URL
	set(&b.Name, c.Name)
	set(&b.URL, c.URL)
	set(&b.Parameters, c.Parameters)
	set(&b.ConnectSeconds, c.ConnectSeconds)
	set(&b.SilenceSeconds, c.SilenceSeconds)
	if moved && b.token != "" && c.Token == nil {
		return b, errTokenMoved
	}
	set(&b.token, c.Token)
	b.HasToken = b.token != ""
	if b.Parameters == nil {
		b.Parameters = map[string]string{}
	}
	return b, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Bots lists a tenant's bots by name.
func (s *Service) Bots(ctx context.Context, tenant uuid.UUID) (all []Bot, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		all, err = listBots(ctx, tx)
		return err
	})
	return all, err
}

// Bot returns one bot, without its token.
func (s *Service) Bot(ctx context.Context, tenant, id uuid.UUID) (b Bot, err error) {
	b, err = s.secretBot(ctx, tenant, id)
	b.token = ""
	return b, err
}

// secretBot is Bot with the token.
func (s *Service) secretBot(ctx context.Context, tenant, id uuid.UUID) (b Bot, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		b, err = s.readBot(ctx, tx, id)
		return err
	})
	return b, err
}

// AddBot makes a bot; name and address are needed.
func (s *Service) AddBot(ctx context.Context, tenant uuid.UUID, c BotChange) (Bot, error) {
	return s.put(ctx, tenant, uuid.Nil, c)
}

// ChangeBot changes a bot.
func (s *Service) ChangeBot(ctx context.Context, tenant, id uuid.UUID, c BotChange) (Bot, error) {
	return s.put(ctx, tenant, id, c)
}

func (s *Service) put(ctx context.Context, tenant, id uuid.UUID, c BotChange) (b Bot, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		b, err = s.changed(ctx, tx, id, c)
		if err != nil {
			return err
		}
		if id == uuid.Nil {
			b.ID, b.CreatedAt = storage.NewID(), tx.Now
		}
		if err := s.writeBot(ctx, tx, b); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "bot.changed", b.ID, map[string]string{"name": b.Name})
	})
	b.token = ""
	return b, err
}

// changed is a stored bot (uuid.Nil: a new one) with a change, checked.
func (s *Service) changed(ctx context.Context, tx *storage.Tx, id uuid.UUID, c BotChange) (b Bot, err error) {
	b = Bot{ConnectSeconds: defaultConnect, SilenceSeconds: defaultSilence}
	if id != uuid.Nil {
		if b, err = s.readBot(ctx, tx, id); err != nil {
			return b, err
		}
	}
	if b, err = b.apply(c); err != nil {
		return b, err
	}
	return b, s.check(&b)
}

// DeleteBot removes a bot. Queues that name it go on without one.
func (s *Service) DeleteBot(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := deleteBot(ctx, tx, id); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "bot.deleted", id, struct{}{})
	})
}
