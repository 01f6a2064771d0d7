package whatsapp

import "strings"

// Variants are the other ways in which a subscriber's number may be written: WhatsApp's ids of Brazilian, Argentinian and Mexican mobiles
// keep or leave out a digit that the dialled number has the other way round. A leading "+" is kept.
func Variants(number string) []string {
	plus, n := "", number
	if strings.HasPrefix(n, "+") {
		plus, n = "+", n[1:]
	}
	var all []string
	add := func(other string) { all = append(all, plus+other) }
	if digits(n) == "" {
		return nil
	}
	switch {
	// Brazil: 55, area code of two digits, and a 9 before the mobile number's eight, which begin with 6 to 9.
	case strings.HasPrefix(n, "55") && len(n) == 13 && n[4] == '9':
		add(n[:4] + n[5:])
	case strings.HasPrefix(n, "55") && len(n) == 12 && n[4] >= '6':
		add(n[:4] + "9" + n[4:])
	// Argentina: 54, a 9 for mobiles, and ten digits.
	case strings.HasPrefix(n, "549") && len(n) == 13:
		add("54" + n[3:])
	case strings.HasPrefix(n, "54") && len(n) == 12:
		add("549" + n[2:])
	// Mexico: 52, formerly a 1 for mobiles, and ten digits.
	case strings.HasPrefix(n, "521") && len(n) == 13:
		add("52" + n[3:])
	case strings.HasPrefix(n, "52") && len(n) == 12:
		add("521" + n[2:])
	}
	return all
}
