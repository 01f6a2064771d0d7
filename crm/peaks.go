package crm

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/sound"
)

const peakCount = 1000 // points of a waveform: more than a player has pixels for

// Peaks is the waveform of a WAV file: for each channel the loudest sample of each stretch, 0 to 255.
type Peaks struct {
	Seconds  float64   `json:"seconds"`
	Channels int       `json:"channels"`
	Peaks    [][]uint8 `json:"-"`
	bytes    []byte    // channel by channel
}

// PeaksOf measures a WAV file of the given length in bytes, wherever it lies; no peaks for anything else.
func PeaksOf(r io.Reader, size int64) Peaks { return wavPeaks(r, size) }

// wavPeaks measures a WAV file of the given length in bytes; no peaks for anything else. It reads no more than it needs.
func wavPeaks(r io.Reader, size int64) Peaks {
	w, err := sound.NewReader(r)
	if err != nil {
		return Peaks{}
	}
	f := w.Format()
	frames := size / int64(f.BlockAlign()) // an upper bound where the header does not tell
	if d := w.Declared(); d >= 0 {
		frames = d / int64(f.BlockAlign())
	}
	stretch := max(1, (frames+peakCount-1)/peakCount)
	channels := make([][]uint8, f.Channels)
	buf := make([]int16, 4096*f.Channels)
	loudest := make([]int, f.Channels)
	read := int64(0)
	for {
		n, err := w.ReadPCM(buf)
		for i := range n {
			c := i % f.Channels
			loudest[c] = max(loudest[c], abs(int(buf[i])))
			if c == f.Channels-1 {
				if read++; read%stretch == 0 {
					flushPeaks(channels, loudest)
				}
			}
		}
		if err != nil {
			break
		}
	}
	if read%stretch != 0 {
		flushPeaks(channels, loudest)
	}
	p := Peaks{Seconds: float64(read) / float64(f.Rate), Channels: f.Channels, Peaks: channels, bytes: []byte{}}
	for _, c := range channels {
		p.bytes = append(p.bytes, c...)
	}
	return p
}

func flushPeaks(channels [][]uint8, loudest []int) {
	for c := range channels {
		channels[c] = append(channels[c], uint8(min(loudest[c]>>7, 255)))
		loudest[c] = 0
	}
}

func abs(v int) int { return max(v, -v) }

// Peaks returns the waveform of a file; ErrNoAttachment when it has none.
func (s *Service) Peaks(ctx context.Context, tenant, ticket, id uuid.UUID) (p Peaks, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT seconds, channels, peaks FROM ticket_attachments WHERE ticket_id = `+leadsTo+` AND attachment_id = $2 AND stored_at IS NOT NULL AND peaks IS NOT NULL`, ticket, id).
			Scan(&p.Seconds, &p.Channels, &p.bytes)
		if err != nil {
			return storage.Missing(fmt.Errorf("read the peaks: %w", err), ErrNoAttachment)
		}
		return nil
	})
	if err == nil && p.Channels > 0 {
		n := len(p.bytes) / p.Channels
		for c := range p.Channels {
			p.Peaks = append(p.Peaks, p.bytes[c*n:(c+1)*n])
		}
	}
	return p, err
}
