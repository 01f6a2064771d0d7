package queues

import "slices"

// AnnouncementKind is a part of what those who wait hear.
type AnnouncementKind string

// Parts of announcements.
const (
	AnnounceGreeting AnnouncementKind = "greeting" // the queue's, once
	AnnouncePosition AnnouncementKind = "position"
	AnnounceWait     AnnouncementKind = "estimated_wait"
	AnnouncePrompt   AnnouncementKind = "prompt" // one of the queue's own
	AnnounceMusic    AnnouncementKind = "music"  // for EverySeconds
)

// AnnouncementPart is one part, in its turn.
type AnnouncementPart struct {
	Play   AnnouncementKind `json:"play"`
	Prompt Prompt           `json:"prompt,omitzero"` // of prompt
}

// Announcement is what those who wait hear (Q3.7): the parts of Order one after another; the music plays for EverySeconds. After the last part
// they begin again, without the greeting, until they were played Max times.
type Announcement struct {
	On           bool               `json:"on"`
	EverySeconds int                `json:"every_seconds"`
	Order        []AnnouncementPart `json:"order,omitempty"` // none: greeting, music, position
	Max          int                `json:"max,omitempty"`   // 0: as long as they wait
}

const maxAnnouncements = 20

// Parts are the parts in force: where announcements are off the greeting and the music, and the music always.
func (a Announcement) Parts() []AnnouncementPart {
	switch {
	case !a.On:
		return []AnnouncementPart{{Play: AnnounceGreeting}, {Play: AnnounceMusic}}
	case len(a.Order) == 0:
		return []AnnouncementPart{{Play: AnnounceGreeting}, {Play: AnnounceMusic}, {Play: AnnouncePosition}}
	case !slices.ContainsFunc(a.Order, func(p AnnouncementPart) bool { return p.Play == AnnounceMusic }):
		return append(slices.Clone(a.Order), AnnouncementPart{Play: AnnounceMusic})
	}
	return a.Order
}

func (a Announcement) validate() error {
	if a.On && (a.EverySeconds < 10 || a.EverySeconds > 3600) {
		return invalid("announcement", "The music plays for 10 seconds at least, and for an hour at most, between announcements.")
	}
	if a.Max < 0 || len(a.Order) > maxAnnouncements {
		return invalid("announcement", "Announcements have at most %d parts, and are played once or more often; 0 is without end.", maxAnnouncements)
	}
	greetings := 0
	for _, p := range a.Order {
		switch p.Play {
		case AnnounceGreeting:
			greetings++
		case AnnouncePosition, AnnounceWait, AnnounceMusic:
		case AnnouncePrompt:
			if p.Prompt.blank() {
				return invalid("announcement", "Choose the recording, or write the text, of each announcement.")
			}
		default:
			return invalid("announcement", "There is no announcement %q.", p.Play)
		}
	}
	if greetings > 1 {
		return invalid("announcement", "The greeting is played once.")
	}
	return nil
}
