package hubspottest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (a *Account) add(kind string, properties map[string]string) *record {
	a.made++
	r := &record{kind: kind, id: fmt.Sprint(1000 + a.made), properties: properties, links: make(map[string][]string), hidden: a.hidden}
	r.at = time.Now().UTC().Add(time.Duration(a.made) * time.Millisecond)
	if phone := properties["phone"]; phone != "" { // HubSpot's, without the country
		r.properties["hs_searchable_calculated_phone_number"] = national(phone)
	}
	a.records = append(a.records, r)
	return r
}

// national is good enough for the numbers of tests: of Germany and North America.
func national(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
	for _, prefix := range []string{"0049", "49", "1", "0"} {
		if rest, ok := strings.CutPrefix(digits, prefix); ok {
			return rest
		}
	}
	return digits
}

func (a *Account) find(kind, id string) *record {
	for _, r := range a.records {
		if r.kind == kind && r.id == id {
			return r
		}
	}
	return nil
}

func (r *record) json(properties []string) map[string]any {
	out := map[string]any{"hs_object_id": r.id}
	for _, name := range properties {
		out[name] = nil
		if v, ok := r.properties[name]; ok {
			out[name] = v
		}
	}
	return map[string]any{"id": r.id, "properties": out, "createdAt": r.at, "updatedAt": r.at, "archived": false}
}

func (a *Account) getProperty(w http.ResponseWriter, r *http.Request) {
	unique, ok := a.properties[r.PathValue("kind")][r.PathValue("name")]
	if !ok {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Property does not exist")
		return
	}
	answer(w, http.StatusOK, map[string]any{"name": r.PathValue("name"), "hasUniqueValue": unique})
}

func (a *Account) makeProperty(w http.ResponseWriter, r *http.Request) {
	var p struct {
		Name, Label, GroupName, Type, FieldType string
		HasUniqueValue                          bool
	}
	group := map[string]string{"contacts": "contactinformation", "tickets": "ticketinformation"}[r.PathValue("kind")]
	if json.NewDecoder(r.Body).Decode(&p) != nil || p.Name == "" || p.Label == "" || p.GroupName != group || p.Type != "string" || p.FieldType != "text" {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "invalid property")
		return
	}
	if _, there := a.properties[r.PathValue("kind")][p.Name]; there {
		refuse(w, http.StatusConflict, "CONFLICT", "the property exists")
		return
	}
	a.properties[r.PathValue("kind")][p.Name] = p.HasUniqueValue
	answer(w, http.StatusCreated, map[string]any{"name": p.Name, "hasUniqueValue": p.HasUniqueValue})
}

// links are HubSpot's own types of links: from, to.
var links = map[int][2]string{16: {"tickets", "contacts"}, 228: {"notes", "tickets"}}

func (a *Account) create(w http.ResponseWriter, r *http.Request) {
	kind := r.PathValue("kind")
	var in struct {
		Properties   map[string]string
		Associations []struct {
			To    struct{ ID string }
			Types []struct {
				AssociationCategory string
				AssociationTypeID   int
			}
		}
	}
	if a.properties[kind] == nil || json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON")
		return
	}
	if status, category, message := a.fault(kind, in.Properties); status != 0 {
		refuse(w, status, category, message)
		return
	}
	var to []*record
	for _, l := range in.Associations {
		for _, t := range l.Types {
			other := a.find(links[t.AssociationTypeID][1], l.To.ID)
			if t.AssociationCategory != "HUBSPOT_DEFINED" || links[t.AssociationTypeID][0] != kind || other == nil {
				refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "No such association")
				return
			}
			to = append(to, other)
		}
	}
	made := a.add(kind, in.Properties)
	for _, other := range to {
		made.links[other.kind] = append(made.links[other.kind], other.id)
		other.links[kind] = append(other.links[kind], made.id)
	}
	answer(w, http.StatusCreated, made.json(nil))
}

// fault is why a record cannot be made; status 0: it can.
func (a *Account) fault(kind string, properties map[string]string) (status int, category, message string) {
	for name, value := range properties {
		unique, known := a.properties[kind][name]
		if !known {
			return http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf(`Property values were not valid: [{"isValid":false,"message":"Property \"%s\" does not exist","error":"PROPERTY_DOESNT_EXIST","name":"%s"}]`, name, name)
		}
		if unique && slices.ContainsFunc(a.records, func(r *record) bool { return r.kind == kind && r.properties[name] == value }) {
			return http.StatusConflict, "CONFLICT", "a record has this value already"
		}
	}
	if kind == "tickets" && (properties["hs_pipeline"] == "" || properties["hs_pipeline_stage"] == "" || properties["subject"] == "") ||
		kind == "notes" && (properties["hs_timestamp"] == "" || len([]rune(properties["hs_note_body"])) > 65536) {
		return http.StatusBadRequest, "VALIDATION_ERROR", `Property values were not valid: [{"error":"REQUIRED_FIELD"}]`
	}
	return 0, "", ""
}

