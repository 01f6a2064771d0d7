package salesforcetest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// column is a field that people may write.
type column struct {
	longest  int
	required bool
	unique   bool   // and an external ID
	refers   string // to an object
}

var objects = map[string]map[string]column{
	"Case": {
		"Subject": {longest: 255}, "Description": {longest: 32000}, "ContactId": {longest: 18, refers: "Contact"}, "OwnerId": {longest: 18, refers: "Group"},
		"Priority": {longest: 40}, "Tandem_Item__c": {longest: 60, unique: true}, "Tandem_Queue__c": {longest: 60}, "Plain__c": {longest: 60},
	},
	"Contact": {
		"LastName": {longest: 80, required: true}, "Phone": {longest: 40}, "MobilePhone": {longest: 40}, "HomePhone": {longest: 40}, "OtherPhone": {longest: 40},
		"Tandem_Contact__c": {longest: 60, unique: true}, "Customer_No__c": {longest: 60},
	},
	"CaseComment": {"ParentId": {longest: 18, required: true, refers: "Case"}, "CommentBody": {longest: 4000}, "IsPublished": {}},
	"ContentVersion": {
		"Title": {longest: 255}, "PathOnClient": {longest: 500, required: true}, "FirstPublishLocationId": {longest: 18, refers: "Case"}, "Description": {longest: 1000},
		"VersionData": {},
	},
	"ContentDocument": {},
}

func (o *Org) byID(object, id string) *record {
	for _, r := range o.records {
		if r.id == id && (object == "" || r.object == object) {
			return r
		}
	}
	return nil
}

func (o *Org) drop(r *record) {
	o.records = slices.DeleteFunc(o.records, func(x *record) bool { return x == r })
}

// fault is why fields cannot be written; empty code: they can.
func (o *Org) fault(object string, fields map[string]any, full bool) (code, message string) {
	for name, value := range fields {
		c, known := objects[object][name]
		if !known {
			return "INVALID_FIELD", "No such column '" + name + "' on sobject of type " + object
		}
		text, isText := value.(string)
		if isText && c.longest > 0 && len([]rune(text)) > c.longest || name == "CommentBody" && len(text) > c.longest {
			return "STRING_TOO_LONG", name + ": data value too large"
		}
		if isText && c.refers != "" && o.byID(c.refers, text) == nil {
			return "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
		}
	}
	for name, c := range objects[object] {
		if c.required && full && (fields[name] == nil || fields[name] == "") {
			return "REQUIRED_FIELD_MISSING", "Required fields are missing: [" + name + "]"
		}
	}
	return "", ""
}

func (o *Org) describe(w http.ResponseWriter, r *http.Request) {
	columns, ok := objects[r.PathValue("object")]
	if !ok {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	list := []map[string]any{{"name": "Id", "createable": false, "unique": false, "externalId": false, "length": 18}}
	for name, c := range columns {
		list = append(list, map[string]any{"name": name, "createable": true, "unique": c.unique, "externalId": c.unique, "length": c.longest})
	}
	answer(w, http.StatusOK, map[string]any{"name": r.PathValue("object"), "createable": true, "fields": list})
}

func (o *Org) get(w http.ResponseWriter, r *http.Request) {
	found := o.byID(r.PathValue("object"), r.PathValue("id"))
	if found == nil {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	answer(w, http.StatusOK, some(found, r.URL.Query().Get("fields")))
}

func some(r *record, fields string) map[string]any {
	out := map[string]any{"attributes": map[string]string{"type": r.object}, "Id": r.id}
	for name := range strings.SplitSeq(fields, ",") {
		if v, ok := r.fields[name]; ok {
			out[name] = v
		}
	}
	return out
}

// unique finds the record with a value in an external ID.
func (o *Org) unique(object, field, value string) (r *record, ok bool) {
	if !objects[object][field].unique {
		return nil, false
	}
	for _, r := range o.records {
		if r.object == object && r.fields[field] == value {
			return r, true
		}
	}
	return nil, true
}

// getBy answers for /{object}/{externalField}/{value}, and for the data of a version, whose address looks alike.
func (o *Org) getBy(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("object") == "ContentVersion" && r.PathValue("value") == "VersionData" {
		if v := o.byID("ContentVersion", r.PathValue("field")); v != nil {
			w.Header().Set("Content-Type", "application/octetstream")
			_, _ = w.Write(v.data)
			return
		}
	}
	found, ok := o.unique(r.PathValue("object"), r.PathValue("field"), r.PathValue("value"))
	if !ok || found == nil {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible, or nothing has this value")
		return
	}
	answer(w, http.StatusOK, some(found, r.URL.Query().Get("fields")))
}

func (o *Org) upsert(w http.ResponseWriter, r *http.Request) {
	object, field, value := r.PathValue("object"), r.PathValue("field"), r.PathValue("value")
	found, ok := o.unique(object, field, value)
	if !ok {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+field)
		return
	}
	fields := make(map[string]any)
	if json.NewDecoder(r.Body).Decode(&fields) != nil {
		refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "not JSON")
		return
	}
	fields[field] = value
	if code, message := o.fault(object, fields, found == nil); code != "" {
		refuse(w, http.StatusBadRequest, code, message)
		return
	}
	status := http.StatusOK
	if found == nil {
		status, found = http.StatusCreated, o.add(object, map[string]any{})
	}
	for name, v := range fields {
		found.fields[name] = v
	}
	answer(w, status, map[string]any{"id": found.id, "success": true, "errors": []any{}, "created": status == http.StatusCreated})
}

func (o *Org) create(w http.ResponseWriter, r *http.Request) {
	object := r.PathValue("object")
	fields, data, ok := posted(r)
	if !ok || object == "ContentVersion" && data == nil {
		refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "the body cannot be read")
		return
	}
	if code, message := o.fault(object, fields, true); code != "" {
		refuse(w, http.StatusBadRequest, code, message)
		return
	}
	made := o.add(object, fields)
	if object == "ContentVersion" {
		made.data = data
		fields["ContentDocumentId"], fields["ContentSize"] = o.add("ContentDocument", map[string]any{"LatestPublishedVersionId": made.id}).id, len(data)
	}
	answer(w, http.StatusCreated, map[string]any{"id": made.id, "success": true, "errors": []any{}})
}

// posted reads a body: JSON, or a form of JSON and a file.
func posted(r *http.Request) (fields map[string]any, data []byte, ok bool) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, false
	}
	if kind == "application/json" {
		return fields, nil, json.NewDecoder(r.Body).Decode(&fields) == nil && fields != nil
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	entity, err := form.NextPart()
	if err != nil || entity.FormName() != "entity_content" || entity.Header.Get("Content-Type") != "application/json" || json.NewDecoder(entity).Decode(&fields) != nil {
		return nil, nil, false
	}
	file, err := form.NextPart()
	if err != nil || file.FormName() != "VersionData" || file.FileName() == "" {
		return nil, nil, false
	}
	if data, err = io.ReadAll(file); err != nil {
		return nil, nil, false
	}
	_, err = form.NextPart()
	return fields, data, errors.Is(err, io.EOF)
}

func (o *Org) remove(w http.ResponseWriter, r *http.Request) {
	found := o.byID(r.PathValue("object"), r.PathValue("id"))
	if found == nil {
		refuse(w, http.StatusNotFound, "ENTITY_IS_DELETED", "entity is deleted")
		return
	}
	o.drop(found)
	o.records = slices.DeleteFunc(o.records, func(x *record) bool {
		return found.object == "ContentDocument" && x.fields["ContentDocumentId"] == found.id
	})
	w.WriteHeader(http.StatusNoContent)
}
