package sip_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage/storagetest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// While the trace is on a tenant sees its calls' messages in both directions, without whom they are from and to and what lets people in;
// nobody else sees them, and nothing is kept while it is off.
func TestTrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := storagetest.Tenant(t, h.db, "other")
	phone := siptest.New(t, "+493012345678")
	call := func() {
		c := phone.Invite(h.udp, "1001", phone.SDP(4000, "", pcmu)+"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\n",
			"P-Asserted-Identity: \"Anna Berg\" <tel:+493012345678>", "X-CRM-Case: 4711", `Authorization: Digest username="anna", response="abc"`)
		get(t, h.invites, "the call")
		c.AckRefusal(c.Response(404))
	}
	call()
	if err := h.dir.SetTrace(t.Context(), h.tenant, 2*time.Hour); err == nil {
		t.Error("a trace of two hours was switched on")
	}
	if err := h.dir.SetTrace(t.Context(), h.tenant, time.Minute); err != nil {
		t.Fatal(err)
	}
	call()
	seen := h.traced(h.tenant)
	if len(seen) != 1 || seen[0].Method != "INVITE" || seen[0].Status != 404 || seen[0].Peer != phone.Addr() {
		t.Fatalf("kept: %+v", seen)
	}
	var all strings.Builder
	for _, m := range seen[0].Messages {
		all.WriteString(m.Text)
	}
	for _, secret := range []string{"3012345678", "Anna", "Berg", "4711", "abc", "anna", "c2VjcmV0"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	for _, shown := range []string{"INVITE sip:", "a=rtpmap:0 PCMU/8000", "SIP/2.0 404", "****"} {
		if !strings.Contains(all.String(), shown) {
			t.Errorf("%q is not shown", shown)
		}
	}
	if !seen[0].Messages[len(seen[0].Messages)-1].At.After(seen[0].Messages[0].At) {
		t.Error("messages have no time")
	}
	if n := len(h.traced(other)); n != 0 {
		t.Errorf("another tenant sees %d dialogs", n)
	}
	if err := h.dir.SetTrace(t.Context(), h.tenant, 0); err != nil {
		t.Fatal(err)
	}
	call()
	if n := len(h.traced(h.tenant)); n != 0 {
		t.Errorf("%d dialogs are kept while the trace is off", n)
	}
}

func (h *house) traced(tenant uuid.UUID) []sip.TracedDialog {
	h.t.Helper()
	dialogs, _, err := h.dir.Trace(h.t.Context(), tenant)
	if err != nil {
		h.t.Fatal(err)
	}
	return dialogs
}
