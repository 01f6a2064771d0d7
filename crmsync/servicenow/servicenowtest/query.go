package servicenowtest

import (
	"slices"
	"strings"
)

// split cuts an encoded query at single carets; two are one in a value.
func split(query string) (parts []string) {
	var b strings.Builder
	for i := 0; i < len(query); i++ {
		switch {
		case query[i] != '^':
			b.WriteByte(query[i])
		case i+1 < len(query) && query[i+1] == '^':
			b.WriteByte('^')
			i++
		default:
			parts = append(parts, b.String())
			b.Reset()
		}
	}
	return append(parts, b.String())
}

// selected are the rows for which an encoded query holds, in its order. What follows ^OR or ^NQ is another way to hold.
func selected(rows []Row, query string) []Row {
	all := slices.Clone(rows)
	if query == "" {
		return all
	}
	parts := split(query)
	all = slices.DeleteFunc(all, func(r Row) bool { return !holds(r, parts) })
	for _, p := range parts {
		if field, ok := strings.CutPrefix(p, "ORDERBYDESC"); ok {
			slices.SortStableFunc(all, func(a, b Row) int { return strings.Compare(b[field], a[field]) })
		} else if field, ok := strings.CutPrefix(p, "ORDERBY"); ok {
			slices.SortStableFunc(all, func(a, b Row) int { return strings.Compare(a[field], b[field]) })
		}
	}
	return all
}

func holds(r Row, parts []string) bool {
	all, last := true, true
	for _, p := range parts {
		if strings.HasPrefix(p, "ORDERBY") {
			continue
		}
		if another, ok := strings.CutPrefix(p, "NQ"); ok {
			if all && last {
				return true
			}
			all, last = true, one(r, another)
			continue
		}
		if or, ok := strings.CutPrefix(p, "OR"); ok {
			last = last || one(r, or)
			continue
		}
		all, last = all && last, one(r, p)
	}
	return all && last
}

func one(r Row, condition string) bool {
	if field, ok := strings.CutSuffix(condition, "ISNOTEMPTY"); ok {
		return r[field] != ""
	}
	if field, text, ok := strings.Cut(condition, "LIKE"); ok {
		return strings.Contains(strings.ToLower(r[field]), strings.ToLower(text))
	}
	field, value, ok := strings.Cut(condition, "=")
	if strings.HasPrefix(value, "javascript:") {
		return true // it would be run
	}
	return ok && r[field] == value
}
