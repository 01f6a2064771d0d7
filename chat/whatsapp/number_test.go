package whatsapp_test

import (
	"slices"
	"testing"

	"tandem/chat/whatsapp"
)

func TestVariants(t *testing.T) {
	for number, want := range map[string][]string{
		"5511987654321":  {"551187654321"},
		"+551187654321":  {"+5511987654321"},
		"551133334444":   nil, // a landline
		"5491123456789":  {"541123456789"},
		"541123456789":   {"5491123456789"},
		"+5215512345678": {"+525512345678"},
		"525512345678":   {"5215512345678"},
		"15551230000":    nil,
		"4915112345678":  nil,
		"":               nil,
		"US.1349":        nil,
	} {
		got := whatsapp.Variants(number)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", number, got, want)
		}
		for _, other := range got { // and back
			if !slices.Contains(whatsapp.Variants(other), number) {
				t.Errorf("%s leads to %s, which does not lead back", number, other)
			}
		}
	}
}
