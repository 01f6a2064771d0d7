package whatsapp_test

import (
	"encoding/json"
	"errors"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
)

// TestTemplateComponents holds values of each kind to what goes out for them.
func TestTemplateComponents(t *testing.T) {
	for _, c := range []struct {
		name   string
		values map[string]string
		want   string
	}{
		{"none", nil, `null`},
		{"positions", map[string]string{"header.1": "42", "body.1": "Ann", "body.2": "Monday", "body.10": "j", "body.3": "c", "body.4": "d", "body.5": "e", "body.6": "f", "body.7": "g", "body.8": "h", "body.9": "i"}, `[
			{"type":"header","parameters":[{"type":"text","text":"42"}]},
			{"type":"body","parameters":[{"type":"text","text":"Ann"},{"type":"text","text":"Monday"},{"type":"text","text":"c"},{"type":"text","text":"d"},{"type":"text","text":"e"},{"type":"text","text":"f"},{"type":"text","text":"g"},{"type":"text","text":"h"},{"type":"text","text":"i"},{"type":"text","text":"j"}]}]`},
		{"names", map[string]string{"body.first_name": "Ann", "body.time": "10:00"}, `[
			{"type":"body","parameters":[{"type":"text","parameter_name":"first_name","text":"Ann"},{"type":"text","parameter_name":"time","text":"10:00"}]}]`},
		{"currency and time", map[string]string{"body.1:currency": "USD:100990:$100.99", "body.2:date_time": "25 February, 10:30"}, `[
			{"type":"body","parameters":[{"type":"currency","currency":{"code":"USD","amount_1000":100990,"fallback_value":"$100.99"}},{"type":"date_time","date_time":{"fallback_value":"25 February, 10:30"}}]}]`},
		{"header files", map[string]string{"header.1:image": "https://shop.example.test/i.png"}, `[{"type":"header","parameters":[{"type":"image","image":{"link":"https://shop.example.test/i.png"}}]}]`},
		{"header video", map[string]string{"header.1:video": "M1"}, `[{"type":"header","parameters":[{"type":"video","video":{"id":"M1"}}]}]`},
		{"header document", map[string]string{"header.1:document": "M1"}, `[{"type":"header","parameters":[{"type":"document","document":{"id":"M1"}}]}]`},
		{"header product", map[string]string{"header.1:product": "CAT:p1"}, `[{"type":"header","parameters":[{"type":"product","product":{"catalog_id":"CAT","product_retailer_id":"p1"}}]}]`},
		{"buttons", map[string]string{
			"button.0.payload": "P1", "button.1.1": "42", "button.2.coupon_code": "SALE", "button.3.flow_token": "t", "button.3.flow_action_data": `{"a":1}`,
			"button.4.thumbnail_product_retailer_id": "p1", "button.5.sections": `[{"title":"s"}]`, "button.5.thumbnail_product_retailer_id": "p2", "button.10.ttl_minutes": "60",
		}, `[
			{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"P1"}]},
			{"type":"button","sub_type":"url","index":"1","parameters":[{"type":"text","text":"42"}]},
			{"type":"button","sub_type":"copy_code","index":"2","parameters":[{"type":"coupon_code","coupon_code":"SALE"}]},
			{"type":"button","sub_type":"flow","index":"3","parameters":[{"type":"action","action":{"flow_token":"t","flow_action_data":{"a":1}}}]},
			{"type":"button","sub_type":"catalog","index":"4","parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"p1"}}]},
			{"type":"button","sub_type":"mpm","index":"5","parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"p2","sections":[{"title":"s"}]}}]},
			{"type":"button","sub_type":"voice_call","index":"10","parameters":[{"type":"ttl_minutes","ttl_minutes":"60"}]}]`},
		{"offer", map[string]string{"limited_time_offer.expiration_time_ms": "1800000000000"}, `[
			{"type":"limited_time_offer","parameters":[{"type":"limited_time_offer","limited_time_offer":{"expiration_time_ms":1800000000000}}]}]`},
		{"cards", map[string]string{"card.1.button.0.payload": "P", "card.0.header.1:image": "M1", "card.0.body.1": "5 €", "body.1": "Ann"}, `[
			{"type":"body","parameters":[{"type":"text","text":"Ann"}]},
			{"type":"carousel","cards":[
				{"card_index":0,"components":[{"type":"header","parameters":[{"type":"image","image":{"id":"M1"}}]},{"type":"body","parameters":[{"type":"text","text":"5 €"}]}]},
				{"card_index":1,"components":[{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"P"}]}]}]}]`},
	} {
		r := newRig(t)
		m := r.out(chat.Templated, "")
		m.Body.Template = &chat.TemplateSend{Name: "made_up", Language: "en_US", Values: c.values}
		r.Always("", chattest.Behaviour{Misdeed: chattest.Refuse, Code: "132001"}) // whatever it is called: this is about what goes out
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Code != "132001" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		sent := r.LastCall("messages")["template"].(map[string]any)
		suite.SameJSON(t, c.name, sent["components"], c.want)
		suite.SameJSON(t, c.name, sent["language"], `{"code":"en_US","policy":"deterministic"}`)
		if sent["name"] != "made_up" {
			t.Errorf("%s: %v", c.name, sent["name"])
		}
	}
}

