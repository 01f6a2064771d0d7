package notify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Account is the Twilio account that a tenant's text messages are sent by.
type Account struct {
	Account string `json:"account" doc:"account SID"`
	Sender  string `json:"sender" doc:"a number in E.164, or a messaging service's SID"`
	Token   string `json:"-"`
	Stored  bool   `json:"token_stored" doc:"there is a token"`
}

// Text is the job of sending one text message.
type Text struct {
	Tenant  uuid.UUID `json:"tenant"`
	User    uuid.UUID `json:"user"`
	What    Kind      `json:"what"`
	Queue   uuid.UUID `json:"queue"`   // whose settings say whether it is sent
	Subject uuid.UUID `json:"subject"` // the offer: one message for each and kind
	At      time.Time `json:"at"`
}

// Kind implements storage.Job.
func (Text) Kind() string { return textJob }

const (
	textsPerHour = 20 // to one person
	textMemory   = 7 * 24 * time.Hour
)

// Errors for people.
var (
	ErrAccount  = fault.New(fault.Invalid, "bad_sms_account", "An account SID is AC and 32 hexadecimal digits.").WithField("account")
	ErrSender   = fault.New(fault.Invalid, "bad_sms_sender", "The sender is a number with + and the country code, or a messaging service's SID (MG and 32 hexadecimal digits).").WithField("sender")
	ErrToken    = fault.New(fault.Invalid, "sms_token_missing", "Give the account's auth token; it has to be given again when the account changes.").WithField("token")
	ErrNoSMS    = fault.New(fault.Conflict, "sms_not_set_up", "Text messages are not set up; an administrator enters the account first.")
	ErrNoMobile = fault.New(fault.Conflict, "no_mobile", "Enter and save your mobile number first.").WithField("mobile")
	ErrLimit    = fault.Newf(fault.TooMany, "too_many_texts", "At most %d text messages an hour are sent to one person; try again later.", textsPerHour)
	ErrNoPush   = fault.New(fault.Conflict, "no_browser", "No browser is subscribed; switch pushes on in this browser first.")
)

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	senderSID  = regexp.MustCompile(`^(MG[0-9a-f]{32}|\+[1-9][0-9]{6,14})$`)
)

// SMS returns the tenant's account, without its token; a zero one when text messages are not set up.
func (s *Service) SMS(ctx context.Context, tenant uuid.UUID) (a Account, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { a, _, err = loadAccount(ctx, tx); return err })
	return a, err
}

// SetSMS stores the account; an empty account ends text messages. Without a token the stored one stays as long as the account is the same.
func (s *Service) SetSMS(ctx context.Context, tenant uuid.UUID, a Account) (Account, error) {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if a.Account == "" {
			a = Account{}
			if err := deleteAccount(ctx, tx); err != nil {
				return err
			}
			return s.cfg.Events.Append(ctx, tx, "sms_account.changed", tenant, struct{}{})
		}
		if !accountSID.MatchString(a.Account) {
			return ErrAccount
		}
		if !senderSID.MatchString(a.Sender) {
			return ErrSender
		}
		sealed, err := s.sealToken(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := saveAccount(ctx, tx, a, sealed); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "sms_account.changed", tenant, struct{}{})
	})
	a.Stored, a.Token = a.Account != "", ""
	return a, err
}

func (s *Service) sealToken(ctx context.Context, tx *storage.Tx, a Account) ([]byte, error) {
	if a.Token == "" {
		before, sealed, err := loadAccount(ctx, tx)
		if err == nil && (sealed == nil || before.Account != a.Account) {
			err = ErrToken
		}
		return sealed, err
	}
	key, err := s.key(ctx, tx)
	if err != nil {
		return nil, err
	}
	return key.Seal([]byte(a.Token), sealedFor(tx.Tenant, "SMS token"))
}

// account is with its token.
func (s *Service) account(ctx context.Context, tx *storage.Tx) (Account, error) {
	a, sealed, err := loadAccount(ctx, tx)
	if err != nil {
		return a, err
	}
	if sealed == nil {
		return a, ErrNoSMS
	}
	key, err := s.key(ctx, tx)
	if err != nil {
		return a, err
	}
	token, err := key.Open(sealed, sealedFor(tx.Tenant, "SMS token"))
	a.Token = string(token)
	return a, err
}

