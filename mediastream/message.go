package mediastream

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/calls"
)

// What we send. The names, and that numbers are strings, are those of Twilio's documentation of Media Streams.
type (
	connectedMessage struct {
		Event    string `json:"event"`
		Protocol string `json:"protocol"`
		Version  string `json:"version"`
	}
	startMessage struct {
		Event    string    `json:"event"`
		Sequence string    `json:"sequenceNumber"`
		Start    startData `json:"start"`
		Stream   string    `json:"streamSid"`
	}
	startData struct {
		Account    string            `json:"accountSid"`
		Stream     string            `json:"streamSid"`
		Call       string            `json:"callSid"`
		Tracks     []string          `json:"tracks"`
		Format     mediaFormat       `json:"mediaFormat"`
		Parameters map[string]string `json:"customParameters"`
	}
	mediaFormat struct {
		Encoding string `json:"encoding"`
		Rate     int    `json:"sampleRate"`
		Channels int    `json:"channels"`
	}
	mediaMessage struct {
		Event    string    `json:"event"`
		Sequence string    `json:"sequenceNumber"`
		Media    mediaData `json:"media"`
		Stream   string    `json:"streamSid"`
	}
	mediaData struct {
		Track     string `json:"track"`
		Chunk     string `json:"chunk"`
		Timestamp string `json:"timestamp"` // milliseconds since the stream began
		Payload   []byte `json:"payload"`   // base64 in JSON
	}
	keyMessage struct {
		Event    string  `json:"event"`
		Stream   string  `json:"streamSid"`
		Sequence string  `json:"sequenceNumber"`
		DTMF     keyData `json:"dtmf"`
	}
	keyData struct {
		Track string `json:"track"`
		Digit string `json:"digit"`
	}
	markMessage struct {
		Event    string   `json:"event"`
		Sequence string   `json:"sequenceNumber"`
		Stream   string   `json:"streamSid"`
		Mark     markData `json:"mark"`
	}
	markData struct {
		Name string `json:"name"`
	}
	stopMessage struct {
		Event    string   `json:"event"`
		Sequence string   `json:"sequenceNumber"`
		Stop     stopData `json:"stop"`
		Stream   string   `json:"streamSid"`
	}
	stopData struct {
		Account string `json:"accountSid"`
		Call    string `json:"callSid"`
	}
)

// said is a message of the bot, read and checked.
type said struct {
	event event
	audio []byte // µ-law, 8 kHz
	mark  string
	keys  string
	hand  calls.HandOver // also the flags and data of eventData
}

// event is what a message of the bot is about.
type event string

// The events that bots send. The first four are Twilio's; the others are ours, described in docs/bots.md.
const (
	eventMedia    event = "media"
	eventMark     event = "mark"
	eventClear    event = "clear"
	eventStop     event = "stop"
	eventKeys     event = "dtmf"
	eventData     event = "data"
	eventHandOver event = "handover"
	eventHangUp   event = "hangup"
)

const (
	maxMessage = 1 << 20 // bytes; about 90 s of audio
	maxMark    = 256     // bytes of a mark's name
	maxKeys    = 64
)

// wire is what a bot may write. What a message's event does not need is not looked at.
type wire struct {
	Event string `json:"event"`
	Media *struct {
		Payload string `json:"payload"`
	} `json:"media"`
	Mark *markData `json:"mark"`
	DTMF *struct {
		Digits string `json:"digits"`
		Digit  string `json:"digit"`
	} `json:"dtmf"`
	HandOver *wireHandOver    `json:"handover"`
	Reserved calls.Reserved   `json:"reserved"`
	Data     calls.DataValues `json:"data"`
}

type wireHandOver struct {
	Queue    string           `json:"queue"`
	Summary  string           `json:"summary"`
	Reserved calls.Reserved   `json:"reserved"`
	Data     calls.DataValues `json:"data"`
}

// errUnknownEvent is a message that means nothing here: frameworks send events of their own.
var errUnknownEvent = errors.New("an event of another protocol")

// read understands a message of the bot.
func read(text []byte) (said, error) {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return said{}, fmt.Errorf("read a bot's message: %w", err)
	}
	s := said{event: event(w.Event)}
	switch s.event {
	case eventMedia:
		if w.Media == nil {
			return s, errors.New("a media message has no media")
		}
		audio, err := base64.StdEncoding.DecodeString(w.Media.Payload)
		if err != nil {
			return s, fmt.Errorf("read the payload of a media message: %w", err)
		}
		s.audio = audio
	case eventMark:
		if w.Mark == nil || len(w.Mark.Name) > maxMark || !utf8.ValidString(w.Mark.Name) {
			return s, errors.New("a mark has no name, or one that is too long")
		}
		s.mark = w.Mark.Name
	case eventKeys:
		if w.DTMF == nil {
			return s, errors.New("a dtmf message has no keys")
		}
		s.keys = strings.ToUpper(w.DTMF.Digits + w.DTMF.Digit)
		if s.keys == "" || len(s.keys) > maxKeys || strings.Trim(s.keys, "0123456789*#ABCD") != "" {
			return s, errors.New("a dtmf message has keys that no telephone has, or too many")
		}
	case eventData:
		s.hand.DataChange = calls.DataChange{Reserved: w.Reserved, Data: w.Data}
	case eventHandOver:
		h := w.HandOver
		if h == nil {
			h = &wireHandOver{}
		}
		s.hand = calls.HandOver{Summary: h.Summary, DataChange: calls.DataChange{Reserved: h.Reserved, Data: h.Data}}
		if h.Queue != "" {
			queue, err := uuid.Parse(h.Queue)
			if err != nil {
				return s, fmt.Errorf("read the queue of a handover: %w", err)
			}
			s.hand.Queue = queue
		}
	case eventClear, eventStop, eventHangUp:
	default:
		return s, errUnknownEvent
	}
	return s, nil
}

// sid makes the identifiers of Twilio's form: two letters and 32 hexadecimal digits, which are those of our own id.
func sid(kind string, id uuid.UUID) string { return kind + strings.ReplaceAll(id.String(), "-", "") }
