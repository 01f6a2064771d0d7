package crm

import (
	"context"
	"strconv"
	"strings"
	"time"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Conditions choose the contacts of a list.
type Conditions struct {
	Match string      `json:"match" enum:"all,any"`
	Items []Condition `json:"items" minItems:"1" maxItems:"20"`
}

// Condition asks one thing of a contact. Field is a built-in attribute ("company", "contacted_at" …), "tag", or "custom." with an attribute's
// key; which operators there are depends on its type, and Value is what is compared with, as text: a number, a date as 2026-07-31, a number
// of days.
type Condition struct {
	Field string `json:"field" maxLength:"60" example:"company"`
	Op    string `json:"op" enum:"is,is_not,set,unset,less,more,before,after,within_days,before_days"`
	Value string `json:"value,omitempty" maxLength:"1000"`
}

// ErrCondition refuses conditions that cannot be asked.
var ErrCondition = fault.New(fault.Invalid, "bad_condition", "A list has between 1 and 20 conditions; each asks for an attribute or a tag, in a way that its type allows, with a value that fits.").WithField("conditions")

// operators of each type; "tag" and "time" are those of tags and of the times that are built in.
var operators = map[AttributeType]string{
	AttributeText: "is is_not set unset", AttributeList: "is is_not set unset", AttributeBoolean: "is is_not set unset",
	AttributeNumber: "is is_not less more set unset", AttributeDate: "is is_not before after set unset", "tag": "is is_not", "time": "within_days before_days set unset",
}

const mostConditions = 20

// typeOf is the type of a condition's field; "" when there is no such field.
func typeOf(field string, known map[string]Attribute) AttributeType {
	switch field {
	case "tag":
		return "tag"
	case "created_at", "contacted_at":
		return "time"
	}
	if _, ok := textFields[field]; ok {
		return AttributeText
	}
	key, custom := strings.CutPrefix(field, "custom.")
	if a, ok := known[key]; custom && ok {
		return a.Type
	}
	return ""
}

// check refuses conditions that cannot be asked.
func (cs *Conditions) check(known map[string]Attribute) error {
	if cs.Match != "all" && cs.Match != "any" || len(cs.Items) == 0 || len(cs.Items) > mostConditions {
		return ErrCondition
	}
	for _, c := range cs.Items {
		if _, _, err := c.sql(known, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// narrow adds the conditions to a query. A condition for an attribute that is gone is fulfilled by nobody.
func (cs *Conditions) narrow(ctx context.Context, tx *storage.Tx, q *query) error {
	known, err := attributes(ctx, tx)
	if err != nil {
		return err
	}
	var parts []string
	for _, c := range cs.Items {
		condition, values, err := c.sql(known, tx.Now)
		if err != nil {
			condition, values = "false", nil
		}
		parts = append(parts, q.bind(condition, values...))
	}
	joint := " AND "
	if cs.Match == "any" {
		joint = " OR "
	}
	q.where("(" + strings.Join(parts, joint) + ")")
	return nil
}

// sql is a condition with ? for each of its values. Its text is made of fixed pieces alone: whatever people wrote is a value.
func (c Condition) sql(known map[string]Attribute, now time.Time) (string, []any, error) {
	kind := typeOf(c.Field, known)
	if !strings.Contains(" "+operators[kind]+" ", " "+c.Op+" ") {
		return "", nil, ErrCondition
	}
	value := strings.TrimSpace(c.Value)
	if kind == "time" {
		return c.timed(value, now)
	}
	word := facet(c.Field, "")
	switch c.Op {
	case "set", "unset":
		return not(c.Op == "unset") + contactWords.begins(), []any{word, word + wordsEnd}, nil
	case "is", "is_not":
		text, err := c.fit(kind, value, known)
		return not(c.Op == "is_not") + contactWords.is(), []any{facet(c.Field, text)}, err
	}
	text, err := c.fit(kind, value, known)
	key := strings.TrimPrefix(c.Field, "custom.")
	sign := map[string]string{"less": "<", "before": "<", "more": ">", "after": ">"}[c.Op]
	if kind == AttributeNumber {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", nil, ErrCondition
		}
		return "(c.custom ->> ?::text)::float8 " + sign + " ?", []any{key, n}, nil
	}
	return "c.custom ->> ?::text " + sign + " ?::text", []any{key, text}, err
}

func not(yes bool) string {
	if yes {
		return "NOT "
	}
	return ""
}

// fit brings a value into the form in which contacts have it.
func (c Condition) fit(kind AttributeType, value string, known map[string]Attribute) (string, error) {
	var v any = value
	switch kind {
	case "tag":
		value = strings.ToLower(value)
	case AttributeNumber:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return "", ErrCondition
		}
		v = n
	case AttributeBoolean:
		v = value == "true"
		if value != "true" && value != "false" {
			return "", ErrCondition
		}
	}
	if value == "" {
		return "", ErrCondition
	}
	a, ok := known[strings.TrimPrefix(c.Field, "custom.")]
	if !ok || !strings.HasPrefix(c.Field, "custom.") {
		return value, nil
	}
	fitted, err := a.fit(v)
	if err != nil {
		return "", ErrCondition
	}
	return asText(fitted), nil
}

const mostDays = 36500

// timed is a condition on a time that is built in: never, ever, in the last days, or not since.
func (c Condition) timed(value string, now time.Time) (string, []any, error) {
	column := map[string]string{"created_at": "c.created_at", "contacted_at": "c.contacted_at"}[c.Field]
	switch c.Op {
	case "set":
		return column + " IS NOT NULL", nil, nil
	case "unset":
		return column + " IS NULL", nil, nil
	}
	days, err := strconv.Atoi(value)
	if err != nil || days < 1 || days > mostDays {
		return "", nil, ErrCondition
	}
	since := now.AddDate(0, 0, -days)
	if c.Op == "within_days" {
		return column + " >= ?", []any{since}, nil
	}
	return column + " < ?", []any{since}, nil
}
