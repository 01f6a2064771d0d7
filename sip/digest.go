package sip

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 3261 digest, offered after SHA-256
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

const (
	nonceLife  = 2 * time.Minute
	algSHA256  = "SHA-256"
	algMD5     = "MD5"
	maxNonces  = 50_000
	stampBytes = 8 + 8 // time and random: two phones behind one address may ask in the same millisecond
	nonceBytes = stampBytes + 16
)

// Secret is what the digest needs to know of a password: HA1 in both algorithms, hex, for one user name and realm.
type Secret struct {
	HA1SHA256 string
	HA1MD5    string
}

// NewSecret derives the HA1 values that are stored instead of a password (RFC 7616 3.4.2).
func NewSecret(user, realm, password string) Secret {
	a1 := user + ":" + realm + ":" + password
	s, m := sha256.Sum256([]byte(a1)), md5.Sum([]byte(a1))
	return Secret{hex.EncodeToString(s[:]), hex.EncodeToString(m[:])}
}

// challenger is the server side of digest authentication (RFC 7616, RFC 8760). A nonce proves by itself when and for whom it was made;
// what is remembered is only which counts of a nonce were used.
type challenger struct {
	realm string
	key   [32]byte
	mu    sync.Mutex
	used  map[string]*nonceUse
}

type nonceUse struct {
	expires time.Time
	highest int
}

// outcome of looking at credentials.
type outcome uint8

const (
	noCredentials outcome = iota // none sent, or not for us: challenge
	staleNonce                   // right form, nonce too old or used: challenge with stale
	wrongPassword                // challenge again, count it
	authenticated
)

func newChallenger(realm string, key [32]byte) *challenger {
	return &challenger{realm: realm, key: key, used: map[string]*nonceUse{}}
}

// nonce binds the time and the source address; no two are equal.
func (c *challenger) nonce(src netip.Addr, now time.Time) string {
	var b [nonceBytes]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli()))
	_, _ = rand.Read(b[8:stampBytes]) // never fails (crypto/rand)
	copy(b[stampBytes:], c.seal(b[:stampBytes], src))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (c *challenger) seal(stamp []byte, src netip.Addr) []byte {
	h := hmac.New(sha256.New, c.key[:])
	h.Write(stamp)
	h.Write([]byte(src.Unmap().WithZone("").String()))
	h.Write([]byte(c.realm))
	return h.Sum(nil)[:16]
}

// ours says whether we made the nonce for this source, and whether it is still fresh.
func (c *challenger) ours(nonce string, src netip.Addr, now time.Time) (valid, fresh bool) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceBytes || !hmac.Equal(b[stampBytes:], c.seal(b[:stampBytes], src)) {
		return false, false
	}
	age := now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8]))))
	return true, age >= -time.Second && age <= nonceLife
}

// headers makes the challenge: SHA-256 first, MD5 for phones that know nothing else (RFC 8760 2.3). It is the same for every user.
func (c *challenger) headers(header string, src netip.Addr, stale bool, now time.Time) []gosip.Header {
	nonce := c.nonce(src, now)
	out := make([]gosip.Header, 0, 2)
	for _, alg := range []string{algSHA256, algMD5} {
		ch := digest.Challenge{Realm: c.realm, Nonce: nonce, Algorithm: alg, QOP: []string{"auth"}, Stale: stale}
		out = append(out, gosip.NewHeader(header, ch.String()))
	}
	return out
}

// pick returns the credentials for our realm, nil when there are none. A user name that is no text is nobody's.
func (c *challenger) pick(values []string) *digest.Credentials {
	for _, v := range values {
		if len(v) > 2048 {
			continue
		}
		if cred, err := digest.ParseCredentials(v); err == nil && cred.Realm == c.realm && !hasControl(cred.Username) {
			return cred
		}
	}
	return nil
}

