package smartactions_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"tandem/internal/storage"
	"tandem/smartactions"
)

// phone is a customer's device as Web Authentication sees it: one key pair for each registration, a counter, and somebody whose finger fits.
type phone struct {
	t      *testing.T
	id     []byte
	key    *ecdsa.PrivateKey
	count  uint32
	origin string
	uv     bool
}

func newPhone(t *testing.T) *phone {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{t: t, id: make([]byte, 16), key: key, origin: address, uv: true}
	_, _ = rand.Read(p.id) // never fails (crypto/rand)
	return p
}

type ceremonyOptions struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
		Allow []struct {
			ID string `json:"id"`
		} `json:"allowCredentials"`
	} `json:"publicKey"`
}

func (p *phone) options(c smartactions.Ceremony) (o ceremonyOptions) {
	p.t.Helper()
	if err := json.Unmarshal(c.Options, &o); err != nil || o.PublicKey.Challenge == "" {
		p.t.Fatalf("the options %s: %v", c.Options, err)
	}
	return o
}

func (p *phone) clientData(typ, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": typ, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// authData is the authenticator's data (Web Authentication level 3, section 6.1).
func (p *phone) authData(flags byte) []byte {
	host := sha256.Sum256([]byte("localhost"))
	if p.uv {
		flags |= 0x04
	}
	p.count++
	return binary.BigEndian.AppendUint32(append(host[:], flags|0x01), p.count)
}

// register answers credentials.create with an attestation of the format none.
func (p *phone) register(c smartactions.Ceremony) []byte {
	o := p.options(c)
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	auth := append(p.authData(0x40), make([]byte, 16)...) // AAGUID
	auth = append(binary.BigEndian.AppendUint16(auth, uint16(len(p.id))), p.id...)
	// COSE key (RFC 9053): {1: 2, 3: -7, -1: 1, -2: x, -3: y}
	auth = append(append(auth, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32), point[1:33]...)
	auth = append(append(auth, 0x22, 0x58, 32), point[33:65]...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(auth)))
	return p.credential(map[string]any{
		"clientDataJSON": enc(p.clientData("webauthn.create", o.PublicKey.Challenge)), "attestationObject": enc(append(object, auth...)),
	})
}

// sign answers credentials.get.
func (p *phone) sign(c smartactions.Ceremony) []byte {
	return p.signFor(p.options(c).PublicKey.Challenge)
}