func TestTemplateValuesThatCannotBe(t *testing.T) {
	r := newRig(t)
	for name, values := range map[string]map[string]string{
		"no component":     {"first_name": "Ann"},
		"another one":      {"footer.1": "Ann"},
		"a gap":            {"body.1": "a", "body.3": "c"},
		"from 0":           {"body.0": "a"},
		"names and places": {"body.1": "a", "body.name": "b"},
		"no index":         {"button.x.payload": "P"},
		"button's nothing": {"button.0": "P"},
		"another button":   {"button.0.colour": "red"},
		"currency":         {"body.1:currency": "100.99"},
		"another kind":     {"body.1:hologram": "x"},
		"no JSON":          {"button.0.sections": "[", "body.1": "a"},
		"no time":          {"limited_time_offer.expiration_time_ms": "tonight"},
		"a card's":         {"card.0.footer.1": "a"},
	} {
		m := r.out(chat.Templated, "")
		m.Body.Template = &chat.TemplateSend{Name: "order_ok", Language: "en_US", Values: values}
		_, err := r.Send(t.Context(), m)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != chat.VerdictRejected || e.Code != "template_values" || len(r.Log()) != 0 {
			t.Errorf("%s: %v, %d calls", name, err, len(r.Log()))
		}
	}
}

