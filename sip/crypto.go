package sip

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/fault"
	"tandem/media"
)

// Encryption says whether a trunk's audio is encrypted. Keys in the session description (SDES, RFC 4568) are given and taken only where the
// signalling is encrypted: keys that anybody reads only look like safety. With DTLS (RFC 5763) the description holds no key but names a
// certificate, which is worth as much as the signalling is to be believed.
type Encryption string

// The choices.
const (
	EncryptionOff     Encryption = "off"     // never
	EncryptionPrefer  Encryption = "prefer"  // offered as RFC 8643 has it, and taken; calls without it go on
	EncryptionRequire Encryption = "require" // calls without it are refused, by us or by them
)

func (tr *Trunk) checkEncryption() error {
	tr.Encryption = cmp.Or(tr.Encryption, EncryptionPrefer)
	switch {
	case !slices.Contains([]Encryption{EncryptionOff, EncryptionPrefer, EncryptionRequire}, tr.Encryption):
		return fault.New(fault.Invalid, "trunk_encryption_unknown", "Encryption is off, prefer or require.").WithField("encryption")
	case tr.Encryption == EncryptionRequire && tr.Outbound != "" && tr.network() != "tls":
		return fault.New(fault.Invalid, "trunk_encryption_needs_tls", "To require encryption, let calls go out by tls: keys must not travel in the clear.").WithField("encryption")
	}
	return nil
}

// security is what the audio of one dialog may be, and must be.
type security struct {
	policy  Encryption // empty: prefer
	private bool       // nobody between us and the next hop reads the signalling
	agreed  bool       // the audio is encrypted now
}

// encrypts says whether keys may be given and taken.
func (s security) encrypts() bool { return s.private && s.policy != EncryptionOff }

// required says whether audio in the clear is refused.
func (s security) required() bool { return s.agreed || s.policy == EncryptionRequire }

// certifies says whether a certificate may be named and believed. Who prefers encryption believes any: the audio would be in the clear instead.
func (s security) certifies() bool {
	return s.policy != EncryptionOff && (s.private || s.policy != EncryptionRequire)
}

// isPrivate says whether a transport keeps the signalling from others.
func isPrivate(network string) bool {
	return strings.EqualFold(network, "tls") || strings.EqualFold(network, "wss")
}

// cryptoLine is one a=crypto (RFC 4568 9.1).
type cryptoLine struct {
	tag   string
	suite media.SRTPSuite
	key   string // master key and salt
}

// The suites of our offers, best first. AES_CM_128_HMAC_SHA1_32, whose tag is short, is taken and not offered.
var offeredSuites = [...]media.SRTPSuite{media.SRTPGCM128, media.SRTPCM80}

// newCrypto makes a line with a fresh key.
func newCrypto(tag string, suite media.SRTPSuite) cryptoLine {
	key := make([]byte, suite.KeyLength())
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return cryptoLine{tag, suite, string(key)}
}

// String is the attribute's value.
func (c cryptoLine) String() string {
	return c.tag + " " + string(c.suite) + " inline:" + base64.StdEncoding.EncodeToString([]byte(c.key))
}

