package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/zendesk/zendesktest"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/sip/siptest"
)

var databaseRounds = flag.Uint64("database.rounds", 1, "how often TestDatabaseFaults makes each fault")

const databasePart = 40_000 // bytes of a part of these recordings

// PostgreSQL is killed in the middle of recorded calls, for a moment of the seed's, and comes back, or its standby takes over; it is killed again while the
// CRM takes the recordings. Nobody in a call notices, also who hangs up meanwhile; each recording is whole on its own ticket, each part once, in order.
func TestDatabaseFaults(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(primary, standby *storagetest.Server) *storagetest.Server{
		"killed, starts again": func(primary, _ *storagetest.Server) *storagetest.Server { primary.Start(); return primary },
		"killed, its standby takes over": func(_, standby *storagetest.Server) *storagetest.Server {
			standby.Promote()
			return standby
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range *databaseRounds {
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { databaseFault(t, seed, back) })
			}
		})
	}
}

func databaseFault(t *testing.T, seed uint64, back func(primary, standby *storagetest.Server) *storagetest.Server) {
	rnd := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
	moment := func(least, most time.Duration) time.Duration {
		return least + time.Duration(rnd.Int64N(int64(most-least)))
	}
	primary, standby, address := storagetest.NewPair(t)
	d := newRecordedCalls(t, address)
	d.hear(moment(time.Second, 3*time.Second))
	primary.Kill()
	d.hear(moment(100*time.Millisecond, time.Second))
	d.hangUp(0, 3) // a call outside and an agent's, in the dark
	d.hear(moment(time.Second, 8*time.Second))
	server := back(primary, standby)
	d.hear(moment(time.Second, 3*time.Second))
	d.hangUp(1, 2)
	within(t, time.Minute, "a file at the CRM", func() bool { return d.crm.Faults.Asked("POST /api/v2/uploads") > 0 })
	server.Kill()
	d.hear(moment(time.Second, 3*time.Second))
	server.Start()
	d.hear(time.Second)
	d.hangUp(4)
	d.judge()
}

// recordedCalls are calls that are recorded, of the real program with a Zendesk: four lead outside, the one at index 3 to an agent.
type recordedCalls struct {
	*process
	t       *testing.T
	address string
	crm     *zendesktest.Server
	agent   *siptest.Phone
	list    []*recordedCall
}

type recordedCall struct {
	caller
	ear  *siptest.Voice // of the other side
	tone float64        // that the customer says
	over bool
}

func newRecordedCalls(t *testing.T, address string) *recordedCalls {
	t.Helper()
	d := &recordedCalls{t: t, address: address, crm: zendesktest.New(), agent: siptest.New(t, "8001")}
	d.process = run(t, address, t.TempDir(), "TANDEM_RECORDING_PART_BYTES="+strconv.Itoa(databasePart))
	server := httptest.NewServer(d.crm.Handler())
	t.Cleanup(server.Close)
	d.crm.Base = server.URL
	ask[crmsync.Connection](d.client, "PUT", "/api/v1/crm-connection", map[string]any{"provider": "zendesk", "base_url": server.URL, "user": zendesktest.User, "token": zendesktest.Token})
	register(t, d.agent, d.sip)
	for i := range 5 {
		c := &recordedCall{tone: 350 + 50*float64(i)}
		if user := fmt.Sprintf("+49309100%d", i); i == 3 {
			c.caller, c.ear = *talkWith(t, d.agent, d.sip), nil
		} else {
			number := fmt.Sprintf("291%d", i)
			p := newTalk(t, d.client, user, number, codec.PCMU, nil)
			p.connect(d.sip, number, codec.PCMU)
			c.caller, c.ear = p.caller, p.farVoice
		}
		c.voice.Tone(c.tone)
		d.list = append(d.list, c)
	}
	return d
}

// hear waits until everybody who is in a call has heard so much more of the other side: nobody has been cut off.
func (d *recordedCalls) hear(long time.Duration) {
	d.t.Helper()
	for _, c := range d.list {
		if !c.over {
			c.voice.Forget()
		}
		if c.ear != nil {
			c.ear.Forget()
		}
	}
	for i, c := range d.list {
		for _, v := range []*siptest.Voice{c.voice, c.ear} {
			if v == nil || c.over {
				continue
			}
			within(d.t, long+20*time.Second, fmt.Sprintf("sound in call %d", i), func() bool { return len(v.Heard()) >= int(long.Seconds()*8000) })
		}
	}
}

