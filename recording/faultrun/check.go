package faultrun

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/recording"
	"tandem/recording/crmsim"
	"tandem/recording/recordingtest"
)

// watched looks at the disk whenever the CRM is asked about a part: before the CRM has shown that it has the part, it must be there. What comes later is from a
// worker that the machine has kept from running, and whose lease another has taken.
type watched struct {
	mu     sync.Mutex
	stored map[string]bool // parts
	shown  map[string]bool
	gone   map[string]bool // recordings whose file was missing too early
}

func (w *watched) start(r *Run) {
	w.stored, w.shown, w.gone = map[string]bool{}, map[string]bool{}, map[string]bool{}
	r.crm.Watch(func(q crmsim.Request) {
		m := partName.FindStringSubmatch(q.Name)
		if m == nil || q.Op != crmsim.OpAttach && q.Op != crmsim.OpList {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case !q.Begin && q.Op == crmsim.OpAttach:
			w.stored[q.Name] = w.stored[q.Name] || q.Stored
		case !q.Begin:
			w.shown[q.Name] = w.shown[q.Name] || q.Status == http.StatusOK && w.stored[q.Name]
		case !w.shown[q.Name] && !slices.ContainsFunc(r.spools, func(dir string) bool { _, err := os.Stat(filepath.Join(dir, m[1]+".rec")); return err == nil }):
			w.gone[m[1]] = true
		}
	})
}

var partName = regexp.MustCompile(`^rec_([0-9a-f-]{36})_p(\d+)_([0-9a-f]{12})\.wav$`)

// found is a recording as the database tells of it.
type found struct {
	ID          uuid.UUID  `db:"recording_id"`
	State       string     `db:"state"`
	Key         bool       `db:"key"`
	Truncated   bool       `db:"truncated"`
	Incomplete  bool       `db:"incomplete"`
	StartedAt   time.Time  `db:"started_at"`
	ErasedAt    *time.Time `db:"erased_at"`
	ConfirmedAt *time.Time `db:"confirmed_at"`
	Parts       int        `db:"parts"`
	Ticket      *string    `db:"ticket"`
}

// verdict collects what is wrong.
type verdict struct {
	r     *Run
	wrong []string
}

func (v *verdict) broken(invariant string, c *talk, format string, args ...any) {
	where := ""
	if c != nil {
		where = fmt.Sprintf(" call %d:", c.index)
	}
	text := invariant + ":" + where + " " + fmt.Sprintf(format, args...)
	if !slices.Contains(v.wrong, text) {
		v.wrong = append(v.wrong, text)
	}
}

// check is the outside checker: what the CRM has, what the database says and what is on the disk must agree with I1 to I6.
func (r *Run) check() []string {
	r.t.Helper()
	v := &verdict{r: r}
	r.stats.stall = time.Duration(r.page.stall.Load())
	tickets := r.crm.Tickets()
	var samples [][]byte
	for _, c := range r.talks {
		rec := r.found(c)
		v.keys(c, rec)
		v.evidence(c, rec, tickets)
		files := v.ticket(c, tickets)
		v.order(c, rec, files)
		if rec != nil && c.want == delivered && len(files) > 0 {
			if c.forged == nil {
				v.audio(c, rec, files)
			} else {
				v.forgery(c, files)
			}
			v.timely(c, rec)
			samples = append(samples, excerpts(files)...)
		}
	}
	v.disk(samples)
	return v.wrong
}

