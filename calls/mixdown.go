package calls

import (
	"context"

	"tandem/media"
	"tandem/media/codec"
)

// mixdown is the sum of all who talk with the customer, as one stream that a tape can hear.
type mixdown struct {
	stream *media.Stream
	stop   context.CancelFunc
}

// agentSide is what the tape has opposite the customer: the far party, or all who talk with the customer.
func (c *Call) agentSide() *media.Stream {
	speakers := []*media.Stream{c.far.Stream()}
	for _, g := range c.guests {
		if g.state == guestJoined {
			speakers = append(speakers, g.leg.Stream())
		}
	}
	if len(speakers) == 1 {
		c.mixdown.end()
		c.mixdown = nil
		return c.far.Stream()
	}
	if c.mixdown == nil {
		c.mixdown = c.newMixdown()
	}
	c.mixdown.stream.Play(c.source(speakers))
	return c.mixdown.stream
}

func (c *Call) newMixdown() *mixdown {
	ctx, stop := context.WithCancel(context.Background())
	m := &mixdown{stream: media.NewMirror(c.far.Stream()), stop: stop}
	format := media.Format{Codec: c.far.Stream().Format().Codec}
	if format.Codec.Name == codec.Opus.Name {
		format.Codec = codec.G722 // as wide, for a tenth of the work
	}
	m.stream.Negotiate(format, media.SendRecv)
	c.watchers.Go(func() {
		if err := m.stream.Run(ctx); err != nil {
			c.log.Error("the sum of a conference is not recorded", "err", err)
		}
	})
	return m
}

func (m *mixdown) end() {
	if m != nil {
		m.stop()
	}
}
