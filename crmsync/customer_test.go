package crmsync_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
)

func TestCustomerKey(t *testing.T) {
	item := uuid.New()
	long := strings.Repeat("界/?&", 100)
	for _, c := range []struct {
		a, b crmsync.Customer
		same bool
	}{
		{crmsync.Customer{Phone: "+49891"}, crmsync.Customer{Channel: "whatsapp", Account: "x", Identity: "49891", Phone: "+49891"}, true},
		{crmsync.Customer{Phone: "+49891"}, crmsync.Customer{Phone: "+49892"}, false},
		{crmsync.Customer{Item: item}, crmsync.Customer{Item: item}, true},
		{crmsync.Customer{Item: item}, crmsync.Customer{Item: uuid.New()}, false},
		{crmsync.Customer{Item: item, Channel: "viber", Identity: long}, crmsync.Customer{Channel: "viber", Identity: long}, true},
		{crmsync.Customer{Channel: "viber", Account: "a", Identity: "1"}, crmsync.Customer{Channel: "viber", Account: "b", Identity: "1"}, false},
		{crmsync.Customer{Phone: "alice@x", Identity: "alice@x"}, crmsync.Customer{Phone: "bob@x", Identity: "bob@x"}, false},
	} {
		if (c.a.Key() == c.b.Key()) != c.same {
			t.Errorf("%+v is %s, %+v is %s", c.a, c.a.Key(), c.b, c.b.Key())
		}
		for _, key := range []string{c.a.Key(), c.b.Key()} {
			if len(key) > 60 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Errorf("key %q", key)
			}
		}
	}
}
