package sip

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"tandem/internal/fault"
)

// DialRules say which telephone numbers a tenant's calls may go out to, whoever or whatever dials them, and how much of it (toll fraud).
// The zero value lets nothing out.
type DialRules struct {
	Country   string   `json:"country" db:"country" doc:"ISO 3166-1 code, like DE: how numbers without a country code are read" maxLength:"2"`
	Countries []string `json:"countries" db:"countries" doc:"where calls may go" maxItems:"250"`
	Special   bool     `json:"special" db:"special" doc:"premium-rate, shared-cost, personal, pager and company-wide numbers of those countries too"`
	Allowed   []string `json:"allowed" db:"allowed" doc:"beginnings of numbers outside those countries and kinds, like +88216" maxItems:"200"`
	Blocked   []string `json:"blocked" db:"blocked" doc:"beginnings of numbers that are never called, whatever else allows them" maxItems:"200"`
	Internal  int      `json:"internal_digits" db:"internal_digits" minimum:"0" maximum:"15" doc:"numbers of at most so many digits go out as they are, unless they begin with 00 or 011: a private exchange's; 0: none"`

	CallsPerSecond int     `json:"calls_per_second" db:"calls_per_second" minimum:"0" maximum:"1000" doc:"0: no limit"`
	MaxCalls       int     `json:"max_calls" db:"max_calls" minimum:"0" maximum:"100000" doc:"at once; 0: no limit"`
	MinutesPerDay  int     `json:"minutes_per_day" db:"minutes_per_day" minimum:"0" maximum:"1000000" doc:"calls that go on are ended when it is reached; 0: no limit"`
	SpendPerDay    float64 `json:"spend_per_day" db:"spend_per_day" minimum:"0" doc:"by rates; 0: no limit"`
	Rates          []Rate  `json:"rates" db:"rates" doc:"the longest prefix rules; a number without a rate costs nothing" maxItems:"500"`
}

// Rate is what a minute costs, begun minutes counted in part.
type Rate struct {
	Prefix    string  `json:"prefix" doc:"like +49 or +4915"`
	PerMinute float64 `json:"per_minute" minimum:"0"`
}

// The errors of dialling that people see. None of them quotes the number.
var (
	ErrDialNumber  = fault.New(fault.Invalid, "dial_number", "That is no telephone number; write it like +49301234567.").WithField("number")
	ErrDialCountry = fault.New(fault.Illegal, "dial_country", "Calls to that country are not allowed. An administrator may allow it under Administration, Outbound rules.")
	ErrDialSpecial = fault.New(fault.Illegal, "dial_special", "Calls to numbers of that kind, which cost extra, are not allowed. An administrator may allow them under Administration, Outbound rules.")
	ErrDialBlocked = fault.New(fault.Illegal, "dial_blocked", "Calls to that number are blocked under Administration, Outbound rules.")
	ErrDialRate    = fault.New(fault.TooMany, "dial_rate", "Too many calls go out at once; try again in a moment. The limit is set under Administration, Outbound rules.")
	ErrDialSpent   = fault.New(fault.Illegal, "dial_spent", "Today's minutes or money for outbound calls are used up. The limit is set under Administration, Outbound rules.")
)

// destination is a number that a call may go out to.
type destination struct {
	number    string // E.164 with +, or a private exchange's as it was dialled
	country   string // ISO 3166-1; "001": no country's; "": a private exchange's
	perMinute float64
}

var (
	private = regexp.MustCompile(`^[0-9*#]+$`)
	prefix  = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)
)

// judge brings a dialled number, however it is spelt, to one form, and says whether calls may go there.
func (r DialRules) judge(dialled string) (destination, error) {
	dialled, ok := dialledPart(dialled)
	if !ok {
		return destination{}, ErrDialNumber
	}
	if r.internal(dialled) {
		return destination{number: dialled}, nil
	}
	n, err := phonenumbers.Parse(dialled, r.Country)
	if err != nil || n.GetExtension() != "" {
		return destination{}, ErrDialNumber
	}
	d := destination{number: phonenumbers.Format(n, phonenumbers.E164), country: phonenumbers.GetRegionCodeForNumber(n)}
	d.perMinute = r.rate(d.number)
	begins := func(p string) bool { return strings.HasPrefix(d.number, p) }
	switch {
	case slices.ContainsFunc(r.Blocked, begins):
		return d, ErrDialBlocked
	case slices.ContainsFunc(r.Allowed, begins):
		return d, nil
	case !phonenumbers.IsValidNumber(n) || !slices.Contains(r.Countries, d.country):
		return d, ErrDialCountry // numbers that no plan assigns are where hijacked ranges lie
	case special(n) && !r.Special:
		return d, ErrDialSpecial
	}
	return d, nil
}

// internal says that a number is a private exchange's. However many digits those may have, none is a way of writing a number abroad.
func (r DialRules) internal(dialled string) bool {
	return len(dialled) <= r.Internal && private.MatchString(dialled) && !strings.HasPrefix(dialled, "00") && !strings.HasPrefix(dialled, "011")
}

// special are the kinds whose owner earns by being called.
func special(n *phonenumbers.PhoneNumber) bool {
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.TOLL_FREE, phonenumbers.VOIP:
		return false
	}
	return true
}

func (r DialRules) rate(number string) (perMinute float64) {
	longest := 0
	for _, rate := range r.Rates {
		if len(rate.Prefix) > longest && strings.HasPrefix(number, rate.Prefix) {
			longest, perMinute = len(rate.Prefix), rate.PerMinute
		}
	}
	return perMinute
}

// Countries are those that rules can allow, by ISO 3166-1 code.
func Countries() []string { return slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) }

// check tidies rules before they are stored.
func (r *DialRules) check() error {
	known := phonenumbers.GetSupportedRegions()
	r.Country = strings.ToUpper(strings.TrimSpace(r.Country))
	if r.Country != "" && !known[r.Country] {
		return fault.New(fault.Invalid, "dial_country_unknown", "Give the country as two letters, like DE.").WithField("country")
	}
	for i, c := range r.Countries {
		if r.Countries[i] = strings.ToUpper(strings.TrimSpace(c)); !known[r.Countries[i]] {
			return fault.Newf(fault.Invalid, "dial_country_unknown", "%q is no country; give two letters, like DE.", c).WithField("countries")
		}
	}
	slices.Sort(r.Countries)
	r.Countries = slices.Compact(r.Countries)
	for field, list := range map[string][]string{"allowed": r.Allowed, "blocked": r.Blocked} {
		for i, p := range list {
			if list[i] = spaceless(p); !prefix.MatchString(list[i]) {
				return errPrefix.WithField(field)
			}
		}
	}
	for i, rate := range r.Rates {
		if r.Rates[i].Prefix = spaceless(rate.Prefix); !prefix.MatchString(r.Rates[i].Prefix) || !(rate.PerMinute >= 0) {
			return errPrefix.WithField("rates")
		}
	}
	return nil
}

var errPrefix = fault.New(fault.Invalid, "dial_prefix", "A prefix is the beginning of a number with its country code, like +4930.")

func spaceless(s string) string { return strings.Join(strings.Fields(s), "") }
