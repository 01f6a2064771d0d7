package web_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat/web"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/storage"
)

func TestAnonymousVisitor(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		mobile bool
		name   string
	}{{false, `^Web User \d\d/\d\d \d\d:\d\d$`}, {true, `^Mobile User \d\d/\d\d \d\d:\d\d$`}} {
		v := h.visitor(web.Hello{Mobile: c.mobile})
		if !regexp.MustCompile(c.name).MatchString(v.Name) || v.Secret == "" || v.Customer != "" {
			t.Errorf("mobile %v: %+v", c.mobile, v)
		}
		zone, err := time.LoadLocation("Asia/Shanghai")
		h.ok(err)
		if at := h.db.Now().In(zone); !strings.HasSuffix(v.Name, at.Format("15:04")) && !strings.HasSuffix(v.Name, at.Add(-time.Minute).Format("15:04")) {
			t.Errorf("%q does not have the tenant's time", v.Name)
		}
	}
	// Only the name and the visitor's id go into the CRM, with the first message and not before.
	if n := h.count(`SELECT count(*) FROM contacts`); n != 0 {
		t.Fatalf("%d contacts of people who have said nothing", n)
	}
	v := h.visitor(web.Hello{})
	h.ok(h.widget.Attribute(t.Context(), h.page(v), map[string]string{"email": "rosa@example.test"}, ""))
	h.say(v, "hello")
	if n := h.count(`SELECT count(*) FROM contacts WHERE first_name = $1 AND email = '' AND phone = ''`, v.Name); n != 1 {
		t.Errorf("%d contacts named %q", n, v.Name)
	}
}

// Guessed ids, secrets and signatures open nothing, and all guesses get the same answer.
func TestTakeover(t *testing.T) {
	h := newHouse(t)
	victim := h.visitor(web.Hello{})
	h.say(victim, "my secret")
	known := h.visitor(web.Hello{Identity: h.signed("42", "Rosa")})
	other := h.visitor(web.Hello{})
	for name, hello := range map[string]web.Hello{
		"no secret":                 {Visitor: victim.ID},
		"another's secret":          {Visitor: victim.ID, Secret: other.Secret},
		"an id that does not exist": {Visitor: uuid.New(), Secret: victim.Secret},
		"after a logout":            again(known, nil),
	} {
		_, err := h.enter(hello)
		if t.Logf("%s", name); err == nil {
			t.Fatalf("%s: let in", name)
		}
		h.refused("visitor_unknown", err)
	}
	for name, id := range map[string]web.Identity{
		"no signature":        {ID: "42"},
		"another's signature": {ID: "42", Signature: web.Signature(h.secret, "43")},
		"another secret":      {ID: "42", Signature: web.Signature("guess", "42")},
		"cut":                 {ID: "42", Signature: web.Signature(h.secret, "42")[:60]},
		"no id":               {Signature: web.Signature(h.secret, "")},
		"too long":            {ID: strings.Repeat("4", 300), Signature: web.Signature(h.secret, strings.Repeat("4", 300))},
	} {
		_, err := h.enter(web.Hello{Identity: &id})
		if t.Logf("%s", name); err == nil {
			t.Fatalf("%s: let in", name)
		}
		h.refused("identity_invalid", err)
	}
	// A stolen id and signature of a customer do not open an anonymous visitor, nor the other way round.
	if v := h.visitor(web.Hello{Identity: h.signed("43", "Eve")}); len(h.texts(v)) != 0 {
		t.Error("another customer sees what a visitor wrote")
	}
	// Another tenant's widget knows neither.
	if _, err := h.widget.Enter(t.Context(), web.Hello{Account: "none", Own: own, Origin: own}); err == nil {
		t.Error("a widget that is not there")
	}
	// What was signed with an old secret is worth nothing.
	_, err := h.widget.MakeSecret(t.Context(), h.tenant, h.account)
	h.ok(err)
	_, err = h.enter(web.Hello{Identity: h.signed("42", "Rosa")})
	h.refused("identity_invalid", err)
}