func (p *phone) signFor(challenge string) []byte {
	client, auth := p.clientData("webauthn.get", challenge), p.authData(0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, auth...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return p.credential(map[string]any{"clientDataJSON": enc(client), "authenticatorData": enc(auth), "signature": enc(signature)})
}

func (p *phone) credential(response map[string]any) []byte {
	b, err := json.Marshal(map[string]any{"id": enc(p.id), "rawId": enc(p.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *desk) challenge(l smartactions.Link, another bool) smartactions.Ceremony {
	d.t.Helper()
	c, err := d.actions.Challenge(d.t.Context(), l, another)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// respond says whether the action is done after a good answer.
func (d *desk) respond(l smartactions.Link, answer []byte) bool {
	d.t.Helper()
	done, err := d.actions.Respond(d.t.Context(), l, answer)
	if err != nil {
		d.t.Fatal(err)
	}
	return done
}

func (d *desk) refused(l smartactions.Link, answer []byte, why string) {
	d.t.Helper()
	if _, err := d.actions.Respond(d.t.Context(), l, answer); err == nil {
		d.t.Errorf("%s is taken", why)
	}
}

// The first time the device is registered and signs; the next time it signs, and is known.
func TestVerification(t *testing.T) {
	d := newDesk(t)
	p := newPhone(t)
	first, l := d.opened(smartactions.Verification)
	c := d.challenge(l, false)
	if !c.Register {
		t.Fatal("an unknown customer is not asked to register")
	}
	if d.respond(l, p.register(c)) {
		t.Error("a registration alone is taken for a verification")
	}
	if c = d.challenge(l, false); c.Register || !d.respond(l, p.sign(c)) {
		t.Error("the registered device does not sign")
	}
	if a := d.get(first.ID); a.State != smartactions.StateDone || a.Verified == nil || !a.Verified.FirstUse {
		t.Errorf("the first time: %+v", a)
	}
	d.pass(24 * time.Hour)
	again, l := d.opened(smartactions.Verification)
	if page, err := d.actions.Open(t.Context(), l); err != nil || !page.Device {
		t.Errorf("the page does not know the device: %+v, %v", page, err)
	}
	if c = d.challenge(l, false); c.Register || !d.respond(l, p.sign(c)) {
		t.Error("the known device does not sign")
	}
	a := d.get(again.ID)
	if a.Verified == nil || a.Verified.FirstUse || !a.Verified.Since.Before(a.CreatedAt) || d.events(again.ID) != "requested opened done" {
		t.Errorf("the second time: %+v with events %q", a, d.events(again.ID))
	}
}

// What is signed counts once, for its own nonce, action, device and contact.
func TestForgedVerification(t *testing.T) {
	d := newDesk(t)
	p := newPhone(t)
	_, l := d.opened(smartactions.Verification)
	d.respond(l, p.register(d.challenge(l, false)))
	good := p.sign(d.challenge(l, false))
	d.respond(l, good)

	open, l := d.opened(smartactions.Verification)
	d.refused(l, good, "an answer without a nonce")
	c := d.challenge(l, false)
	d.refused(l, good, "a replayed answer")
	d.refused(l, p.sign(c), "the answer to a nonce that is used up")
	old := d.challenge(l, false)
	d.challenge(l, false)
	d.refused(l, p.sign(old), "the answer to a nonce before the last")

	_, other := d.opened(smartactions.Verification)
	foreign := d.challenge(other, false)
	d.challenge(l, false)
	d.refused(l, p.sign(foreign), "the answer to another action's nonce")

	stranger := newPhone(t)
	d.refused(l, stranger.sign(d.challenge(l, false)), "a device that is not known")
	stranger.id = p.id
	d.refused(l, stranger.sign(d.challenge(l, false)), "another key under the known device's id")
	p.uv = false
	d.refused(l, p.sign(d.challenge(l, false)), "a device that nobody has shown a finger or PIN")
	p.uv, p.origin = true, "https://phishing.example"
	d.refused(l, p.sign(d.challenge(l, false)), "an answer made on another site")
	p.origin, p.count = address, 0
	d.refused(l, p.sign(d.challenge(l, false)), "a copy of the device, whose counter goes backwards")
	p.count = 100
	for _, junk := range []string{"", "{}", "null", `{"id":1}`, `{"response":{"clientDataJSON":"AA"}}`} {
		d.challenge(l, false)
		d.refused(l, []byte(junk), "junk")
	}
	if a := d.get(open.ID); a.State != smartactions.StateOpened || a.Verified != nil {
		t.Errorf("after all that: %+v", a)
	}
	if !d.respond(l, p.sign(d.challenge(l, false))) {
		t.Error("the right device is refused")
	}
	d.want(second(d.actions.Respond(t.Context(), l, good)), smartactions.ErrLink)
	d.want(second(d.actions.Challenge(t.Context(), l, false)), smartactions.ErrLink)
}

// A registration that was broken off leaves no device behind that would be known the next time; another contact's device is none of this one's.
func TestDevicesOfOthers(t *testing.T) {
	d := newDesk(t)
	p := newPhone(t)
	_, l := d.opened(smartactions.Verification)
	d.respond(l, p.register(d.challenge(l, false)))
	_, l = d.opened(smartactions.Verification)
	if c := d.challenge(l, false); !c.Register {
		t.Error("a device that never signed is known")
	}
	mine := newPhone(t)
	d.respond(l, mine.register(d.challenge(l, false)))
	d.respond(l, mine.sign(d.challenge(l, false)))

	d.contact = storage.NewID()
	err := d.db.Worker(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO contacts (tenant_id, contact_id, created_at, updated_at) VALUES ($1, $2, $3, $3)`, d.tenant, d.contact, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, l = d.opened(smartactions.Verification)
	c := d.challenge(l, false)
	if !c.Register {
		t.Error("another contact's device is known")
	}
	d.refused(l, mine.register(c), "another contact's device")

	// A new telephone: registered beside the old one, and seen to be new.
	_, l = d.opened(smartactions.Verification)
	next := newPhone(t)
	d.respond(l, next.register(d.challenge(l, true)))
	d.respond(l, next.sign(d.challenge(l, false)))
	var since int
	err = d.db.Tenant(t.Context(), d.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM smartaction_credentials WHERE contact_id = $1`, d.contact).Scan(&since)
	})
	if err != nil || since != 1 {
		t.Errorf("%d devices, %v", since, err)
	}
}

func TestVerificationWithoutContact(t *testing.T) {
	d := newDesk(t)
	d.unknown = true
	_, err := d.actions.Ask(t.Context(), d.tenant, smartactions.NewAction{ItemKind: smartactions.OnCall, Item: d.call, Kind: smartactions.Verification})
	d.want(err, smartactions.ErrNoContact)
}
