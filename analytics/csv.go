package analytics

import (
	"context"
	"encoding/csv"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// flushEvery is how many rows are held back before they go out.
const flushEvery = 200

// WriteQueueCSV writes the queues' report as CSV (RFC 4180, UTF-8, no byte order mark), row by row as the database sends it. Nothing is
// written when the question is refused.
func (s *Service) WriteQueueCSV(ctx context.Context, tenant uuid.UUID, q Question, w io.Writer) error {
	out := newTable(w)
	err := s.EachQueueRow(ctx, tenant, q, func(Frame) error {
		return out.head(slices.Concat([]string{"start", "queue_id", "queue"}, columns[QueueCounts](), columns[QueueFigures]()))
	}, func(r QueueRow) error {
		return out.row(slices.Concat([]string{r.Start.Format(time.RFC3339), r.Queue.String(), safe(r.Name)}, cells(r.QueueCounts), cells(r.QueueFigures)))
	})
	return out.end(err)
}

// WriteAgentCSV is WriteQueueCSV for agents. Time by reason is in one field: "AWAY lunch=1800; AWAY=60".
func (s *Service) WriteAgentCSV(ctx context.Context, tenant uuid.UUID, q Question, w io.Writer) error {
	out := newTable(w)
	err := s.EachAgentRow(ctx, tenant, q, func(Frame) error {
		return out.head(slices.Concat([]string{"start", "agent_id", "agent"}, columns[AgentCounts](), columns[AgentFigures](), []string{"reasons"}))
	}, func(r AgentRow) error {
		var reasons []string
		for _, t := range r.Reasons {
			reasons = append(reasons, strings.TrimSpace(t.Presence+" "+t.Reason)+"="+decimal(t.Seconds))
		}
		return out.row(slices.Concat([]string{r.Start.Format(time.RFC3339), r.Agent.String(), safe(r.Name)},
			cells(r.AgentCounts), cells(r.AgentFigures), []string{safe(strings.Join(reasons, "; "))}))
	})
	return out.end(err)
}

// WriteTable writes rows of text as CSV in the same form.
func WriteTable(w io.Writer, rows [][]string) error {
	out := newTable(w)
	for _, row := range rows {
		for i := range row {
			row[i] = safe(row[i])
		}
		if err := out.row(row); err != nil {
			return err
		}
	}
	return out.end(nil)
}

type table struct {
	csv  *csv.Writer
	rows int
}

func newTable(w io.Writer) *table {
	t := &table{csv: csv.NewWriter(w)}
	t.csv.UseCRLF = true
	return t
}

func (t *table) head(names []string) error {
	for i, name := range names {
		names[i], _, _ = strings.Cut(name, ",") // of omitempty
	}
	return t.csv.Write(names)
}

func (t *table) row(cells []string) error {
	if t.rows++; t.rows%flushEvery == 0 {
		t.csv.Flush()
	}
	return t.csv.Write(cells)
}

func (t *table) end(err error) error {
	if err == nil {
		t.csv.Flush()
		err = t.csv.Error()
	}
	return err
}

// cells are the values of counts or figures as text; a figure that there is not is empty.
func cells[T any](v T) []string {
	r := reflect.ValueOf(v)
	all := make([]string, r.NumField())
	for i := range all {
		switch x := r.Field(i).Interface().(type) {
		case int64:
			all[i] = strconv.FormatInt(x, 10)
		case float64:
			all[i] = decimal(x)
		case *float64:
			if x != nil {
				all[i] = decimal(*x)
			}
		}
	}
	return all
}

func decimal(x float64) string {
	s := strings.TrimRight(strconv.FormatFloat(x, 'f', 4, 64), "0")
	return strings.TrimSuffix(s, ".")
}

// safe keeps a spreadsheet from taking text that people typed for a formula (OWASP, CSV injection).
func safe(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}