func TestOrigins(t *testing.T) {
	h := newHouse(t)
	set := web.Defaults()
	set.Origins = []string{"https://Shop.example.test/"}
	_, err := h.widget.SetSettings(t.Context(), h.tenant, h.account, set)
	h.ok(err)
	for origin, ok := range map[string]bool{
		own: true, "https://shop.example.test": true, "HTTPS://SHOP.EXAMPLE.TEST": true, "http://shop.example.test": false, "https://shop.example.test.evil.test": false,
		"https://evil.test": false, "null": false, "https://shop.example.test:8443": false,
	} {
		_, err := h.enter(web.Hello{Origin: origin})
		if (err == nil) != ok {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestLoginMerges(t *testing.T) {
	h := newHouse(t)
	// The customer has written before, from another device.
	phone := h.visitor(web.Hello{Identity: h.signed("42", "Rosa Lind")})
	h.say(phone, "from the telephone")
	ticket := func(v web.Visitor) crm.Ticket {
		contact := h.contact(v)
		made, err := h.crm.CreateTicket(t.Context(), h.tenant, crm.NewTicket{Title: "t", Type: "general", Priority: "low", Contact: &contact})
		h.ok(err)
		return made
	}
	v := h.visitor(web.Hello{})
	h.say(v, "before the login")
	mine := ticket(v)
	anonymous := h.contact(v)
	in := h.visitor(again(v, h.signed("42", "Rosa Lind")))
	if in.ID != v.ID || in.Customer != "42" {
		t.Fatalf("%+v", in)
	}
	for range 2 { // once, however often the page comes
		h.visitor(again(v, h.signed("42", "Rosa Lind")))
	}
	texts := h.texts(in)
	slices.Sort(texts)
	if !slices.Equal(texts, []string{"before the login", "from the telephone"}) {
		t.Errorf("after the login: %q", texts)
	}
	if got, err := h.crm.Ticket(t.Context(), h.tenant, mine.ID); err != nil || got.Contact == nil || *got.Contact != h.contact(in) {
		t.Errorf("the ticket did not go along: %+v %v", got, err)
	}
	if n := h.count(`SELECT count(*) FROM contacts WHERE contact_id = $1`, anonymous); n != 0 {
		t.Error("the anonymous contact is left")
	}
	if n := h.count(`SELECT count(*) FROM conversations WHERE state <> 'closed'`); n != 1 {
		t.Errorf("%d open conversations of one customer", n)
	}
	// The one that was spoken in last goes on.
	h.say(in, "after it")
	if m := h.thread(in).Messages; m[len(m)-1].Text != "after it" || m[len(m)-1].Conversation != m[len(m)-2].Conversation || m[len(m)-2].Text != "before the login" {
		t.Errorf("the conversation did not go on: %+v", m)
	}
	// Another person on the same browser is somebody else, and so is whoever has logged out.
	eve := h.visitor(again(v, h.signed("43", "Eve")))
	if eve.ID == v.ID || len(h.texts(eve)) != 0 {
		t.Errorf("another customer on the same browser: %+v", eve)
	}
	_, err := h.enter(again(v, nil))
	h.refused("visitor_unknown", err)
	// A customer who is new keeps the conversation, with a name of their own.
	w := h.visitor(web.Hello{})
	h.say(w, "hi")
	was := h.contact(w)
	fresh := h.visitor(again(w, h.signed("44", "Ada")))
	if h.contact(fresh) != was || h.count(`SELECT count(*) FROM contacts WHERE contact_id = $1 AND first_name = 'Ada'`, was) != 1 {
		t.Error("a new customer is not the visitor of before")
	}
	if n := h.count(`SELECT count(*) FROM chat_people WHERE key = 'customer:44' AND name = 'Ada'`); n != 1 {
		t.Error("the conversation does not have the customer's name")
	}
	// A reinstall is a new contact.
	h.say(h.visitor(web.Hello{Mobile: true}), "new")
	if n := h.count(`SELECT count(*) FROM contacts`); n != 3 {
		t.Errorf("%d contacts, want 3", n)
	}
}

func (h *house) contact(v web.Visitor) (id uuid.UUID) {
	h.Helper()
	h.ok(h.db.Tenant(h.Context(), h.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(h.Context(), `SELECT contact_id FROM chat_people WHERE account_id = $1 AND key = $2`, h.account, v.Key).Scan(&id)
	}))
	return id
}

// Many logins at the same instant, in one browser and in several, end in one customer with everything.
func TestMergeRace(t *testing.T) {
	h := newHouse(t)
	const browsers = 6
	var all []web.Visitor
	for range browsers {
		v := h.visitor(web.Hello{})
		h.say(v, "from "+v.ID.String())
		all = append(all, v)
	}
	var wait sync.WaitGroup
	for _, v := range all {
		for range 3 {
			wait.Go(func() {
				if _, err := h.enter(again(v, h.signed("42", "Rosa"))); err != nil {
					t.Errorf("login: %v", err)
				}
			})
		}
	}
	wait.Wait()
	h.say(h.visitor(again(all[0], h.signed("42", "Rosa"))), "on")
	if n := h.count(`SELECT count(*) FROM chat_people`); n != 1 {
		t.Errorf("%d people", n)
	}
	if n := h.count(`SELECT count(*) FROM messages m JOIN conversations USING (conversation_id) JOIN chat_people p USING (person_id) WHERE p.key = 'customer:42' AND m.direction = 'in'`); n != browsers+1 {
		t.Errorf("%d messages", n)
	}
	if n := h.count(`SELECT count(*) FROM conversations WHERE state <> 'closed'`); n != 1 {
		t.Errorf("%d open conversations", n)
	}
}

func TestFlagsNeedAToken(t *testing.T) {
	h := newHouse(t)
	v := h.visitor(web.Hello{})
	p := h.page(v)
	_, err := h.do(p, "attributes", map[string]any{"data": map[string]string{"reserved_verified_customer": "true"}})
	h.refused("data_name_invalid", err)
	_, err = h.do(p, "attributes", map[string]any{"data": map[string]string{"plan": "gold"}, "token": "forged"})
	h.refused("client_token_invalid", err)
	yes := true
	h.claims["good"] = auth.ClientClaims{VerifiedCustomer: &yes, Data: map[string]string{"plan": "silver"}}
	_, err = h.do(p, "attributes", map[string]any{"data": map[string]string{"plan": "gold", "cart": "3"}, "token": "good"})
	h.ok(err)
	_, err = h.do(p, "message", map[string]any{"client_id": uuid.New(), "text": "hi"})
	h.ok(err)
	var data map[string]string
	var reserved map[string]bool
	h.ok(h.db.Tenant(t.Context(), h.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT data, reserved FROM conversations`).Scan(&data, &reserved)
	}))
	if data["plan"] != "silver" || data["cart"] != "3" || len(reserved) != 1 || !reserved["reserved_verified_customer"] {
		t.Errorf("%v %v", data, reserved)
	}
}