func (a *Account) get(w http.ResponseWriter, r *http.Request) {
	kind, id, by := r.PathValue("kind"), r.PathValue("id"), r.URL.Query().Get("idProperty")
	found := a.find(kind, id)
	if by != "" {
		found = nil
		if unique := a.properties[kind][by]; !unique {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "the property is not unique, or not there")
			return
		}
		for _, x := range a.records {
			if x.kind == kind && x.properties[by] == id {
				found = x
			}
		}
	}
	if found == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found")
		return
	}
	answer(w, http.StatusOK, found.json(strings.Split(r.URL.Query().Get("properties"), ",")))
}

func (a *Account) remove(w http.ResponseWriter, r *http.Request) {
	if found := a.find(r.PathValue("kind"), r.PathValue("id")); found != nil {
		a.records = slices.DeleteFunc(a.records, func(x *record) bool { return x == found })
		for _, x := range a.records {
			x.links[found.kind] = slices.DeleteFunc(x.links[found.kind], func(id string) bool { return id == found.id })
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// holds says that a record is found by words: all must be in what HubSpot searches of it.
func (r *record) holds(words string) bool {
	text := strings.ToLower(r.properties["firstname"] + " " + r.properties["lastname"] + " " + r.properties["subject"])
	for word := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func (a *Account) search(w http.ResponseWriter, r *http.Request) {
	kind := r.PathValue("kind")
	var in struct {
		FilterGroups []struct {
			Filters []struct{ PropertyName, Operator, Value string }
		}
		Query      string
		Properties []string
		Limit      int
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || (len(in.FilterGroups) == 0) == (in.Query == "") || len(in.FilterGroups) > 5 || in.Limit > 200 {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON")
		return
	}
	results := []map[string]any{}
	for _, x := range a.records {
		if in.Query != "" && x.kind == kind && !x.hidden && x.holds(in.Query) && len(results) < in.Limit {
			results = append(results, x.json(in.Properties))
		}
		for _, g := range in.FilterGroups {
			f := g.Filters[0]
			if _, known := a.properties[kind][f.PropertyName]; !known || f.Operator != "EQ" || len(g.Filters) != 1 || f.Value == "" {
				refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "There was a problem with the request.")
				return
			}
			if x.kind == kind && !x.hidden && x.properties[f.PropertyName] == f.Value && len(results) < in.Limit {
				results = append(results, x.json(in.Properties))
				break
			}
		}
	}
	answer(w, http.StatusOK, map[string]any{"total": len(results), "results": results})
}

func (a *Account) batch(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Inputs     []struct{ ID string }
		Properties []string
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || len(in.Inputs) == 0 || len(in.Inputs) > 100 {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "between 1 and 100 inputs")
		return
	}
	results := []map[string]any{}
	for _, i := range in.Inputs {
		if x := a.find(r.PathValue("kind"), i.ID); x != nil {
			results = append(results, x.json(in.Properties))
		}
	}
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
}

// page is how many links are told at once.
const page = 2

func (a *Account) linked(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Inputs []struct{ ID, After string }
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || len(in.Inputs) != 1 {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON")
		return
	}
	x := a.find(r.PathValue("from"), in.Inputs[0].ID)
	if x == nil || len(x.links[r.PathValue("to")]) == 0 {
		answer(w, http.StatusMultiStatus, map[string]any{"status": "COMPLETE", "results": []any{}, "numErrors": 1})
		return
	}
	all, from := x.links[r.PathValue("to")], 0
	_, _ = fmt.Sscan(in.Inputs[0].After, &from)
	result := map[string]any{"from": map[string]string{"id": x.id}}
	to := []map[string]any{}
	for _, id := range all[min(from, len(all)):min(from+page, len(all))] {
		to = append(to, map[string]any{"toObjectId": json.Number(id), "associationTypes": []any{}})
	}
	result["to"] = to
	if from+page < len(all) {
		result["paging"] = map[string]any{"next": map[string]string{"after": fmt.Sprint(from + page)}}
	}
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": []any{result}})
}
