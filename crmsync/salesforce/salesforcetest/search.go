package salesforcetest

import (
	"fmt"
	"net/http"
	"strings"
)

// search finds contacts by name and cases by subject: all words must be there.
func (o *Org) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if len(q.Get("q")) < 2 {
		refuse(w, http.StatusBadRequest, "MALFORMED_SEARCH", "search term must be longer than one character")
		return
	}
	found := []map[string]any{}
	for _, x := range o.records {
		text := map[string]any{"Contact": x.fields["LastName"], "Case": x.fields["Subject"]}[x.object]
		fields := q.Get(x.object + ".fields")
		if text == nil || fields == "" || !holds(fmt.Sprint(text), q.Get("q")) {
			continue
		}
		one := map[string]any{"attributes": map[string]any{"type": x.object}}
		for _, f := range strings.Split(fields, ",") {
			if one[f] = x.fields[f]; f == "Name" {
				one[f] = text
			}
		}
		found = append(found, one)
	}
	answer(w, http.StatusOK, map[string]any{"searchRecords": found})
}

func holds(text, words string) bool {
	for word := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(strings.ToLower(text), word) {
			return false
		}
	}
	return true
}
