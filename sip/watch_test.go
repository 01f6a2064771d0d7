package sip

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Where carriers answer from is known as long as they do: not once their name leads elsewhere, the trunk is gone or another, or nobody asks any more.
func TestCarriersAreForgotten(t *testing.T) {
	now := time.Now()
	tr := &Trunk{ID: uuid.New(), Outbound: "carrier.test", Keepalive: 60, Register: true}
	moved := *tr
	moved.Outbound = "other.test"
	one, two := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::2")
	w := newWatch()
	d := &Directory{watch: w}
	d.table.Store(&table{})
	is := func(when string, a netip.Addr, want bool) {
		t.Helper()
		if d.knows(a) != want || d.carries(a.String(), "5060") != want {
			t.Errorf("%s: %s is known: %v, carries calls: %v; want %v", when, a, d.knows(a), d.carries(a.String(), "5060"), want)
		}
	}
	w.due([]*Trunk{tr}, now)
	w.heard(tr, 200, "[::ffff:198.51.100.1]:5060", now)
	w.heard(tr, 200, "nothing that can be read", now)
	is("at first", one, true)
	is("an answer from nowhere", netip.Addr{}, false)

	now = now.Add(movedAfter / 2)
	w.heard(tr, 200, "[2001:db8::2%eth0]:5060", now)
	w.due([]*Trunk{tr}, now)
	is("its name has another address too", one, true)
	is("its name has another address too", two, true)
	now = now.Add(movedAfter / 2)
	w.due([]*Trunk{tr}, now)
	is("it answers from the other alone", one, false)
	is("it answers from the other alone", two, true)

	w.mu.Lock()
	w.trunks[tr.ID].reg.granted(now, 24*time.Hour, w.learn(w.trunks[tr.ID], "198.51.100.1:5060", now))
	w.mu.Unlock()
	now = now.Add(23 * time.Hour)
	w.due([]*Trunk{tr}, now)
	is("registered for a day", one, true)
	is("registered for a day", two, false)
	now = now.Add(time.Hour)
	w.due([]*Trunk{tr}, now)
	is("the registration is over", one, false)

	w.heard(tr, 200, "198.51.100.1:5060", now)
	w.due([]*Trunk{&moved}, now)
	is("the trunk leads elsewhere", one, false)
	w.heard(tr, 200, "198.51.100.1:5060", now)
	is("a late answer of where it led", one, false)
	w.heard(&moved, 200, "198.51.100.1:5060", now)
	is("an answer of where it leads", one, true)
	w.due(nil, now)
	is("the trunk is gone", one, false)
}
