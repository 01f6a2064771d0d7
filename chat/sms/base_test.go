package sms

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzBase: the form's part of what is signed does not depend on the order of fields, and says all of them.
func FuzzBase(f *testing.F) {
	f.Add("https://cc.example.test/hooks/sms/demo?x=1", "Body=hello+%26+bye&From=%2B14155550100")
	f.Add("https://[::1]:443", "A=2&A=1&A=2&=&B")
	f.Add("http://h:80/#", "%00=%ff")
	f.Fuzz(func(t *testing.T, address, body string) {
		for _, a := range addresses(address) {
			if _, rest, ok := strings.Cut(address, "://"); ok && !strings.Contains(rest, "@") {
				if i := strings.IndexAny(rest, "/?#"); i >= 0 && !strings.HasSuffix(a, rest[i:]) {
					t.Errorf("%q is signed for %q", a, address)
				}
			}
		}
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		base := joined(form)
		for name, values := range form {
			for _, v := range values {
				if !strings.Contains(base, name+v) {
					t.Errorf("%q=%q is not signed", name, v)
				}
			}
			slices.Reverse(values)
		}
		if joined(form) != base {
			t.Errorf("%q depends on the order", body)
		}
	})
}