func (r *Run) found(c *talk) *found {
	r.t.Helper()
	var list []*found
	err := r.db.Worker(context.Background(), func(tx *storage.Tx) error {
		rows, err := tx.Query(context.Background(), `SELECT r.recording_id, state, wrapped_key IS NOT NULL AS key, truncated, incomplete, started_at, erased_at, ticket,
			(SELECT max(confirmed_at) FROM recording_parts p WHERE p.recording_id = r.recording_id) AS confirmed_at,
			(SELECT count(*) FROM recording_parts p WHERE p.recording_id = r.recording_id) AS parts FROM recordings r WHERE call_id = $1`, c.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[found])
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

// keys: what is over has no key and no file (I3, I4).
func (v *verdict) keys(c *talk, rec *found) {
	switch {
	case rec == nil && c.want != unrecorded:
		v.broken("I1", c, "there is no recording")
	case rec == nil:
	case rec.State == "quarantined" && (c.want == quarantined || c.want == restored):
	case rec.Key:
		v.broken("I3", c, "its key is left")
	case rec.ErasedAt == nil:
		v.broken("I3", c, "its removal is not noted")
	}
	if rec == nil {
		return
	}
	v.r.watched.mu.Lock()
	defer v.r.watched.mu.Unlock()
	if v.r.watched.gone[rec.ID.String()] && c.want == delivered {
		v.broken("I3", c, "its file was gone before the CRM had it")
	}
}

// ticket: a call has one ticket, one place of its parts (I2).
func (v *verdict) ticket(c *talk, tickets []crmsim.Ticket) (files []crmsim.File) {
	open, places := 0, 0
	for _, t := range tickets {
		if t.State == crmsim.Merged && t.Key == c.id.String() {
			i := slices.IndexFunc(tickets, func(o crmsim.Ticket) bool { return o.ID == t.Into })
			t.State, t.Files = tickets[i].State, append(slices.Clone(t.Files), tickets[i].Files...)
		}
		if t.Key != c.id.String() {
			continue
		}
		if t.State == crmsim.Open {
			open++
		}
		if len(t.Files) > 0 {
			files = t.Files
			places++
		}
	}
	if open > 1 {
		v.broken("I2", c, "%d tickets", open)
	}
	if places > 1 {
		v.broken("I2", c, "its parts are on %d tickets", places)
	}
	return files
}

// order: each part once, in order, as it was sent (I2).
func (v *verdict) order(c *talk, rec *found, files []crmsim.File) {
	want := 0
	if rec != nil && c.want == delivered {
		want = rec.Parts
	}
	if c.parts > 0 {
		want = c.parts
	}
	if len(files) != want {
		v.broken("I2", c, "%d files on its ticket, want %d", len(files), want)
	}
	for i, f := range files {
		m := partName.FindStringSubmatch(f.Name)
		if m == nil || rec == nil || m[1] != rec.ID.String() {
			v.broken("I2", c, "a file that is none of its parts: %s", f.Name)
			continue
		}
		if m[2] != strconv.Itoa(i+1) {
			v.broken("I2", c, "part %s stands at place %d", m[2], i+1)
		}
		if fmt.Sprintf("%x", f.Sum[:6]) != m[3] {
			v.broken("I2", c, "part %s is not what its name says", m[2])
		}
	}
	for _, q := range v.r.crm.Requests() {
		if m := partName.FindStringSubmatch(q.Name); m != nil && rec != nil && m[1] == rec.ID.String() && q.Op == crmsim.OpRemove && q.Stored {
			v.r.stats.copies++
		}
	}
}

// audio: the parts joined are the call, from its first second to its last, but for one when its process died (I1).
func (v *verdict) audio(c *talk, rec *found, files []crmsim.File) {
	var parts [][]byte
	for _, f := range files {
		parts = append(parts, f.Data)
	}
	sides, f, err := recordingtest.Decode(parts...)
	if err != nil || len(sides) != 2 {
		v.broken("I1", c, "its parts do not play: %v", err)
		return
	}
	stall := time.Duration(v.r.page.stall.Load())
	allowed := 2
	if stall > 300*time.Millisecond {
		allowed += 2 * int(stall/windowLen)
	}
	for side := range sides {
		for _, wrong := range faultsOf(heard(sides[side], f.Rate, side), c.index, allowed) {
			v.broken("I1", c, "side %d: %s", side, wrong)
		}
	}
	got, lived := duration(len(sides[0]), f), c.ended.Sub(c.started)
	spare := 150*time.Millisecond + stall
	if rec.Truncated {
		v.r.stats.lost = max(v.r.stats.lost, lived-got)
		spare = time.Second + stall
	}
	if c.cut && !rec.Truncated {
		v.broken("I1", c, "its process died, and it is not marked as truncated")
	}
	if got < lived-spare && !rec.Incomplete {
		v.broken("I1", c, "%v of %v are there", got, lived)
	}
	if durable := duration(int(c.durable)/f.BlockAlign(), f); got < durable {
		v.broken("I1", c, "%v are there, %v had been acknowledged", got, durable)
	}
}

// timely: bytes and keys go within 60 s of the last confirmation, and not before (I3); it goes on within 30 s of a restart.
func (v *verdict) timely(c *talk, rec *found) {
	if rec.ErasedAt == nil || rec.ConfirmedAt == nil {
		return
	}
	d := rec.ErasedAt.Sub(*rec.ConfirmedAt)
	for _, l := range v.r.leaps {
		if l.at.After(rec.ConfirmedAt.Add(-time.Second)) && l.at.Before(*rec.ErasedAt) && d > l.d {
			d -= l.d
		}
	}
	for _, by := range v.r.jumps { // one of the two was written down by a clock that was wrong
		if (d + by).Abs() < time.Minute {
			d += by
		} else if (d - by).Abs() < time.Minute {
			d -= by
		}
	}
	if d < 0 || d > time.Minute+v.r.idle {
		v.broken("I3", c, "removed %v after the last confirmation", d)
	}
}

// excerpts are what must be on no disk.
func excerpts(files []crmsim.File) (list [][]byte) {
	for _, f := range files {
		for at := 4000; at+48 < len(f.Data) && len(list) < 12; at += 7001 {
			list = append(list, f.Data[at:at+48])
		}
	}
	return list
}

// disk: nothing is left of what is over (I3, I4), and nothing anywhere reads like audio (I5).
func (v *verdict) disk(samples [][]byte) {
	var left []string
	for _, dir := range v.r.spools {
		names, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
		if err != nil {
			v.r.t.Fatal(err)
		}
		left = append(left, names...)
	}
	for _, name := range left {
		if id, ok := strings.CutSuffix(filepath.Base(name), ".rec"); !ok || !v.r.waits(id) {
			v.broken("I3", nil, "%s is left", name)
		}
	}
	for name, data := range readAll(v.r.t, v.r.dir) {
		for _, s := range samples {
			if strings.Contains(data, string(s)) {
				v.broken("I5", nil, "%s holds audio in the clear", name)
			}
		}
	}
}

// waits says whether a recording is still allowed its file.
func (r *Run) waits(id string) bool {
	var n int
	r.scan(&n, `SELECT count(*) FROM recordings WHERE recording_id::text = $1 AND state IN ('quarantined')`, id)
	return n > 0
}

// evidence: each step left one event, and none with personal data; what was lost is on its ticket (I6).
func (v *verdict) evidence(c *talk, rec *found, tickets []crmsim.Ticket) {
	if rec == nil {
		return
	}
	var told []string
	v.r.scan(&told, `SELECT coalesce(array_agg(replace(type, 'recording.', '') || coalesce(':' || (data->>'days'), '') ORDER BY seq), '{}') FROM events WHERE subject = $1`, rec.ID)
	want := map[fate][]string{
		delivered:   {"started", "sealed", "delivered", "destroyed"},
		empty:       {"started", "sealed", "delivered", "destroyed"},
		expired:     {"started", "sealed", "delayed:1", "delayed:3", "delayed:5", "delayed:6", "expired", "destroyed"},
		quarantined: {"started", "sealed", "failed"},
		forgotten:   {"started", "sealed", "expired", "destroyed"},
		cutOff:      {"started", "expired", "destroyed"},
		restored:    {"started", "sealed", "expired", "destroyed", "failed"},
	}[c.want]
	told = slices.DeleteFunc(told, func(s string) bool {
		return s == "unlinked" || s == "taken_over" && v.r.cfg.Copies != "" || strings.HasPrefix(s, "access_") || s == "failed" && c.want == delivered || strings.HasPrefix(s, "delayed") && c.want != expired || s == "incomplete" && rec.Incomplete
	})
	if !slices.Equal(told, want) {
		v.broken("I6", c, "the log tells %v, want %v", told, want)
	}
	var personal bool
	v.r.scan(&personal, `SELECT coalesce(bool_or(data::text LIKE '%' || $2 || '%'), false) FROM events WHERE subject = $1`, rec.ID, strings.Trim(callerNumber, "+"))
	if personal {
		v.broken("I6", c, "the log holds personal data")
	}
	notes := 0
	for _, t := range tickets {
		if t.Key == c.id.String() {
			notes += len(lostNotes(t))
		}
	}
	if want := map[bool]int{true: 1}[c.want == expired || c.want == restored]; notes != want {
		v.broken("I6", c, "%d notes of what was lost, want %d", notes, want)
	}
	if c.want == expired {
		v.keysOfDay(c, rec)
	}
	if c.want == expired && rec.State != string(recording.Expired) {
		v.broken("I4", c, "it is %s at its deadline", rec.State)
	}
}

// keysOfDay: once a day's recordings are over, so is its key, and with it every copy of what it opens (I4).
func (v *verdict) keysOfDay(c *talk, rec *found) {
	name := filepath.Join(v.r.cfg.Keys, "epoch-"+rec.StartedAt.UTC().Format(time.DateOnly))
	if _, err := os.Stat(name); err == nil && v.r.page.now().After(rec.StartedAt.Add(9*24*time.Hour)) {
		v.broken("I4", c, "the key of its day is left")
	}
}
