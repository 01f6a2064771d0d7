package sip

import (
	"errors"
	"testing"

	"tandem/sip/siptest"
)

// One number in many spellings is one number, and no spelling gets past the rules.
func TestJudge(t *testing.T) {
	t.Parallel()
	rules := DialRules{
		Country: "DE", Countries: []string{"DE", "US"}, Allowed: []string{"+88216", "+4990"}, Blocked: []string{"+4916099", "+8821699"}, Internal: 4,
		Rates: []Rate{{"+49", 0.02}, {"+4916", 0.1}},
	}
	cases := []struct {
		dialled, number string
		err             error
	}{
		{"+49301234567", "+49301234567", nil},
		{"0049301234567", "+49301234567", nil},
		{"030 1234567", "+49301234567", nil},
		{"(030) 123-45.67", "+49301234567", nil},
		{"tel:+49301234567", "+49301234567", nil},
		{"TEL:+49-30-1234567;phone-context=example.com", "+49301234567", nil},
		{"%2B49301234567", "+49301234567", nil},
		{"+49３０１２３４５６７", "+49301234567", nil},
		{"+1 212 555 2368", "+12125552368", nil},
		{"1234", "1234", nil},
		{"*21#", "*21#", nil},
		{"+1-800-FLOWERS", "+18003569377", nil},
		{"+1 900 FLOWERS", "", ErrDialSpecial},

		{"+442079460000", "", ErrDialCountry},
		{"00442079460000", "", ErrDialCountry},
		{"011442079460000", "", ErrDialCountry}, // America's way out is no way out here
		{"tel:2079460000;phone-context=+44", "", ErrDialCountry},
		{"tel:1234;phone-context=+44", "", ErrDialCountry},
		{"0044", "", ErrDialNumber}, // as short as a private exchange's number, and abroad all the same
		{"tel:30-1234567;phone-context=+49;x=1", "+49301234567", nil},
		{"%30%30442079460000", "", ErrDialCountry},
		{"００442079460000", "", ErrDialCountry},
		{"+5355512345", "", ErrDialCountry},
		{"+870773111632", "", ErrDialCountry},  // satellite
		{"+88299912345", "", ErrDialCountry},   // international networks
		{"+979123456789", "", ErrDialCountry},  // international premium rate
		{"+4999999999999", "", ErrDialCountry}, // assigned by no plan
		{"+12425551234", "", ErrDialCountry},   // the Bahamas, beside the United States in one code
		{"+18095551234", "", ErrDialCountry},
		{"+499001234567", "+499001234567", nil}, // premium rate, but its prefix is allowed
		{"+491805123456", "", ErrDialSpecial},
		{"+19005551234", "", ErrDialSpecial},
		{"09001234567", "+499001234567", nil},
		{"+88216123456", "+88216123456", nil},
		{"+8821699123", "", ErrDialBlocked},
		{"+4916099123456", "", ErrDialBlocked},
		{"016099123456", "", ErrDialBlocked},

		{"", "", ErrDialNumber},
		{"anna", "", ErrDialNumber},
		{"12345;ext=5", "", ErrDialCountry},
		{"+49301234567 ext. 12", "", ErrDialNumber},
		{"+4930\r\nX: 1", "", ErrDialNumber},
		{"%0d%0a+49301234567", "", ErrDialNumber},
	}
	for _, c := range cases {
		to, err := rules.judge(c.dialled)
		if !errors.Is(err, c.err) || err == nil && to.number != c.number {
			t.Errorf("%q: %q, %v; want %q, %v", c.dialled, to.number, err, c.number, c.err)
		}
		if _, err := (DialRules{}).judge(c.dialled); err == nil {
			t.Errorf("%q goes out without rules", c.dialled)
		}
	}
	for number, want := range map[string]float64{"+49301234567": 0.02, "+4916012345678": 0.1, "+12125552368": 0} {
		if to, err := rules.judge(number); err != nil || to.perMinute != want {
			t.Errorf("%s costs %v a minute (%v), want %v", number, to.perMinute, err, want)
		}
	}
}

// However a number is spelt, one form of it goes out, or nothing does; the rules are the widest that a private exchange can want.
func TestSpellings(t *testing.T) {
	t.Parallel()
	rules := DialRules{Country: "DE", Countries: []string{"DE"}, Blocked: []string{"+4930666"}, Internal: 15}
	const allowed = "+49301234567"
	for _, s := range siptest.Spellings("49", "301234567") {
		if to, err := rules.judge(s); err != nil || to.number != allowed || to.country != "DE" {
			t.Errorf("%q: %+v, %v", s, to, err)
		}
	}
	for country, national := range map[string]string{"882": "13000001", "44": "2079460000", "53": "55512345", "979": "123456789", "1242": "5551234", "4930": "6661234"} {
		for _, s := range siptest.Spellings(country, national) {
			if to, err := rules.judge(s); err == nil {
				t.Errorf("%q goes out to %q", s, to.number)
			}
		}
	}
	for _, s := range siptest.Misspellings(allowed) {
		if to, err := rules.judge(s); err == nil && to.number != allowed {
			t.Errorf("%q goes out to %q", s, to.number)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"+49301234567", "tel:+1;phone-context=+1", "%2B", "００", "1800FLOWERS"} {
		f.Add(s)
	}
	rules := DialRules{Country: "DE", Countries: []string{"DE"}, Internal: 4}
	f.Fuzz(func(t *testing.T, s string) {
		to, err := rules.judge(s)
		if err == nil && to.country != "DE" && (len(to.number) > 4 || to.country != "") {
			t.Errorf("%q goes out to %q in %q", s, to.number, to.country)
		}
		if err == nil && !telephone.MatchString(to.number) {
			t.Errorf("%q is dialled as %q", s, to.number)
		}
	})
}