// DoText does a Text. It may run twice, and sends at most once: what the provider may have taken is not sent again.
func (s *Service) DoText(ctx context.Context, job Text) error {
	if late(job.What, job.At, s.cfg.DB.Now()) {
		s.told.WithLabelValues("text", "late").Inc()
		return nil
	}
	set, err := s.cfg.Queues.Effective(ctx, job.Tenant, job.Queue)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil // the queue has gone meanwhile
		}
		return err
	}
	if !set.Notification.Value.Texts(job.What == KindMissed) {
		return nil
	}
	err = s.text(ctx, job)
	switch fault.KindOf(err) {
	case fault.Conflict, fault.TooMany, fault.Illegal: // not set up any more, no number any more, too many, refused: another attempt does not help
		return nil
	}
	return err
}

// text sends one message, if it may be sent.
func (s *Service) text(ctx context.Context, job Text) error {
	var a Account
	var p Profile
	claimed := false
	err := s.cfg.DB.Tenant(ctx, job.Tenant, func(tx *storage.Tx) (err error) {
		if a, err = s.account(ctx, tx); err != nil {
			return err
		}
		if p, _, err = loadProfile(ctx, tx, job.User); err != nil {
			return err
		}
		if p.Mobile == "" {
			return ErrNoMobile
		}
		if err := forgetTexts(ctx, tx, tx.Now.Add(-textMemory)); err != nil {
			return err
		}
		n, err := recentTexts(ctx, tx, job.User, tx.Now.Add(-time.Hour))
		if err != nil {
			return err
		}
		if n >= textsPerHour {
			return ErrLimit
		}
		claimed, err = claimText(ctx, tx, job.Subject, job.What, job.User)
		return err
	})
	switch {
	case errors.Is(err, ErrLimit):
		s.told.WithLabelValues("text", "limited").Inc()
		return err
	case err != nil || !claimed:
		return err
	}
	return s.sendText(ctx, job, a, p)
}

// sendText asks the provider and notes what came of it, also when ctx ends meanwhile.
func (s *Service) sendText(ctx context.Context, job Text, a Account, p Profile) error {
	sent := s.twilio(ctx, a, p.Mobile, "Tandem: "+sentences(p.Language)[job.What].body)
	s.told.WithLabelValues("text", string(sent.result)).Inc()
	state := map[textResult]string{textSent: "sent", textRetry: "retry", textFailed: "failed"}[sent.result]
	if state != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
		defer cancel()
		err := s.cfg.DB.Tenant(ctx, job.Tenant, func(tx *storage.Tx) error { return setText(ctx, tx, job.Subject, job.What, state) })
		if err != nil {
			return err
		}
	}
	switch sent.result {
	case textRetry:
		return fmt.Errorf("send a text message: %w", sent.err)
	case textFailed:
		s.log.Warn("the SMS provider refused a text message", "kind", job.What, "err", sent.err)
		return sent.refusal
	case textUnknown:
		s.log.Warn("nobody knows whether a text message was sent, so it is not sent again", "kind", job.What, "err", sent.err)
	}
	return nil
}

// SendText sends a customer one text message by the tenant's account, at once. ErrNoSMS when there is no account.
func (s *Service) SendText(ctx context.Context, tenant uuid.UUID, number, body string) error {
	var a Account
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) { a, err = s.account(ctx, tx); return err })
	if err != nil {
		return err
	}
	sent := s.twilio(ctx, a, number, body)
	s.told.WithLabelValues("customer_text", string(sent.result)).Inc()
	switch sent.result {
	case textSent:
		return nil
	case textFailed:
		return sent.refusal
	default:
		return errProvider.Because(sent.err)
	}
}

var errProvider = fault.New(fault.Unavailable, "sms_unavailable", "The SMS provider does not answer now; try again later.")

// TestWay is what the test button tries.
type TestWay string

// What can be tried.
const (
	TestPush TestWay = "push"
	TestText TestWay = "text"
)

// Test tells a user something at once, by push or text message, and says what went wrong.
func (s *Service) Test(ctx context.Context, tenant, user uuid.UUID, way TestWay) error {
	if way == TestText {
		return s.text(ctx, Text{Tenant: tenant, User: user, What: KindTest, Subject: storage.NewID()})
	}
	n, err := s.push(ctx, tenant, user, KindTest)
	if err == nil && n == 0 {
		return ErrNoPush
	}
	if err != nil {
		return errPushService.Because(err)
	}
	return nil
}

var errPushService = fault.New(fault.Unavailable, "push_failed", "The browser's push service does not take the message now; try again later.")