// verify judges credentials. secret is what is stored for the user, or anything at all with exists false: the work is the same.
func (c *challenger) verify(cred *digest.Credentials, method string, src netip.Addr, secret Secret, exists bool, now time.Time) outcome {
	if cred == nil || cred.QOP != "auth" || cred.Nc < 1 || cred.Cnonce == "" || !isHex(cred.Response) {
		return noCredentials
	}
	ch := digest.Challenge{Realm: c.realm, Nonce: cred.Nonce, QOP: []string{"auth"}}
	a1 := secret.HA1MD5
	switch strings.ToUpper(cred.Algorithm) {
	case algSHA256:
		ch.Algorithm, a1 = algSHA256, secret.HA1SHA256
	case algMD5, "":
		ch.Algorithm = algMD5
	default:
		return noCredentials
	}
	if a1 == "" {
		a1, exists = strings.Repeat("0", 32), false
	}
	want, err := digest.Digest(&ch, digest.Options{Method: method, URI: cred.URI, Count: cred.Nc, Username: cred.Username, A1: a1, Cnonce: cred.Cnonce})
	if err != nil {
		return noCredentials
	}
	right := subtle.ConstantTimeCompare([]byte(want.Response), []byte(strings.ToLower(cred.Response))) == 1
	valid, fresh := c.ours(cred.Nonce, src, now)
	switch {
	case !valid: // perhaps with somebody else's address, who must not be locked out for it
		return noCredentials
	case !right || !exists:
		return wrongPassword
	case !fresh || !c.spend(cred.Nonce, cred.Nc, now):
		return staleNonce
	}
	return authenticated
}

// spend takes a count of a nonce once; counts must rise.
func (c *challenger) spend(nonce string, count int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.used[nonce]
	if u == nil {
		if len(c.used) >= maxNonces {
			c.sweep(now)
		}
		if len(c.used) >= maxNonces {
			return false
		}
		u = &nonceUse{expires: now.Add(nonceLife)}
		c.used[nonce] = u
	}
	if count <= u.highest {
		return false
	}
	u.highest = count
	return true
}

func (c *challenger) sweep(now time.Time) {
	for n, u := range c.used {
		if now.After(u.expires) {
			delete(c.used, n)
		}
	}
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s != ""
}

// Credentials are what we answer a challenge of the other side with.
type Credentials struct {
	User     string
	Password string
}

// authorize answers the strongest challenge of a 401 or 407 that we can, and adds it to req in place of an older answer. counts holds
// how often each nonce was used. An answer that was refused is not given again, unless its nonce was stale. Of the qualities of
// protection we have auth, and none at all (RFC 2069); a peer that insists on auth-int gets no answer, as proxies on the way change bodies.
func authorize(req *gosip.Request, res *gosip.Response, cred Credentials, counts map[string]int) bool {
	from, to := "WWW-Authenticate", "Authorization"
	if res.StatusCode == gosip.StatusProxyAuthRequired {
		from, to = "Proxy-Authenticate", "Proxy-Authorization"
	}
	var best *digest.Challenge
	for _, h := range res.GetHeaders(from) {
		ch, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(ch) {
			continue
		}
		for i := range ch.QOP {
			ch.QOP[i] = strings.TrimSpace(ch.QOP[i])
		}
		if len(ch.QOP) > 0 && !ch.SupportsQOP("auth") || answeredBefore(req, to, ch) {
			continue
		}
		if best == nil || strings.EqualFold(ch.Algorithm, algSHA256) {
			best = ch
		}
	}
	if best == nil {
		return false
	}
	counts[best.Nonce]++
	answer, err := digest.Digest(best, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: cred.User, Password: cred.Password, Count: counts[best.Nonce],
	})
	if err != nil {
		return false
	}
	req.RemoveHeader(to)
	req.AppendHeader(gosip.NewHeader(to, answer.String()))
	return true
}

// answeredBefore says whether the request was refused with an answer to this very challenge, or to one of the same realm that is not stale
// now: the password is wrong then.
func answeredBefore(req *gosip.Request, header string, ch *digest.Challenge) bool {
	h := req.GetHeader(header)
	if h == nil || ch.Stale {
		return false
	}
	cred, err := digest.ParseCredentials(h.Value())
	return err != nil || cred.Realm == ch.Realm
}