func TestTemplatesArrive(t *testing.T) {
	r := newRig(t)
	send := func(name string, values map[string]string, change func(*chat.Outgoing)) (chattest.Received, error) {
		t.Helper()
		m := r.out(chat.Templated, "")
		m.Body.Template = &chat.TemplateSend{Name: name, Language: "en_US", Values: values}
		if change != nil {
			change(&m)
		}
		_, err := r.Send(t.Context(), m)
		all := r.Received(r.ann.ID)
		if len(all) == 0 {
			return chattest.Received{}, err
		}
		return all[len(all)-1], err
	}
	got, err := send("order_ok", map[string]string{"header.1": "42", "body.1": "Ann", "body.2": "Monday", "button.0.payload": "thanks", "button.1.1": "42"}, nil)
	if err != nil || got.Text != "Hello Ann, your order leaves on Monday." || len(got.Options) != 1 || got.Options[0].ID != "thanks" {
		t.Errorf("by position: %+v, %v", got, err)
	}
	got, err = send("appointment", map[string]string{"body.first_name": "Ann", "body.time": "10:00"}, nil)
	if err != nil || got.Text != "Dear Ann, we expect you at 10:00 in our shop." {
		t.Errorf("by name: %+v, %v", got, err)
	}
	got, err = send("invoice", map[string]string{"body.1:currency": "USD:100990:$100.99"}, func(m *chat.Outgoing) {
		m.Media = upload(chat.File, "bill.pdf", "application/pdf")
	})
	if err != nil || len(got.Files) != 1 || got.Files[0].ContentType != "application/pdf" || got.Text != "Your invoice over $100.99 is enclosed." {
		t.Errorf("with a document: %+v, %v", got, err)
	}
	suite.SameJSON(t, "document header", r.LastCall("messages")["template"].(map[string]any)["components"].([]any)[0], map[string]any{
		"type": "header", "parameters": []any{map[string]any{"type": "document", "document": map[string]string{"id": "UPLOAD000003", "filename": "bill.pdf"}}},
	})
	if _, err = send("shops", nil, func(m *chat.Outgoing) { m.Body.Location = &chat.Place{Latitude: 1, Longitude: 2, Name: "Shop"} }); err != nil {
		t.Errorf("with a place: %v", err)
	}
	for name, code := range map[string]string{"winter_sale": "132015", "prize": "132001", "nothing": "132001", "order_ok": "132000"} {
		_, err := send(name, nil, nil)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Code != code || e.Verdict != chat.VerdictRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Play(chattest.Act{Customer: r.ann.ID, Kind: chattest.Block}); err != nil {
		t.Fatal(err)
	}
	_, err = send("catalogue_new", nil, func(m *chat.Outgoing) { m.Media = upload(chat.Image, "i.png", "image/png") })
	var e *chat.SendError
	if !errors.As(err, &e) || e.Verdict != chat.VerdictOptedOut {
		t.Errorf("marketing after a stop: %v", err)
	}
}

func TestTemplatesAreListed(t *testing.T) {
	r := newRig(t)
	all, err := r.Channel.(chat.Templater).Templates(t.Context())
	if err != nil || len(all) != 11 {
		t.Fatalf("%d templates, %v", len(all), err)
	}
	var calls int
	for _, e := range r.Log() {
		if e.Operation == "templates" {
			calls++
		}
	}
	if calls != 3 {
		t.Errorf("%d pages", calls)
	}
	by := map[string]chat.Template{}
	for _, a := range all {
		by[a.Name+"/"+a.Language] = a
	}
	suite.SameJSON(t, "order_ok", by["order_ok/en_US"], `{"id":"101","name":"order_ok","language":"en_US","category":"UTILITY","status":"APPROVED","quality":"GREEN","named":false,"components":[
		{"type":"HEADER","format":"TEXT","text":"Order {{1}}","variables":["header.1"],"examples":["42"]},
		{"type":"BODY","text":"Hello {{1}}, your order leaves on {{2}}.","variables":["body.1","body.2"],"examples":["Ann","Monday"]},
		{"type":"FOOTER","text":"Demo Shop"},
		{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Thank you"},{"type":"URL","text":"Follow it","url":"https://shop.example.test/orders/{{1}}","variables":["button.1.1"]},{"type":"PHONE_NUMBER","text":"Call us","phone":"+15550001111"}]}]}`)
	suite.SameJSON(t, "appointment", by["appointment/en_US"].Components, `[{"type":"BODY","text":"Dear {{first_name}}, we expect you at {{time}} in our shop.","variables":["body.first_name","body.time"],"examples":["Ann","10:00"]}]`)
	if !by["appointment/en_US"].Named {
		t.Error("names are not seen")
	}
	suite.SameJSON(t, "voucher", by["voucher/en_US"].Components, `[{"type":"LIMITED_TIME_OFFER","text":"Until tonight","variables":["limited_time_offer.expiration_time_ms"]},
		{"type":"BODY","text":"A voucher for you, {{1}}.","variables":["body.1"],"examples":["Ann"]},
		{"type":"BUTTONS","buttons":[{"type":"COPY_CODE","text":"Copy it","variables":["button.0.coupon_code"]},{"type":"FLOW","text":"Sign up","variables":["button.1.flow_token"]},{"type":"MPM","text":"See all","variables":["button.2.thumbnail_product_retailer_id","button.2.sections"]}]}]`)
	suite.SameJSON(t, "collection", by["collection/en_US"].Components[1], `{"type":"CAROUSEL","cards":[
		[{"type":"HEADER","format":"IMAGE","variables":["card.0.header.1:image"]},{"type":"BODY","text":"Only {{1}}","variables":["card.0.body.1"],"examples":[""]},{"type":"BUTTONS","buttons":[{"type":"URL","text":"Look","url":"https://shop.example.test/{{1}}","variables":["card.0.button.0.1"]}]}],
		[{"type":"HEADER","format":"IMAGE","variables":["card.1.header.1:image"]},{"type":"BODY","text":"New"},{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"More"}]}]]}`)
	if c := by["login_code/en_US"].Components; len(c) != 2 || len(c[1].Buttons) != 1 || c[1].Buttons[0].Variables[0] != "button.0.1" {
		t.Errorf("login_code: %+v", c)
	}
	if p := by["prize/en_US"]; p.Reason != "PROMOTIONAL" || p.Status != "REJECTED" {
		t.Errorf("prize: %+v", p)
	}
	if b, err := json.Marshal(by["catalogue_new/en_US"].Components[0]); err != nil || string(b) != `{"type":"HEADER","format":"IMAGE"}` {
		t.Errorf("catalogue_new: %s, %v", b, err)
	}
	r.Revoke(true)
	if _, err := r.Channel.(chat.Templater).Templates(t.Context()); err == nil {
		t.Error("listed with a revoked token")
	}
}
