package crm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

func (d *desk) contact(t testing.TB, ch crm.ContactChange) crm.Contact {
	t.Helper()
	c, err := d.CreateContact(t.Context(), d.Tenant, ch)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d *desk) attribute(t *testing.T, key string, kind crm.AttributeType, options ...string) crm.Attribute {
	t.Helper()
	a, err := d.AddAttribute(t.Context(), d.Tenant, crm.Attribute{Key: key, Label: strings.ToUpper(key), Type: kind, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// found are the first names of those whom a filter chooses, in alphabetical order.
func (d *desk) found(t testing.TB, f crm.ContactFilter) string {
	t.Helper()
	p, err := d.Contacts(t.Context(), d.Tenant, f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range p.Items {
		names = append(names, c.FirstName)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestAttributes(t *testing.T) {
	ctx, d := t.Context(), open(t)
	seats := d.attribute(t, "seats", crm.AttributeNumber)
	d.attribute(t, "since", crm.AttributeDate)
	d.attribute(t, "paid", crm.AttributeBoolean)
	d.attribute(t, "plan", crm.AttributeList, "gold", "silver")
	d.attribute(t, "remark", crm.AttributeText)
	for want, a := range map[*fault.Error]crm.Attribute{
		crm.ErrAttributeKey: {Key: "Seats", Label: "x", Type: "text"}, crm.ErrAttributeUsed: {Key: "seats", Label: "x", Type: "text"}, crm.ErrAttributeLabel: {Key: "x", Type: "text"},
		crm.ErrAttributeType: {Key: "x", Label: "x", Type: "html"}, crm.ErrAttributeOptions: {Key: "x", Label: "x", Type: "list"},
	} {
		if _, err := d.AddAttribute(ctx, d.Tenant, a); !errors.Is(err, want) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	good := map[string]any{"seats": 3.5, "since": "2026-02-28", "paid": false, "plan": "gold", "remark": " 你好 "}
	c := d.contact(t, crm.ContactChange{FirstName: ptr("Ada"), Custom: good})
	if fmt.Sprint(c.Custom) != "map[paid:false plan:gold remark:你好 seats:3.5 since:2026-02-28]" {
		t.Errorf("%v", c.Custom)
	}
	for key, value := range map[string]any{"seats": "3", "since": "2026-02-30", "paid": "yes", "plan": "bronze", "remark": strings.Repeat("x", 1001), "none": "x"} {
		_, err := d.ChangeContact(ctx, d.Tenant, c.ID, crm.ContactChange{Custom: map[string]any{key: value}})
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != "custom."+key {
			t.Errorf("%s = %v: %v", key, value, err)
		}
	}
	c, err := d.ChangeContact(ctx, d.Tenant, c.ID, crm.ContactChange{Custom: map[string]any{"plan": nil, "remark": "", "seats": 4.0}})
	if err != nil || fmt.Sprint(c.Custom) != "map[paid:false seats:4 since:2026-02-28]" {
		t.Errorf("%v, %v", c.Custom, err)
	}
	if err := d.RemoveAttribute(ctx, d.Tenant, seats.ID); err != nil {
		t.Fatal(err)
	}
	if c, err = d.Contact(ctx, d.Tenant, c.ID); err != nil || fmt.Sprint(c.Custom) != "map[paid:false since:2026-02-28]" {
		t.Errorf("after its attribute was removed: %v, %v", c.Custom, err)
	}
	if err := d.RemoveAttribute(ctx, storagetest.Tenant(t, d.DB, "b"), seats.ID); !errors.Is(err, crm.ErrNoAttribute) {
		t.Errorf("another tenant's: %v", err)
	}
}

func TestLists(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ctx, d := t.Context(), openOn(t, storagetest.NewAt(t, func() time.Time { return now }), nil)
	d.attribute(t, "seats", crm.AttributeNumber)
	d.attribute(t, "since", crm.AttributeDate)
	d.attribute(t, "paid", crm.AttributeBoolean)
	me := uuid.New()
	ada := d.contact(t, crm.ContactChange{FirstName: ptr("Ada"), Company: ptr("ACME; DROP TABLE contacts"), Tags: &[]string{"vip"}, Owner: &me, Custom: map[string]any{"seats": 10.0, "paid": true}})
	d.contact(t, crm.ContactChange{FirstName: ptr("Bob"), Company: ptr("acme"), Custom: map[string]any{"seats": 9.0, "since": "2025-01-01"}})
	now = now.AddDate(0, 0, 10)
	if _, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: "+4989123456", Name: "Cleo"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		match string
		items []crm.Condition
		want  string
	}{
		{"all", []crm.Condition{{Field: "company", Op: "is", Value: "Acme"}}, "Bob"},
		{"all", []crm.Condition{{Field: "company", Op: "is", Value: "ACME; DROP TABLE contacts"}}, "Ada"},
		{"all", []crm.Condition{{Field: "company", Op: "is_not", Value: "acme"}}, "Ada Cleo"},
		{"all", []crm.Condition{{Field: "company", Op: "unset"}}, "Cleo"},
		{"all", []crm.Condition{{Field: "tag", Op: "is", Value: "VIP"}}, "Ada"},
		{"any", []crm.Condition{{Field: "tag", Op: "is", Value: "vip"}, {Field: "phone", Op: "set"}}, "Ada Cleo"},
		{"all", []crm.Condition{{Field: "tag", Op: "is", Value: "vip"}, {Field: "phone", Op: "set"}}, ""},
		{"all", []crm.Condition{{Field: "custom.seats", Op: "more", Value: "9"}}, "Ada"},
		{"all", []crm.Condition{{Field: "custom.seats", Op: "is", Value: "9.0"}}, "Bob"},
		{"all", []crm.Condition{{Field: "custom.since", Op: "before", Value: "2025-06-30"}}, "Bob"},
		{"all", []crm.Condition{{Field: "custom.paid", Op: "is", Value: "true"}}, "Ada"},
		{"all", []crm.Condition{{Field: "custom.paid", Op: "unset"}}, "Bob Cleo"},
		{"all", []crm.Condition{{Field: "contacted_at", Op: "within_days", Value: "3"}}, "Cleo"},
		{"all", []crm.Condition{{Field: "contacted_at", Op: "unset"}}, "Ada Bob"},
		{"all", []crm.Condition{{Field: "created_at", Op: "before_days", Value: "5"}}, "Ada Bob"},
	} {
		l, err := d.AddList(ctx, d.Tenant, fmt.Sprint(c.match, c.items), &crm.Conditions{Match: c.match, Items: c.items})
		if err != nil {
			t.Fatal(c.items, err)
		}
		if got := d.found(t, crm.ContactFilter{List: l.ID}); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.match, c.items, got, c.want)
		}
	}
	for _, bad := range []crm.Condition{
		{Field: "contact_id", Op: "is", Value: "x"},
		{Field: "c.company", Op: "is", Value: "x"},
		{Field: "company", Op: "less", Value: "x"},
		{Field: "company", Op: "is"},
		{Field: "custom.none", Op: "set"},
		{Field: "custom.seats", Op: "more", Value: "x"},
		{Field: "custom.seats", Op: "<> 1; --", Value: "1"},
		{Field: "contacted_at", Op: "within_days", Value: "0"},
		{Field: "tag", Op: "set"},
		{Field: "custom.paid", Op: "is", Value: "1"},
	} {
		if _, err := d.AddList(ctx, d.Tenant, "bad", &crm.Conditions{Match: "all", Items: []crm.Condition{bad}}); !errors.Is(err, crm.ErrCondition) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	hand, err := d.AddList(ctx, d.Tenant, "by hand", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.PutOnList(ctx, d.Tenant, hand.ID, ada.ID, true); err != nil || d.found(t, crm.ContactFilter{List: hand.ID}) != "Ada" {
		t.Errorf("by hand: %v", err)
	}
	if err := d.PutOnList(ctx, d.Tenant, hand.ID, ada.ID, false); err != nil || d.found(t, crm.ContactFilter{List: hand.ID}) != "" {
		t.Errorf("taken off: %v", err)
	}
	if got := d.found(t, crm.ContactFilter{Owners: []uuid.UUID{me}}) + d.found(t, crm.ContactFilter{Tag: "vip"}) + d.found(t, crm.ContactFilter{Owners: []uuid.UUID{}}); got != "AdaAda" {
		t.Errorf("groups and tags: %q", got)
	}
	if tags, err := d.Tags(ctx, d.Tenant); err != nil || !slices.Equal(tags, []string{"vip"}) {
		t.Errorf("%v, %v", tags, err)
	}
	if _, err := d.AddList(ctx, d.Tenant, "by hand", nil); !errors.Is(err, crm.ErrListUsed) {
		t.Errorf("the same name: %v", err)
	}
	if err := d.PutOnList(ctx, storagetest.Tenant(t, d.DB, "b"), hand.ID, ada.ID, true); !errors.Is(err, crm.ErrNoList) {
		t.Errorf("another tenant's list: %v", err)
	}
}

func TestSearchInChinese(t *testing.T) {
	d := open(t)
	d.contact(t, crm.ContactChange{FirstName: ptr("小明"), LastName: ptr("王"), Company: ptr("北京电信")})
	for search, want := range map[string]string{"王小明": "小明", "王": "小明", "小明": "小明", "北京": "小明", "京电": "小明", "李": ""} {
		if got := d.found(t, crm.ContactFilter{Search: search}); got != want {
			t.Errorf("%s: %q", search, got)
		}
	}
}

// Rows that others wrote are found once the worker has come by.
func TestIndexCatchesUp(t *testing.T) {
	ctx, d := t.Context(), open(t)
	err := d.DB.Tenant(ctx, d.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO contacts (tenant_id, contact_id, first_name, created_at, updated_at) SELECT $1, gen_random_uuid(), 'Imported', $2, $2 FROM generate_series(1, 250)`, d.Tenant, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Index(ctx); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Contacts(ctx, d.Tenant, crm.ContactFilter{Search: "impor", Limit: 200}); err != nil || len(p.Items) != 200 || p.Next == "" {
		t.Errorf("%d, %v", len(p.Items), err)
	}
}

func (d *desk) merges(t *testing.T, contact uuid.UUID) []crm.Activity {
	t.Helper()
	all, err := d.Activities(t.Context(), d.Tenant, contact, crm.Window{Before: uuid.Max, Limit: 50}, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(a crm.Activity) bool { return a.Kind != crm.ActivityMerge })
}

func (d *desk) ticketsOf(t *testing.T, contact uuid.UUID) (titles []string) {
	t.Helper()
	p, err := d.Tickets(t.Context(), d.Tenant, crm.TicketFilter{Contact: contact})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range p.Items {
		titles = append(titles, k.Title)
	}
	slices.Sort(titles)
	return titles
}

func TestMergeAndUndo(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ctx, d := t.Context(), openOn(t, storagetest.NewAt(t, func() time.Time { return now }), nil)
	d.attribute(t, "seats", crm.AttributeNumber)
	ada := d.contact(t, crm.ContactChange{FirstName: ptr("Ada"), LastName: ptr("Lovelace"), Phone: ptr("+4989100001"), Tags: &[]string{"vip"}})
	twin := d.contact(t, crm.ContactChange{FirstName: ptr("A."), LastName: ptr("Lovelace"), Phone: ptr("+4989100002"), Email: ptr("a@example.com"), Company: ptr("ACME"), Tags: &[]string{"old"}, Custom: map[string]any{"seats": 0.0}})
	both, err := d.AddList(ctx, d.Tenant, "both", nil)
	if err != nil {
		t.Fatal(err)
	}
	only, err := d.AddList(ctx, d.Tenant, "only the twin", nil)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.PutOnList(ctx, d.Tenant, both.ID, ada.ID, true))
	must(d.PutOnList(ctx, d.Tenant, both.ID, twin.ID, true))
	must(d.PutOnList(ctx, d.Tenant, only.ID, twin.ID, true))
	ticket := func(title string, of uuid.UUID) {
		_, err := d.CreateTicket(ctx, d.Tenant, crm.NewTicket{Title: title, Contact: &of})
		must(err)
	}
	ticket("ada's", ada.ID)
	ticket("twin's", twin.ID)
	_, err = d.AddContactNote(ctx, d.Tenant, twin.ID, "of the twin")
	must(err)

	p, err := d.PreviewMerge(ctx, d.Tenant, twin.ID, ada.ID)
	must(err)
	var fields []string
	for _, f := range p.Fields {
		fields = append(fields, f.Name+"="+f.Keep)
	}
	if want := "[company=from email=from first_name=into phone=into tags=both custom.seats=from]"; fmt.Sprint(fields) != want || p.Tickets != 1 || p.Notes != 1 || p.Identities != 2 {
		t.Errorf("preview: %v, %+v", fields, p)
	}
	if _, err := d.MergeContacts(ctx, d.Tenant, twin.ID, ada.ID, map[string]string{"tenant_id": "from"}); !errors.Is(err, crm.ErrMergeField) {
		t.Errorf("an attribute that there is not: %v", err)
	}
	c, err := d.MergeContacts(ctx, d.Tenant, twin.ID, ada.ID, map[string]string{"phone": "from"})
	must(err)
	if c.ID != ada.ID || c.FirstName != "Ada" || c.Phone != "+4989100002" || c.Email != "a@example.com" || c.Company != "ACME" || fmt.Sprint(c.Tags) != "[old vip]" || c.Custom["seats"] != 0.0 {
		t.Errorf("merged: %+v", c)
	}
	if old, err := d.Contact(ctx, d.Tenant, twin.ID); err != nil || old.ID != ada.ID {
		t.Errorf("the old id leads to %+v, %v", old, err)
	}
	for _, number := range []string{"+4989100001", "+4989100002"} {
		if got, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: number}); err != nil || got.ID != ada.ID {
			t.Errorf("%s is %+v, %v", number, got, err)
		}
		if got := d.found(t, crm.ContactFilter{Search: number}); got != "Ada" {
			t.Errorf("search for %s: %q", number, got)
		}
	}
	if got := fmt.Sprint(d.ticketsOf(t, ada.ID)); got != "[ada's twin's]" {
		t.Errorf("tickets after the merge: %s", got)
	}
	if got := d.found(t, crm.ContactFilter{List: only.ID}); got != "Ada" {
		t.Errorf("lists after the merge: %q", got)
	}
	// What comes afterwards, by the old id too, is the survivor's.
	ticket("later", twin.ID)
	_, err = d.ChangeContact(ctx, d.Tenant, twin.ID, crm.ContactChange{JobTitle: ptr("Countess"), Company: ptr("Byron")})
	must(err)

	m := d.merges(t, ada.ID)
	if len(m) != 1 || m[0].State != "undoable" {
		t.Fatalf("%+v", m)
	}
	if _, err := d.UndoMerge(ctx, storagetest.Tenant(t, d.DB, "b"), ada.ID, m[0].ID); !errors.Is(err, crm.ErrNoMerge) {
		t.Errorf("another tenant's: %v", err)
	}
	now = now.AddDate(0, 0, 29)
	must(d.Forget(ctx))
	back, err := d.UndoMerge(ctx, d.Tenant, ada.ID, m[0].ID)
	must(err)
	if back.ID != twin.ID || back.FirstName != "A." || back.Phone != "+4989100002" || back.Email != "a@example.com" || fmt.Sprint(back.Tags) != "[old]" || back.Custom["seats"] != 0.0 {
		t.Errorf("the twin again: %+v", back)
	}
	a, err := d.Contact(ctx, d.Tenant, ada.ID)
	must(err)
	if a.Phone != "+4989100001" || a.Email != "" || fmt.Sprint(a.Tags) != "[vip]" || a.JobTitle != "Countess" || a.Company != "Byron" || len(a.Custom) != 0 {
		t.Errorf("the survivor again: %+v", a)
	}
	if one, two := fmt.Sprint(d.ticketsOf(t, ada.ID)), fmt.Sprint(d.ticketsOf(t, twin.ID)); one != "[ada's later]" || two != "[twin's]" {
		t.Errorf("tickets after the undo: %s %s", one, two)
	}
	if ids, err := d.Identities(ctx, d.Tenant, twin.ID); err != nil || fmt.Sprint(ids) != "[{email a@example.com} {phone +4989100002}]" {
		t.Errorf("identities: %v, %v", ids, err)
	}
	if got := d.found(t, crm.ContactFilter{List: only.ID}) + "/" + d.found(t, crm.ContactFilter{List: both.ID}); got != "A./A. Ada" {
		t.Errorf("lists after the undo: %q", got)
	}
	if notes, err := d.ContactNotes(ctx, d.Tenant, twin.ID, "", 0); err != nil || len(notes.Items) != 1 {
		t.Errorf("%+v, %v", notes, err)
	}
	if _, err := d.UndoMerge(ctx, d.Tenant, ada.ID, m[0].ID); !errors.Is(err, crm.ErrMergeOver) {
		t.Errorf("undone twice: %v", err)
	}
}

func TestMergeIsOverAfter30Days(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ctx, d := t.Context(), openOn(t, storagetest.NewAt(t, func() time.Time { return now }), nil)
	a, b, c := d.contact(t, crm.ContactChange{FirstName: ptr("A")}), d.contact(t, crm.ContactChange{FirstName: ptr("B")}), d.contact(t, crm.ContactChange{FirstName: ptr("C")})
	if _, err := d.MergeContacts(ctx, d.Tenant, a.ID, a.ID, nil); !errors.Is(err, crm.ErrSameContact) {
		t.Errorf("with itself: %v", err)
	}
	for _, pair := range [][2]uuid.UUID{{a.ID, b.ID}, {b.ID, c.ID}} {
		if _, err := d.MergeContacts(ctx, d.Tenant, pair[0], pair[1], nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.Contact(ctx, d.Tenant, a.ID); err != nil || got.ID != c.ID {
		t.Errorf("the first leads to %+v, %v", got, err)
	}
	first, second := d.merges(t, b.ID), d.merges(t, c.ID)
	if _, err := d.UndoMerge(ctx, d.Tenant, b.ID, first[0].ID); !errors.Is(err, crm.ErrMergedOn) {
		t.Errorf("the earlier before the later: %v", err)
	}
	now = now.Add(30*24*time.Hour + time.Second)
	if _, err := d.UndoMerge(ctx, d.Tenant, c.ID, second[0].ID); !errors.Is(err, crm.ErrMergeOver) {
		t.Errorf("after 30 days: %v", err)
	}
	if err := d.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if m := d.merges(t, c.ID); m[0].State != "merged" {
		t.Errorf("%+v", m)
	}
	err := d.DB.Worker(ctx, func(tx *storage.Tx) error {
		var kept int
		err := tx.QueryRow(ctx, `SELECT count(*) FROM contact_merges WHERE undo IS NOT NULL`).Scan(&kept)
		if kept != 0 {
			t.Errorf("%d contacts that were are still kept", kept)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Names suggest a merge; an e-mail address, which nobody verified, never does (CR-5).
func TestAlike(t *testing.T) {
	d := open(t)
	d.attribute(t, "mail", crm.AttributeText)
	mail := map[string]any{"mail": "ada@example.com"}
	ada := d.contact(t, crm.ContactChange{FirstName: ptr("Ada"), LastName: ptr("Lovelace"), Email: ptr("ada@example.com"), Custom: mail})
	same := d.contact(t, crm.ContactChange{FirstName: ptr("ADA"), LastName: ptr("lovelace")})
	d.contact(t, crm.ContactChange{FirstName: ptr("Eve"), LastName: ptr("Other"), Email: ptr("ada@example.com.evil.test"), Custom: mail})
	list, err := d.Alike(t.Context(), d.Tenant, ada.ID)
	if err != nil || len(list) != 1 || list[0].ID != same.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestContactNotesArePaged(t *testing.T) {
	ctx, d := t.Context(), open(t)
	c, author := d.contact(t, crm.ContactChange{FirstName: ptr("Ada")}), uuid.New()
	for i := range 5 {
		if _, err := d.AddContactNote(ctx, d.Tenant, c.ID, fmt.Sprint("note ", i)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := d.ContactNotes(ctx, d.Tenant, c.ID, "", 3)
	if err != nil || len(p.Items) != 3 || p.Items[0].Body != "note 4" {
		t.Fatalf("%+v, %v", p, err)
	}
	last := p.Items[0].ID
	if p, err = d.ContactNotes(ctx, d.Tenant, c.ID, p.Next, 3); err != nil || len(p.Items) != 2 || p.Next != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if err := d.RemoveContactNote(ctx, d.Tenant, c.ID, last, author); !errors.Is(err, crm.ErrNoContactNote) {
		t.Errorf("another's note: %v", err)
	}
	if err := d.RemoveContactNote(context.WithoutCancel(ctx), d.Tenant, c.ID, last, uuid.Nil); err != nil {
		t.Error(err)
	}
	if _, err := d.AddContactNote(ctx, d.Tenant, c.ID, " "); !errors.Is(err, crm.ErrNote) {
		t.Errorf("an empty note: %v", err)
	}
}
