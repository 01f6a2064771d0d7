package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// SRTPSuite is a crypto suite of SRTP by its name in SDP (RFC 4568 6.2, RFC 7714 14.1).
type SRTPSuite string

// The suites that a port can have.
const (
	SRTPGCM128 SRTPSuite = "AEAD_AES_128_GCM"
	SRTPCM80   SRTPSuite = "AES_CM_128_HMAC_SHA1_80"
	SRTPCM32   SRTPSuite = "AES_CM_128_HMAC_SHA1_32"
)

func (s SRTPSuite) profile() (p srtp.ProtectionProfile, tag int) {
	switch s {
	case SRTPGCM128:
		return srtp.ProtectionProfileAeadAes128Gcm, 16
	case SRTPCM80:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, 10
	case SRTPCM32:
		return srtp.ProtectionProfileAes128CmHmacSha1_32, 4
	}
	return 0, 0
}

const masterKeyLength = 16

// KeyLength is how many bytes the suite's master key and master salt have together; 0: there is no such suite.
func (s SRTPSuite) KeyLength() int {
	switch s {
	case SRTPGCM128:
		return masterKeyLength + 12
	case SRTPCM80, SRTPCM32:
		return masterKeyLength + 14
	}
	return 0
}

// SRTPKeys are the master key and salt, one behind the other, of what we send (Local) and of what the peer sends (Remote).
type SRTPKeys struct {
	Suite         SRTPSuite
	Local, Remote string
}

// String names the suite alone, so that no log holds a key.
func (k SRTPKeys) String() string { return string(k.Suite) }

// GoString is String.
func (k SRTPKeys) GoString() string { return k.String() }

const (
	replayWindow = 256 // packets that may come late; 5 s at 20 ms
	maxSSRCs     = 256 // of one key: what is known of each is kept
)

// SRTP encrypts what one port sends and decrypts what it hears (RFC 3711), RTCP too.
type SRTP struct {
	keys SRTPKeys
	tag  int
	out  *srtpOut
	in   *srtpIn
}

// srtpOut is one direction with one key. RTP's context has one user, who sends; RTCP's may have another.
type srtpOut struct {
	rtp     *srtp.Context
	header  rtp.Header // scratch; as a variable it would be allocated for each packet
	mu      sync.Mutex
	control *srtp.Context // guarded by mu
}

// srtpIn is the other; the goroutine that reads the port uses it.
type srtpIn struct {
	rtp, control         *srtp.Context
	header               rtp.Header
	ssrcs, controllers   int // that have sent authentic packets
	last, lastController uint32
}

// NewSRTP makes ready to send and hear with keys. A direction whose key is the same as before keeps its counters, so that offers which
// repeat a key change nothing; before may be nil.
func NewSRTP(keys SRTPKeys, before *SRTP) (*SRTP, error) {
	_, tag := keys.Suite.profile()
	s := &SRTP{keys: keys, tag: tag}
	same := before != nil && before.keys.Suite == keys.Suite
	if same && before.keys.Local == keys.Local {
		s.out = before.out
	} else {
		rtp, control, err := contexts(keys.Suite, keys.Local)
		if err != nil {
			return nil, fmt.Errorf("make SRTP to send: %w", err)
		}
		s.out = &srtpOut{rtp: rtp, control: control}
	}
	if same && before.keys.Remote == keys.Remote {
		s.in = before.in
		return s, nil
	}
	rtp, control, err := contexts(keys.Suite, keys.Remote)
	if err != nil {
		return nil, fmt.Errorf("make SRTP to hear: %w", err)
	}
	s.in = &srtpIn{rtp: rtp, control: control}
	return s, nil
}

// contexts are two with one key, because RTP and RTCP may be sent at the same time and a context has one user.
func contexts(suite SRTPSuite, key string) (rtp, control *srtp.Context, err error) {
	if suite.KeyLength() == 0 || len(key) != suite.KeyLength() {
		return nil, nil, errors.New("media: no such SRTP suite, or a key of another length")
	}
	profile, _ := suite.profile()
	master, salt := []byte(key[:masterKeyLength]), []byte(key[masterKeyLength:])
	replay := []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
	if rtp, err = srtp.CreateContext(master, salt, profile, replay...); err != nil {
		return nil, nil, err
	}
	control, err = srtp.CreateContext(master, salt, profile, replay...)
	return rtp, control, err
}

