package notify

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Kind is something that agents can be told of.
type Kind string

// What agents can be told of. KindTest is the button on the profile page.
const (
	KindOffer     Kind = "offer"     // it rings, or a chat is offered
	KindMissed    Kind = "missed"    // an offer rang to the end, or did not reach the agent's device
	KindVoicemail Kind = "voicemail" // a message was left for the agent or one of their queues
	KindCallback  Kind = "callback"  // somebody of their queues waits to be called back
	KindMessage   Kind = "message"   // a customer wrote in a conversation that the agent has
	KindTicket    Kind = "ticket"    // a promise of a ticket that the agent has is about to be broken, or is
	KindTest      Kind = "test"
)

// kinds are those with rules. Text messages are for what cannot wait.
var kinds = []struct {
	kind     Kind
	push     bool // unless the person says otherwise
	textable bool
}{
	{KindOffer, false, true},
	{KindMissed, true, true},
	{KindVoicemail, true, false},
	{KindCallback, true, false},
	{KindMessage, true, false},
	{KindTicket, true, false},
}

// Rule is how a person wants to be told of a kind. Text only takes effect where the queue sends text messages.
type Rule struct {
	Kind Kind `json:"kind" enum:"offer,missed,voicemail,callback,message,ticket"`
	Push bool `json:"push"`
	Text bool `json:"text"`
}

// Profile is what a person wants to be told, and where.
type Profile struct {
	Mobile   string `json:"mobile" doc:"E.164, or empty"`
	Language string `json:"language"`
	Rules    []Rule `json:"rules"`
}

// View is a profile as its owner sees it.
type View struct {
	Profile
	PushKey  string `json:"push_key" doc:"applicationServerKey of PushManager.subscribe"`
	Browsers int    `json:"browsers" doc:"how many are subscribed to pushes"`
	Texting  bool   `json:"texting" doc:"the tenant can send text messages"`
}

// Errors for people.
var (
	ErrMobile   = fault.New(fault.Invalid, "bad_mobile", "That is no mobile telephone number; write it with + and the country code.").WithField("mobile")
	ErrLanguage = fault.New(fault.Invalid, "bad_language", "The language is en or zh.").WithField("language")
	ErrRule     = fault.New(fault.Invalid, "bad_rule", "Each kind may be named once, and only offers and missed ones are told by text message.").WithField("rules")
)

// Profile returns a user's own profile.
func (s *Service) Profile(ctx context.Context, tenant, user uuid.UUID) (v View, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { v, err = s.view(ctx, tx, user); return err })
	return v, err
}

// SetProfile changes a user's own profile.
func (s *Service) SetProfile(ctx context.Context, tenant, user uuid.UUID, p Profile) (v View, err error) {
	if p.Mobile, err = mobile(p.Mobile); err != nil {
		return View{}, err
	}
	if p.Language != "en" && p.Language != "zh" {
		return View{}, ErrLanguage
	}
	if p.Rules, err = complete(p.Rules); err != nil {
		return View{}, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := saveProfile(ctx, tx, user, p); err != nil {
			return err
		}
		v, err = s.view(ctx, tx, user)
		return err
	})
	return v, err
}

func (s *Service) view(ctx context.Context, tx *storage.Tx, user uuid.UUID) (v View, err error) {
	if v.Profile, _, err = loadProfile(ctx, tx, user); err != nil {
		return v, err
	}
	if v.PushKey, _, err = s.pushKeys(ctx, tx); err != nil {
		return v, err
	}
	v.Browsers, v.Texting, err = countWays(ctx, tx, user)
	return v, err
}

// mobile brings a number into E.164. Only numbers that can be mobile ones are taken: a text message to a landline is lost.
func mobile(number string) (string, error) {
	number = strings.TrimSpace(number)
	if number == "" {
		return "", nil
	}
	n, err := phonenumbers.Parse(number, "ZZ") // no region: without + it cannot be read
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", ErrMobile
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.PERSONAL_NUMBER:
		return phonenumbers.Format(n, phonenumbers.E164), nil
	default:
		return "", ErrMobile
	}
}

// complete fills in the rules that were not given, in the order of kinds.
func complete(given []Rule) ([]Rule, error) {
	all := make([]Rule, 0, len(kinds))
	named := 0
	for _, k := range kinds {
		r := Rule{Kind: k.kind, Push: k.push, Text: k.textable}
		if i := slices.IndexFunc(given, func(g Rule) bool { return g.Kind == k.kind }); i >= 0 {
			r = given[i]
			named++
		}
		if r.Text && !k.textable {
			return nil, ErrRule
		}
		all = append(all, r)
	}
	if named != len(given) {
		return nil, ErrRule
	}
	return all, nil
}

// rule is what the profile says of a kind.
func (p Profile) rule(k Kind) Rule {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Kind == k })
	if i < 0 {
		return Rule{Kind: k}
	}
	return p.Rules[i]
}
