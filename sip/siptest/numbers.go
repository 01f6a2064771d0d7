package siptest

import "strings"

// Spellings are ways in which one telephone number reaches us: in SIP and tel URIs, typed, and copied from elsewhere. country is its code,
// national the rest, without the zero before it; the way abroad is 00.
func Spellings(country, national string) []string {
	full := country + national
	return []string{
		"+" + full, "00" + full, "%2B" + full, "%30%30" + full, "+" + full + ";user=phone", "+" + full + ";ext=12", "+" + full + ";npdi;rn=+12025550100",
		"tel:+" + full, "TEL:00" + full, "tel:" + national + ";phone-context=+" + country, "tel:" + national + ";X=1;Phone-Context=+" + country + ";y=2",
		national + ";phone-context=+" + country, national + "%3bphone-context=%2B" + country,
		"+" + country + " " + national[:2] + " " + national[2:], "+" + country + "." + national[:3] + "." + national[3:], "00" + country + "/" + national,
		"+" + country + "-(" + national[:2] + ")-" + national[2:], "+" + country + "\u00a0" + national[:3] + "\u2013" + national[3:],
		"\u202a+" + full + "\u202c", "\uff0b" + digits(full, '\uff10'), digits("00"+full, '\uff10'), "+" + digits(full, '\u0660'), "00" + digits(full, '\u06f0'),
	}
}

// Misspellings are what only looks like the number, or hides another in it: no call may go anywhere but to the number itself.
func Misspellings(number string) []string {
	return []string{
		number + ",,1", number + "p12", number + "w12", number + ";postd=pp12", number + "%2C1", "%25" + "2B" + number[1:], number + "%00", number + "%0d%0aX:1",
		number + " ext. 12", number + "x12", number + "@evil.test", "++" + number[1:], "011" + number[1:], "0011" + number[1:], "+00" + number[1:], number + "/" + number,
		number + ";phone-context=evil.test", "*31#" + number, number + "%", "\u0967" + number,
	}
}

// digits writes a number in the digits of another script.
func digits(number string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, number)
}