// noKeys lets nothing through, in either direction: the keys are still being agreed on.
var noKeys = &SRTP{}

var errNoKeys = errors.New("media: no SRTP keys yet")

// seal encrypts an RTP packet in its own buffer.
func (s *SRTP) seal(b []byte) ([]byte, error) {
	if s.out == nil {
		return nil, errNoKeys
	}
	if len(b)+s.tag > cap(b) {
		return nil, errTooLong
	}
	return s.out.rtp.EncryptRTP(b, b, &s.out.header)
}

// sealControl encrypts an RTCP packet.
func (s *SRTP) sealControl(b []byte) ([]byte, error) {
	if s.out == nil {
		return nil, errNoKeys
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.out.control.EncryptRTCP(nil, b, nil)
}

const minRTP = 12 // bytes

// open verifies an RTP packet and decrypts it in its own buffer. A new SSRC begins with a rollover counter of 0, which no other has.
func (s *SRTP) open(b []byte) (plain []byte, ok bool, why drop) {
	in := s.in
	if in == nil {
		return nil, false, dropAuthentication
	}
	if len(b) < minRTP+s.tag {
		return nil, false, dropMalformed
	}
	ssrc, fresh := binary.BigEndian.Uint32(b[8:]), false
	if ssrc != in.last || in.ssrcs == 0 {
		_, known := in.rtp.ROC(ssrc)
		if fresh = !known; fresh && in.ssrcs >= maxSSRCs {
			return nil, false, dropSSRC
		}
	}
	plain, err := in.rtp.DecryptRTP(b, b, &in.header)
	if err != nil {
		return nil, false, in.whyNot(b, err)
	}
	if fresh {
		in.ssrcs++
	}
	in.last = ssrc
	return plain, true, 0
}

// Open is for who reads a socket other than a port's: it verifies an RTP packet and decrypts it in its own buffer. One that does not open is counted, unless
// count is nil.
func (s *SRTP) Open(b []byte, count *Metrics) (plain []byte, ok bool) {
	plain, ok, why := s.open(b)
	if !ok && count != nil {
		count.drop(why)
	}
	return plain, ok
}

// Seal is for who writes to a socket other than a port's: it encrypts an RTP packet in its own buffer, which has room for the tag. One goroutine at a time.
func (s *SRTP) Seal(b []byte) ([]byte, error) { return s.seal(b) }

// ResumeSending says how often the sequence numbers of an SSRC have begun anew by the next packet: others were not sealed here (RFC 3711 3.3.1).
func (s *SRTP) ResumeSending(ssrc, rollovers uint32) {
	if s.out != nil {
		s.out.rtp.SetROC(ssrc, rollovers)
	}
}

// Resume says how often the sequence numbers of an SSRC have begun anew by the next packet: others were not opened here (RFC 3711 3.3.1). It is for SSRCs
// that are known to be the peer's.
func (s *SRTP) Resume(ssrc, rollovers uint32) {
	if s.in != nil {
		s.in.rtp.SetROC(ssrc, rollovers)
	}
}

func (in *srtpIn) whyNot(b []byte, err error) drop {
	if errors.Is(err, srtp.ErrFailedToVerifyAuthTag) {
		return dropAuthentication
	}
	if _, err := in.header.Unmarshal(b); err != nil {
		return dropMalformed
	}
	return dropDuplicate // a replay, or too late to tell
}

// openControl verifies and decrypts an RTCP packet.
func (s *SRTP) openControl(b []byte) (plain []byte, ok bool) {
	in := s.in
	if in == nil || len(b) < 8 {
		return nil, false
	}
	ssrc, fresh := binary.BigEndian.Uint32(b[4:]), false
	if ssrc != in.lastController || in.controllers == 0 {
		_, known := in.control.Index(ssrc)
		if fresh = !known; fresh && in.controllers >= maxSSRCs {
			return nil, false
		}
	}
	plain, err := in.control.DecryptRTCP(nil, b, nil)
	if err != nil {
		return nil, false
	}
	if fresh {
		in.controllers++
	}
	in.lastController = ssrc
	return plain, true
}
