package crmsync

import (
	"errors"

	"tandem/internal/fault"
	"tandem/recording"
)

// Words are what the test button says of a vendor that does not do as it should. Throttled and Known may be left out.
type Words struct {
	Refused     *fault.Error   // the credentials
	Missing     *fault.Error   // what was asked for is not there, or may not be seen
	NotOne      *fault.Error   // an answer that is none of this vendor's; nil: as Unreachable
	Throttled   *fault.Error   // too many requests; nil: as Unreachable
	Unreachable *fault.Error   // anything else
	Known       []*fault.Error // what says for itself what to do
}

// Explain turns a failure into what a person can do about it; nil stays nil.
func (w Words) Explain(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range w.Known {
		if errors.Is(err, known) {
			return known.Because(err)
		}
	}
	say := w.Unreachable
	var e *recording.SendError
	switch {
	case !errors.As(err, &e):
		if w.NotOne != nil {
			say = w.NotOne
		}
	case e.Class == recording.ClassUnauthorized:
		say = w.Refused
	case e.Class == recording.ClassGone, e.Class == recording.ClassRejected:
		say = w.Missing
	case e.Class == recording.ClassThrottled && w.Throttled != nil:
		say = w.Throttled
	}
	return say.Because(err)
}
