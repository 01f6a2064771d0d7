package salesforcetest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads as much of SOQL as there is need for, and not more: whoever gets a quote wrong is refused.

type condition struct {
	field  string
	values []string
}

type statement struct {
	columns []string
	object  string
	where   []condition
	any     bool // OR stands between the conditions
	order   string
	down    bool
	limit   int
}

var tokens = regexp.MustCompile(`^\s*('(?:[^'\\\n]|\\.)*'|[A-Za-z_][\w.]*|\d+|[=,()])`)

func lex(text string) (list []string, ok bool) {
	for strings.TrimSpace(text) != "" {
		m := tokens.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		list, text = append(list, m[1]), text[len(m[0]):]
	}
	return list, true
}

type parser struct {
	rest []string
	bad  bool
}

func (p *parser) next() (token string) {
	if len(p.rest) == 0 {
		p.bad = true
		return ""
	}
	token, p.rest = p.rest[0], p.rest[1:]
	return token
}

func (p *parser) take(word string) bool {
	if len(p.rest) == 0 || p.rest[0] != word {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) want(word string) { p.bad = p.bad || !p.take(word) }

var escapes = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\b`, "\b", `\f`, "\f")

func (p *parser) literal() string {
	token := p.next()
	if len(token) < 2 || token[0] != '\'' {
		p.bad = true
		return ""
	}
	return escapes.Replace(token[1 : len(token)-1])
}

func (p *parser) condition() condition {
	c := condition{field: p.next()}
	if p.take("=") {
		c.values = []string{p.literal()}
		return c
	}
	p.want("IN")
	p.want("(")
	for !p.bad {
		c.values = append(c.values, p.literal())
		if !p.take(",") {
			break
		}
	}
	p.want(")")
	return c
}

func parse(text string) (s statement, ok bool) {
	list, ok := lex(text)
	p := &parser{rest: list, bad: !ok}
	p.want("SELECT")
	s.columns = []string{p.next()}
	for p.take(",") {
		s.columns = append(s.columns, p.next())
	}
	p.want("FROM")
	s.object = p.next()
	p.want("WHERE")
	s.where = []condition{p.condition()}
	for !p.bad {
		if or := p.take("OR"); or || p.take("AND") {
			s.any = s.any || or
			s.where = append(s.where, p.condition())
			continue
		}
		break
	}
	if p.take("ORDER") {
		p.want("BY")
		s.order = p.next()
		s.down = p.take("DESC")
		if p.take(",") {
			p.next()
			p.take("DESC")
		}
	}
	if p.take("LIMIT") {
		s.limit, _ = strconv.Atoi(p.next())
	}
	return s, !p.bad && len(p.rest) == 0
}

func (s *statement) holds(row map[string]any) bool {
	for _, c := range s.where {
		if slices.Contains(c.values, fmt.Sprint(row[c.field])) == s.any {
			return s.any
		}
	}
	return !s.any
}

// rows are an object's, those of a file's link put together from its version.
func (o *Org) rows(object string) (list []map[string]any) {
	for _, r := range o.records {
		if r.object == object {
			list = append(list, r.fields)
		}
		if object == "ContentDocumentLink" && r.object == "ContentVersion" {
			document := map[string]any{"LatestPublishedVersionId": r.id, "Title": r.fields["Title"], "ContentSize": r.fields["ContentSize"], "CreatedDate": r.fields["CreatedDate"]}
			list = append(list, map[string]any{"LinkedEntityId": r.fields["FirstPublishLocationId"], "ContentDocument": document})
		}
	}
	return list
}

// query answers page by page; the next ones are found by the number of the query and the row.
func (o *Org) query(w http.ResponseWriter, r *http.Request) {
	number, from := len(o.queries), 0
	text := r.URL.Query().Get("q")
	if rest := r.PathValue("rest"); rest != "" {
		if _, err := fmt.Sscanf(rest, "01g%d-%d", &number, &from); err != nil || number >= len(o.queries) {
			refuse(w, http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
			return
		}
		text = o.queries[number]
	} else {
		o.queries = append(o.queries, text)
	}
	s, ok := parse(text)
	if !ok {
		refuse(w, http.StatusBadRequest, "MALFORMED_QUERY", "unexpected token")
		return
	}
	var found []map[string]any
	for _, row := range o.rows(s.object) {
		if s.holds(row) {
			found = append(found, row)
		}
	}
	slices.SortStableFunc(found, func(a, b map[string]any) int {
		order := strings.Compare(fmt.Sprint(a[s.order]), fmt.Sprint(b[s.order]))
		if s.down {
			return -order
		}
		return order
	})
	if s.limit > 0 {
		found = found[:min(s.limit, len(found))]
	}
	page := []map[string]any{}
	for _, row := range found[min(from, len(found)):min(from+o.Page, len(found))] {
		picked := make(map[string]any)
		for _, column := range s.columns {
			top, _, _ := strings.Cut(column, ".")
			picked[top] = row[top]
		}
		page = append(page, picked)
	}
	body := map[string]any{"totalSize": len(found), "done": from+o.Page >= len(found), "records": page}
	if from+o.Page < len(found) {
		body["nextRecordsUrl"] = fmt.Sprintf("/services/data/v64.0/query/01g%d-%d", number, from+o.Page)
	}
	answer(w, http.StatusOK, body)
}
