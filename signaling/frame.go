package signaling

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/signaling/relay"
)

// version of the frames; docs/websocket.md describes them.
const version = 1

// frame is one text message of the WebSocket, in either direction.
type frame struct {
	V    int             `json:"v"`
	ID   string          `json:"id,omitempty"`   // chosen by the sender; an answer carries that of its question
	Type string          `json:"type"`           //
	Call string          `json:"call,omitempty"` // which call is meant
	Seq  uint64          `json:"seq,omitempty"`  // of what a resumed session is sent again
	Ack  uint64          `json:"ack,omitempty"`  // the browser has everything up to here
	Data json.RawMessage `json:"data,omitempty"`
}

const (
	maxFrame = 64 << 10 // bytes of a frame; an SDP offer takes 3 to 10 kB
	maxName  = 64       // bytes of id, type and call
)

var errFrame = errors.New("not a frame")

// decodeFrame reads what a browser sent.
func decodeFrame(b []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		return frame{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	if f.V != version || f.Type == "" || len(f.Type) > maxName || len(f.ID) > maxName || len(f.Call) > maxName {
		return frame{}, errFrame
	}
	return f, nil
}

// decode reads a frame's data into a T.
func decode[T any](f frame) (T, error) {
	var d T
	if len(f.Data) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(f.Data, &d); err != nil {
		return d, errBadData
	}
	return d, nil
}

// What the frames from browsers carry.
type (
	helloData struct {
		Ticket   string `json:"ticket"`
		Resume   string `json:"resume"`
		LastSeq  uint64 `json:"last_seq"`
		Customer bool   `json:"customer"`
		Name     string `json:"name"`
		Widget   string `json:"widget"` // the account, of pages with the widget
	}
	presenceData struct {
		Presence string `json:"presence"`
		Reason   string `json:"reason"`
	}
	askedData struct {
		On bool `json:"on"`
	}
	sdpData struct {
		SDP string `json:"sdp"`
	}
	serversData struct {
		ICEServers []relay.ICEServer `json:"ice_servers"`
	}
	candidateData struct {
		Candidate *candidate `json:"candidate"`
	}
	candidate struct {
		Candidate        string  `json:"candidate"`
		SDPMid           *string `json:"sdpMid,omitempty"`
		SDPMLineIndex    *uint16 `json:"sdpMLineIndex,omitempty"`
		UsernameFragment *string `json:"usernameFragment,omitempty"`
	}
	levelData struct {
		Level float64 `json:"level"`
	}
	offerData struct {
		Offer uuid.UUID `json:"offer"`
	}
	superviseData struct {
		Call uuid.UUID             `json:"call"`
		Mode calls.SupervisionMode `json:"mode"`
		Why  string                `json:"why"`
	}
	transferData struct {
		Agent  uuid.UUID `json:"agent"` // one of the three
		Queue  uuid.UUID `json:"queue"`
		Number string    `json:"number"`
	}
	removeData struct {
		Party uuid.UUID `json:"party"`
	}
	redactData struct {
		On bool `json:"on"`
	}
	mutedData struct {
		Muted bool `json:"muted"`
	}
	digitData struct {
		Digit string `json:"digit"`
	}
	startData struct {
		Number string            `json:"number"`
		Data   map[string]string `json:"data"`  // what the page says of the customer
		Token  string            `json:"token"` // what the tenant's server says, signed
	}
	wrapData struct {
		Disposition string `json:"disposition"`
		Notes       string `json:"notes"`
	}
	statsData struct {
		Received  float64 `json:"packets_received"`
		Lost      float64 `json:"packets_lost"` // of what we sent, since the last report
		JitterMS  float64 `json:"jitter_ms"`
		RoundTrip float64 `json:"round_trip_ms"`
	}
)