// parseCrypto reads an a=crypto; false: it is none that we can do. One with a key identifier, several keys, or a session parameter that
// changes what is encrypted, is none.
func parseCrypto(value string) (c cryptoLine, ok bool) {
	fields := strings.Fields(value)
	if len(fields) < 3 || len(fields) > 16 {
		return c, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil || n > 999999999 {
		return c, false
	}
	c.tag, c.suite = fields[0], media.SRTPSuite(strings.ToUpper(fields[1]))
	if c.suite.KeyLength() == 0 || slices.ContainsFunc(fields[3:], matters) {
		return c, false
	}
	key, ok := cutFold(fields[2], "inline:")
	if !ok {
		return c, false
	}
	key, life, limited := strings.Cut(key, "|")
	if limited && !lasts(life) {
		return c, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil || len(raw) != c.suite.KeyLength() {
		return c, false
	}
	c.key = string(raw)
	return c, true
}

// matters says whether a session parameter must be understood: all but hints about the replay window and those that say themselves that
// they may be ignored (RFC 4568 6.3).
func matters(param string) bool {
	_, hint := cutFold(param, "WSH=")
	return !hint && !strings.HasPrefix(param, "-")
}

// lasts says whether a key's lifetime in packets is longer than a call; what is not a lifetime alone is a key identifier.
func lasts(life string) bool {
	if exponent, ok := strings.CutPrefix(life, "2^"); ok {
		n, err := strconv.ParseUint(exponent, 10, 8)
		return err == nil && n >= 20 && n <= 48 // 2^20: six hours
	}
	n, err := strconv.ParseUint(life, 10, 64)
	return err == nil && n >= 1<<20 && n <= 1<<48
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// secured is what offer and answer settled about encryption; the zero value is audio in the clear.
type secured struct {
	own, theirs cryptoLine
	srtp        *media.SRTP
	dtls        *media.DTLSPeer // the keys come from a handshake instead
	ice         iceAgreed       // of it
}

// encrypted says that the audio is not in the clear.
func (now secured) encrypted() bool { return now.srtp != nil || now.dtls != nil }

// taken chooses from the lines of an offer, the one that holds first; the key that we send with stays for as long as theirs does.
func (now secured) taken(theirs []cryptoLine) (secured, error) {
	if len(theirs) == 0 {
		return secured{}, nil
	}
	for _, c := range theirs {
		if now.srtp != nil && c.suite == now.theirs.suite && c.key == now.theirs.key {
			own := now.own
			own.tag = c.tag
			return now.with(own, c)
		}
	}
	return now.with(newCrypto(theirs[0].tag, theirs[0].suite), theirs[0])
}

// accepted reads the line of an answer to ours.
func (now secured) accepted(ours, theirs []cryptoLine) (secured, error) {
	if len(ours) == 0 || len(theirs) == 0 {
		return secured{}, nil
	}
	for _, own := range ours {
		if own.tag == theirs[0].tag && own.suite == theirs[0].suite {
			return now.with(own, theirs[0])
		}
	}
	return secured{}, notAcceptable(399, "The answer's crypto is none of those offered")
}

// with has both keys. Ours sent back would have two streams with one key, and would let anybody play our own packets to us.
func (now secured) with(own, theirs cryptoLine) (secured, error) {
	if own.key == theirs.key {
		return secured{}, notAcceptable(399, "Both keys are the same")
	}
	srtp, err := media.NewSRTP(media.SRTPKeys{Suite: own.suite, Local: own.key, Remote: theirs.key}, now.srtp)
	return secured{own: own, theirs: theirs, srtp: srtp}, err
}

// keying is what a description of ours says of how its audio may be encrypted.
type keying struct {
	crypto []cryptoLine
	setup  setupRole // empty: not by DTLS
	ice    iceNamed  // zero: without checks
}

// keying repeats what was agreed on.
func (now secured) keying() (k keying) {
	if now.srtp != nil {
		k.crypto = []cryptoLine{now.own}
	}
	k.setup, k.ice = now.setup(), now.ice.own
	return k
}

// offers are what an offer says: what holds, or at the beginning all that we can do. A certificate is named beside the keys (RFC 8643) where
// the far end may choose, and nobody can name another instead.
func (n *negotiator) offers() (k keying) {
	switch {
	case !n.settled && n.web:
		return keying{setup: setupActpass, ice: newICENamed()}
	case n.settled || !n.security.encrypts():
		return n.now.secured.keying()
	}
	for i, suite := range offeredSuites {
		k.crypto = append(k.crypto, newCrypto(strconv.Itoa(i+1), suite))
	}
	if !n.security.required() {
		k.setup = setupActpass
	}
	return k
}

// demands is what a description of theirs must meet: once encrypted, a call stays so.
func (n *negotiator) demands() security {
	s := n.security
	s.agreed = n.now.encrypted()
	return s
}
