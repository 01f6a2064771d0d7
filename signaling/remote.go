package signaling

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
)

// An agent's page is at one node, and a call for them may be at another. The call's node then has a remoteLeg, and the page's node a hosted leg, which is
// the page's as any. What they tell each other goes over the bus; the audio goes by RTP between the two, encrypted.

// remoteOffer asks the node where an agent's page is to reach it for a call.
type remoteOffer struct {
	Leg    uuid.UUID    `json:"leg"`
	Target calls.Target `json:"target"`
	Media  remoteMedia  `json:"media"`
}

// remoteMedia is where one of the two nodes hears audio, and the key of what it sends.
type remoteMedia struct {
	Addr netip.AddrPort `json:"addr"`
	Key  []byte         `json:"key"`
}

// remoteAnswer says that the page is asked, or why not.
type remoteAnswer struct {
	Media   remoteMedia  `json:"media"`
	Refused *fault.Error `json:"refused,omitempty"`
}

// fromPage is what the page's node tells the call's: one of these, or nothing but that it is there.
type fromPage struct {
	Event    calls.LegEvent  `json:"event,omitempty"`
	Codec    string          `json:"codec,omitempty"` // with LegAnswered
	Transfer *remoteTransfer `json:"transfer,omitempty"`
	Remove   uuid.UUID       `json:"remove,omitzero"`
	Key      rune            `json:"key,omitempty"`
	Ended    calls.Cause     `json:"ended,omitempty"`
}

// remoteTransfer is a calls.Transfer but for whom it tells how it goes.
type remoteTransfer struct {
	Agent   uuid.UUID `json:"agent,omitzero"`
	Queue   uuid.UUID `json:"queue,omitzero"`
	Number  string    `json:"number,omitempty"`
	Name    string    `json:"name,omitempty"`
	Hold    bool      `json:"hold,omitempty"`
	Consult bool      `json:"consult,omitempty"`
	Serial  int       `json:"serial"`
}

// toPage is what the call's node tells the page's: one of these, or nothing but that it is there.
type toPage struct {
	Hangup      calls.Cause        `json:"hangup,omitempty"`
	Show        calls.State        `json:"show,omitempty"`
	Recording   *remoteRecording   `json:"recording,omitempty"`
	Answerer    sound.AMDResult    `json:"answerer,omitempty"`
	Beep        bool               `json:"beep,omitempty"` // beside Answerer
	Roster      *calls.Roster      `json:"roster,omitempty"`
	Supervision *calls.Supervision `json:"supervision,omitempty"`
	Data        *calls.Data        `json:"data,omitempty"`
	Transfer    *remoteProgress    `json:"transfer,omitempty"`
}

type remoteRecording struct {
	On          bool       `json:"on"`
	PausedUntil *time.Time `json:"paused_until,omitempty"`
}

// remoteProgress is how a transfer goes that the page has asked for.
type remoteProgress struct {
	Serial  int           `json:"serial"`
	State   transferState `json:"state"` // ringing, here, done
	Refused calls.Cause   `json:"refused,omitempty"`
}

const (
	remoteBeat    = 2 * time.Second
	remoteSilence = 5 * remoteBeat // after which the other node is taken for gone
	remoteWithin  = 3 * time.Second
	remoteWaiting = 64 // messages that wait for the leg's goroutine: more than a call sees at once
)

func pageSubject(agent uuid.UUID) string   { return "page." + agent.String() }
func fromPageSubject(leg uuid.UUID) string { return "leg." + leg.String() + ".from" }
func toPageSubject(leg uuid.UUID) string   { return "leg." + leg.String() + ".to" }

// publish tells the other node something.
func (h *Hub) publish(subject string, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		h.log.Error("a message between nodes could not be written", "err", err)
		return
	}
	h.need.Bus.Publish(subject, body)
}

// listenTo hands on what the other node says, in order, until stop.
func listenTo[T any](h *Hub, subject string) (said <-chan T, stop func()) {
	c := make(chan T, remoteWaiting)
	return c, h.need.Bus.Subscribe(subject, func(_ string, body []byte) {
		var m T
		if err := json.Unmarshal(body, &m); err != nil {
			h.log.Error("a message of another node makes no sense", "err", err)
			return
		}
		select {
		case c <- m:
		default:
			h.log.Error("a message of another node is lost: its leg does not read")
		}
	})
}

// nodeAudio is one end of the audio between two nodes.
type nodeAudio struct {
	port   *media.RTPPort
	stream *media.Stream
	key    []byte
}

func (h *Hub) newNodeAudio() (*nodeAudio, error) {
	port, err := h.cfg.Ports.Open(netip.Addr{})
	if err != nil {
		return nil, fmt.Errorf("open a port between nodes: %w", err)
	}
	t := &nodeAudio{port: port, stream: media.NewStream(port, h.cfg.Stream), key: make([]byte, media.SRTPGCM128.KeyLength())}
	_, _ = rand.Read(t.key) // never fails
	return t, nil
}

func (t *nodeAudio) here() remoteMedia { return remoteMedia{t.port.LocalAddr(), t.key} }

// connect lets nobody but the other node be heard.
func (t *nodeAudio) connect(there remoteMedia) error {
	keys, err := media.NewSRTP(media.SRTPKeys{Suite: media.SRTPGCM128, Local: string(t.key), Remote: string(there.Key)}, nil)
	if err != nil {
		return err
	}
	t.port.SetRemote(there.Addr, media.RTPTrust{SRTP: keys, PayloadTypes: []uint8{nodesPayload}})
	return nil
}

// nodesPayload is the payload type of whatever codec two nodes speak.
const nodesPayload = 96

// speak sets the codec, which is that of the page, so that packets pass as they are.
func (t *nodeAudio) speak(name string) {
	c, ok := codec.ByName(name)
	if !ok {
		c = codec.PCMU
	}
	t.stream.Negotiate(media.Format{Codec: c, PayloadType: nodesPayload}, media.SendRecv)
}

// run carries audio until ctx ends.
func (t *nodeAudio) run(ctx context.Context, h *Hub) {
	if err := t.stream.Run(ctx); err != nil {
		h.log.Warn("audio between two nodes failed", "err", err)
	}
	if err := t.port.Close(); err != nil {
		h.log.Debug("closing a port between nodes", "err", err)
	}
}