func (d *recordedCalls) hangUp(which ...int) {
	d.t.Helper()
	for _, i := range which {
		d.list[i].caller.hangUp()
		d.list[i].over = true
	}
}

// judge looks what has become of the calls, in the program and at the CRM.
func (d *recordedCalls) judge() {
	d.t.Helper()
	db := open(d.t, d.address)
	within(d.t, time.Minute, "the end of all calls", func() bool {
		return count(d.t, db, `SELECT count(*) FROM calls WHERE ended_at IS NOT NULL`) == len(d.list)
	})
	within(d.t, 3*time.Minute, "the delivery of all recordings", func() bool { return count(d.t, db, `SELECT count(*) FROM recordings WHERE state <> 'destroyed'`) == 0 })
	if n := count(d.t, db, `SELECT count(*) FROM recordings WHERE truncated OR incomplete`); n > 0 {
		d.t.Errorf("%d recordings are cut off or incomplete", n)
	}
	within(d.t, time.Minute, "an empty queue and an idle agent", func() bool {
		return count(d.t, db, `SELECT (SELECT count(*) FROM queue_items WHERE state <> 'left') + (SELECT count(*) FROM queue_offers WHERE ended_at IS NULL)`) == 0
	})
	for i, c := range d.list {
		rows := ask[list[calls.CallRow]](d.client, "GET", "/api/v1/calls?search="+strings.TrimPrefix(c.phone.User, "+"), nil).Items
		if len(rows) != 1 || rows[0].Reason != calls.ReasonCallerHungUp || rows[0].Recording == nil {
			d.t.Errorf("call %d: %+v", i, rows)
			continue
		}
		destroyed(d.t, db, filepath.Join(d.dir, "spool"), rows[0].ID)
		d.delivered(db, i, rows[0])
	}
	if n := len(d.crm.Tickets()); n != len(d.list) {
		d.t.Errorf("%d tickets of %d calls", n, len(d.list))
	}
}

// delivered checks the parts of a call's recording, on the only ticket that has any.
func (d *recordedCalls) delivered(db *storage.DB, i int, row calls.CallRow) {
	d.t.Helper()
	files := d.onTicket(row.ID)
	if of := count(d.t, db, `SELECT count(*) FROM recording_parts JOIN recordings USING (recording_id) WHERE call_id = $1`, row.ID); len(files) != of {
		d.t.Errorf("call %d: %d files of %d parts", i, len(files), of)
		return
	}
	sides, f := joined(d.t, files, databasePart)
	if kept := float64(len(sides[0])) / float64(f.Rate); kept < row.TalkSeconds-0.1 || kept > row.TalkSeconds+0.1 {
		d.t.Errorf("call %d: %.2f s on the ticket, the talk had %.2f s", i, kept, row.TalkSeconds)
	}
	other := float64(farHz)
	if d.list[i].ear == nil {
		other = agentHz
	}
	alone(d.t, fmt.Sprintf("call %d, left", i), sides[0][f.Rate:], f.Rate, d.list[i].tone, other)
	alone(d.t, fmt.Sprintf("call %d, right", i), sides[1][f.Rate:], f.Rate, float64(other), d.list[i].tone)
}

// onTicket are the recording's files on the ticket of a call, in the CRM's order.
func (d *recordedCalls) onTicket(call uuid.UUID) (files []attached) {
	tickets := d.crm.Tickets()
	i := slices.IndexFunc(tickets, func(t zendesktest.Ticket) bool { return t.External == crmsync.ItemTag(call) })
	if i < 0 {
		return nil
	}
	for _, c := range tickets[i].Comments {
		for _, f := range c.Files {
			if strings.HasPrefix(f.Name, "rec_") {
				files = append(files, attached{crm.Attachment{Name: f.Name}, f.Content})
			}
		}
	}
	return files
}
