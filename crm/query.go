package crm

import (
	"strconv"
	"strings"
)

// query is a statement's conditions with the values that they name. Values are never part of its text.
type query struct {
	conditions []string
	args       []any
}

// where adds a condition; each ? of it stands for one of the values.
func (q *query) where(condition string, values ...any) {
	q.conditions = append(q.conditions, q.bind(condition, values...))
}

func (q *query) bind(condition string, values ...any) string {
	for _, v := range values {
		q.args = append(q.args, v)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	return condition
}

// sql is the conditions together.
func (q *query) sql() string { return strings.Join(q.conditions, " AND ") }
